// Predictions that are replayed are those that are launched kernel by kernel, bit for bit.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <string>

#include "core/model/internal/network.h"
#include "core/model/predict.h"
#include "tests/core/train/support.h"

namespace erwin {
namespace {

#define ERWIN_CUDA_OR_SKIP() \
  if (resolve_device("auto") == "cpu") GTEST_SKIP() << "there is no CUDA device on this machine"

ModelSample sample_of(const ModelConfig& config, int points, double phase) {
  SampleRecipe recipe;
  recipe.target = "height";
  return prepare_sample(*test::spiral(points, phase), 0, recipe, config, {}, /*with_geometry=*/false);
}

TEST(PredictionGraphsGpu, ReplaysGiveTheBitsOfLaunches) {
  ERWIN_CUDA_OR_SKIP();
  for (const ModelKind kind : {ModelKind::Erwin, ModelKind::ErwinNsa, ModelKind::Ball, ModelKind::Full})
    for (const Precision precision : all_precisions()) {
      const std::string what = std::string(name_of(kind)) + " " + name_of(precision);
      const ModelConfig config = test::small_network(kind);
      const Model replaying(config, 1, "cuda", precision);
      for (int turn = 0; turn < 6; ++turn) {
        // Two sizes in turns, other positions every time; a new network has seen no size.
        const ModelSample sample = sample_of(config, turn % 2 ? 333 : 500, turn);
        const Model launching(config, 1, "cuda", precision);
        EXPECT_EQ(replaying.predict(sample).values, launching.predict(sample).values) << what << " turn " << turn;
      }
      if (precision == Precision::Float64) continue;  // has no kernels, and what it runs instead may not be recorded
      EXPECT_EQ(replaying.impl().graphs->replayed(), 4) << what;
    }
}

TEST(PredictionGraphsGpu, NewWeightsAreUsedByOldGraphs) {
  ERWIN_CUDA_OR_SKIP();
  const ModelConfig config = test::small_network(ModelKind::ErwinNsa);
  Model model(config, 1, "cuda");
  const Model other(config, 2, "cuda");
  const ModelSample sample = sample_of(config, 400, 0);
  const std::vector<float> first = model.predict(sample).values;
  EXPECT_EQ(model.predict(sample).values, first);
  model.load_weights(other.weights());
  EXPECT_EQ(model.predict(sample).values, other.predict(sample).values);
  EXPECT_NE(model.predict(sample).values, first);
}

TEST(PredictionGraphsGpu, Tf32RoundsOnlyWhereItIsAskedFor) {
  ERWIN_CUDA_OR_SKIP();
  ModelConfig config = test::small_network(ModelKind::ErwinNsa);
  config.flat.width = 128;
  const ModelSample sample = sample_of(config, 600, 0);
  const auto answer = [&](Precision precision) { return Model(config, 1, "cuda", precision).predict(sample).values; };
  const std::vector<float> before = answer(Precision::Float32), rounded = answer(Precision::Tf32),
                           after = answer(Precision::Float32);
  EXPECT_EQ(before, after);
  EXPECT_NE(before, rounded);
  float largest = 0, apart = 0;
  for (std::size_t i = 0; i < before.size(); ++i) {
    largest = std::max(largest, std::abs(before[i]));
    apart = std::max(apart, std::abs(before[i] - rounded[i]));
  }
  EXPECT_LT(apart, 2e-2f * largest);
}

TEST(PredictionGraphsGpu, ManySizesTakeTurns) {
  ERWIN_CUDA_OR_SKIP();
  const ModelConfig config = test::small_network(ModelKind::Erwin);
  const Model model(config, 1, "cuda");
  for (int round = 0; round < 3; ++round)
    for (int points = 200; points < 207; ++points) {
      const ModelSample sample = sample_of(config, points, round);
      const Model fresh(config, 1, "cuda");
      EXPECT_EQ(model.predict(sample).values, fresh.predict(sample).values) << points << " round " << round;
    }
}

}  // namespace
}  // namespace erwin
