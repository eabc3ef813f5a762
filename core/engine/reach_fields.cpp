#include "core/engine/reach_fields.h"

#include <string>
#include <utility>

#include "core/model/receptive_field.h"

namespace erwin {

std::shared_ptr<const Reach> make_rollout(const Tap& tap, std::int64_t point, int layer, const Job& job) {
  std::vector<RolloutStep> steps = rollout(tap, {.point = point, .last_layer = layer}, job);
  RolloutStep& whole = steps.back();
  Field field(rollout_field, FieldKind::Scalar, 1, std::move(whole.points));
  const Concentration concentration = whole.concentration;
  for (RolloutStep& step : steps) step.points.clear();
  return std::make_shared<const Reach>(Reach{point, layer, std::move(field), concentration, std::move(steps), 0, 0});
}

std::shared_ptr<const Reach> make_receptive_field(const Predictor& predictor, const ModelSample& sample,
                                                  std::int64_t point, const Job& job) {
  const ReceptiveField made = receptive_field(predictor, sample, point, -1, job);
  const auto values = made.influence.values();
  Field field(receptive_field_name, FieldKind::Scalar, 1, {values.begin(), values.end()});
  return std::make_shared<const Reach>(
      Reach{point, -1, std::move(field), made.concentration, {}, made.above_threshold, made.above_zero});
}

}  // namespace erwin
