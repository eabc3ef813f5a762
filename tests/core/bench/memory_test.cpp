// The memory that is predicted for a training step beside what was measured on a GPU at every setting of `bench step`.

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "core/bench/internal/settings.h"
#include "core/train/memory_plan.h"
#include "tests/support/shared_data.h"

namespace erwin::bench {
namespace {

TEST(PredictedMemory, IsWithin15PercentOfEveryPeakThatWasMeasured) {
  std::ifstream in(test::source_folder() / "tests/bench/step_h100.json");
  const auto measured = nlohmann::json::parse(in).at("rows");
  int compared = 0;
  for (const auto& row : measured) {
    if (!row.contains("peak_bytes")) continue;
    const std::string group = row.at("group"), network = row.at("what"), precision = row.at("precision");
    const std::int64_t points = row.at("shape").at("points"), batch = row.at("shape").at("batch");
    const std::vector<Setting> settings = group.starts_with("curve") ? curve_settings(points) : paper_settings(false);
    const auto setting = std::find_if(settings.begin(), settings.end(), [&](const Setting& one) {
      return group.starts_with(one.name + " ") && one.network == network;
    });
    ASSERT_NE(setting, settings.end()) << group << " " << network;
    TrainConfig train;
    train.batch = batch;
    train.loaders = 4;  // as the bench has them
    train.precision = precision == "tf32" ? "float32" : precision;
    const MemoryPlan plan = predict_memory(setting->config, train, estimate_parameters(setting->config),
                                           sample_size(setting->config, points), /*on_cpu=*/false);
    const double ratio = static_cast<double>(plan.total()) / row.at("peak_bytes").get<double>();
    EXPECT_NEAR(ratio, 1, 0.15) << group << " " << network << " " << precision;
    ++compared;
  }
  EXPECT_GE(compared, 40);
}

}  // namespace
}  // namespace erwin::bench
