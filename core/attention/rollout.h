#pragma once
// Rollout (method 8.4): where a query looks through all layers together. Per layer A is averaged over heads and, with
// units of several slots, over a unit's queries and summed over a unit's keys; a sink column takes the memory slot's
// share, rows are divided by their sums, and R = (I + A) / 2. Between layers in different trees a unit's weight goes
// evenly to its points and from there to the units of the next layer, T[a, b] = |a and b| / |a|. A row vector is
// carried from the last layer to the first, never a matrix.
//
// Message passing before the first layer, the U-net's pooling and the channels' own mixing are not in it.

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "core/attention/tap.h"
#include "core/base/job.h"

namespace erwin {

struct RolloutRequest {
  std::int64_t point = 0;
  int last_layer = -1;  // start behind this layer; -1: the record's last
  // Slots of a unit: 1 for single slots (nodes in pooled layers), 0 for each layer's blocks (slots where it has none),
  // else this many.
  int unit_slots = 1;
};

// How concentrated a field of weights >= 0 is: the smallest share of its points that holds half, 90 and 99 % of the
// sum.
struct Concentration {
  double share_50 = 0, share_90 = 0, share_99 = 0;
};
Concentration concentration_of(std::span<const float> weights);

// After one layer more.
struct RolloutStep {
  int layer = 0;
  std::string name;
  std::vector<float> points;  // [n] weight of every point; these and the sink sum to 1
  double sink = 0;            // what memory slots took so far
  Concentration concentration;
};

// From the last layer to the first; the last entry is the whole rollout. Needs q and k of every layer up to last_layer.
// Costs one pass over the queries of every layer. Raises what attention_row raises.
std::vector<RolloutStep> rollout(const Tap& tap, const RolloutRequest& request, const Job& job = {});

}  // namespace erwin
