#pragma once
// How far a query reaches: where it looks through all layers together (rollout, core/attention/rollout.h), and on which
// points' features its prediction depends (core/model/receptive_field.h). As fields to be coloured by, with the numbers
// that say how concentrated they are.

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "core/attention/rollout.h"
#include "core/base/job.h"
#include "core/data/field.h"
#include "core/model/predict.h"

namespace erwin {

inline constexpr const char* rollout_field = "rollout";
inline constexpr const char* receptive_field_name = "receptive_field";
inline bool is_reach_field(std::string_view name) {
  return name == rollout_field || name == receptive_field_name;
}

struct Reach {
  std::int64_t point = -1;  // the query
  int layer = -1;           // rollout: the last layer that it goes through; receptive field: -1, all of the network
  Field field;              // "rollout" or "receptive_field", scalar, [n]
  Concentration concentration;
  // Rollout: from the last layer to the first, without their points; the last entry belongs to `field`.
  std::vector<RolloutStep> steps;
  // Receptive field: points with an influence above 1e-10 (in standardised units), and above 0.
  std::int64_t above_threshold = 0, above_zero = 0;
};

// tap: with q and k of every layer up to `layer`. Raises what rollout raises.
std::shared_ptr<const Reach> make_rollout(const Tap& tap, std::int64_t point, int layer, const Job& job = {});
// Raises what receptive_field raises.
std::shared_ptr<const Reach> make_receptive_field(const Predictor& predictor, const ModelSample& sample,
                                                  std::int64_t point, const Job& job = {});

}  // namespace erwin
