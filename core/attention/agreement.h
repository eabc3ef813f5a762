#pragma once
// How much two attentions, or two predictions, of the same points agree: of two layers, heads, checkpoints.

#include <cstdint>
#include <span>
#include <string_view>

#include "core/attention/tap.h"
#include "core/base/job.h"

namespace erwin {

// Jensen-Shannon divergence of two rows p, q of weights >= 0, each divided by its sum first: (KL(p | m) + KL(q | m)) /
// 2 with m = (p + q) / 2, in bits: 0 for equal rows, 1 for rows that share no point. NaN where a row is all 0. Both
// [n].
double jensen_shannon(std::span<const float> a, std::span<const float> b);

// Their overlap sum_j min(p_j, q_j), each divided by its sum first: 1 for equal rows, 0 for rows that share no point.
double row_overlap(std::span<const float> a, std::span<const float> b);

// Pearson's correlation over the values that are finite on both sides; NaN for fewer than two, or where one side is
// constant. Both [n].
double correlation(std::span<const float> a, std::span<const float> b);

// How much of what point i's block selected in two layers is the same: |A_i and B_i| / |A_i or B_i| of the sets of
// points in the selected blocks (Jaccard), whichever trees the layers ran in. 1 for equal selections, 0 for selections
// that share no point; NaN where neither selected anything. head -1: what any KV head selected. Kind nsa only;
// Error{Config} for another kind, and for a point, layer or head that is not there.
struct SelectionSide {
  const Tap* tap = nullptr;
  int layer = 0, head = -1;
};
double selection_overlap(const SelectionSide& a, const SelectionSide& b, std::int64_t point);

// The mean over all points that have one. Linear in points times selected points.
struct MeanOverlap {
  double mean = 0;  // NaN where no point has one
  std::int64_t points = 0;
};
MeanOverlap mean_selection_overlap(const SelectionSide& a, const SelectionSide& b, const Job& job = {});

}  // namespace erwin
