#include "core/engine/attribution_view.h"

#include <chrono>
#include <cstdio>
#include <utility>

namespace erwin {

namespace {

std::string exact(double value) {
  char buffer[40];
  std::snprintf(buffer, sizeof buffer, "%.9g", value);
  return buffer;
}

}  // namespace

std::shared_ptr<const AttributionView> make_attribution_view(const Predictor& predictor, const ModelSample& sample,
                                                             const AttributionRequest& request, const std::string& unit,
                                                             const Job& job) {
  const auto start = std::chrono::steady_clock::now();
  Attribution result = attribute(predictor, sample, request, job);
  Field contribution(contribution_field, FieldKind::Scalar, 1, result.contribution.points, unit);
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return std::make_shared<const AttributionView>(
      AttributionView{std::move(result), unit, std::move(contribution), seconds});
}

std::string csv_of(const AttributionView& view) {
  const Attribution& result = view.result;
  const Contribution& parts = result.contribution;
  std::string text = "part,name,contribution,attention,measured,distance\n";
  const auto branch = [&](const char* name, double value) {
    text += std::string("branch,") + name + "," + exact(value) + ",,,\n";
  };
  branch("local", parts.local_sum);
  branch("compressed", parts.compressed_sum);
  branch("selected", parts.selected_sum);
  branch("memory", parts.memory);
  branch("bias", parts.bias);
  branch("remainder", result.remainder);
  branch("prediction", result.prediction);
  for (const AttributedBlock& block : result.blocks)
    text += "block," + std::to_string(block.block) + "," + exact(block.contribution) + "," + exact(block.attention) +
            "," + exact(block.measured) + "," + exact(block.distance) + "\n";
  if (!result.curves.empty()) text += "curve,order,removed,change\n";
  for (const DeletionCurve& curve : result.curves)
    for (std::size_t i = 0; i < curve.removed.size(); ++i)
      text += "curve," + curve.order + "," + std::to_string(curve.removed[i]) + "," + exact(curve.change[i]) + "\n";
  return text;
}

}  // namespace erwin
