#pragma once
// What each key contributes to one number of the prediction through one layer, to first order (method 8.4): with a = d
// y / d out_i, key j contributes a . (g_b P_b[i, j] v_j Wout) in branch b. Summed over keys, branches, heads and the
// memory slot (and the output's bias where it has one) this is a . out_i, the layer's first-order share of y.
//
// Where a comes from is core/model/attribution.h; here it has been carried through Wout already.

#include <cstdint>
#include <vector>

#include "core/attention/tap.h"
#include "core/base/job.h"

namespace erwin {

struct ContributionRequest {
  int layer = 0;
  std::int64_t point = 0;
  // [H, D] row-major: Wout^T a, what a unit of every component of every head's result adds to y.
  std::vector<double> direction = {};
  double bias = 0;  // a . bias of the output matrix, where it has one
};

// Numbers in y's unit. Blocks are runs of `block_slots` slots of the layer's own tree: its blocks (nsa), or parts of
// its balls (other kinds).
struct Contribution {
  std::int64_t block_slots = 0;
  std::vector<double> local, compressed, selected;  // [blocks], by branch
  std::vector<double> attention;                    // [blocks] A summed over the block's keys, mean over heads
  std::vector<float> points;  // [n] of every point; a block's compressed part evenly over its points
  double local_sum = 0, compressed_sum = 0, selected_sum = 0, memory = 0, bias = 0;
  double magnitude = 0;  // sum of the absolute values of all parts (branch, head, key)
  double sum() const { return local_sum + compressed_sum + selected_sum + memory + bias; }
  double of_block(std::int64_t block) const {
    const auto b = static_cast<std::size_t>(block);
    return local[b] + compressed[b] + selected[b];
  }
};

// Needs q, k and v of the layer. Raises what attention_row raises.
Contribution contributions(const Tap& tap, const ContributionRequest& request, const Job& job = {});

}  // namespace erwin
