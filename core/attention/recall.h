#pragma once
// How good a layer's selection is, all over the cloud (method 8.4, missed mass), and whether its scores rank blocks as
// the exact attention would.

#include <cstdint>
#include <vector>

#include "core/attention/tap.h"
#include "core/base/job.h"
#include "core/data/field.h"

namespace erwin {

struct RecallRequest {
  int layer = 0;
  int head = -1;  // -1: mean over heads, each with what its KV head selected
  std::int64_t queries_per_block =
      0;                         // evenly spread over the block's points; 0: all of them (cost: the cloud squared)
  std::int64_t only_block = -1;  // looks at the queries of this block alone; -1: at every block's
};

// Per query block; NaN for blocks without a point.
struct RecallField {
  std::vector<float> recall;  // [blocks] exact softmax mass inside own ball and selected blocks; mean over its queries
  // [blocks] Spearman's rank correlation, over the real blocks outside the own ball, of the score with which the layer
  // chooses (method 8.3) and the exact mass (mean over the queries); mean over the KV heads. NaN with fewer than three
  // such blocks.
  std::vector<float> rank_correlation;
  double mean_recall = 0;            // over query points that were looked at
  double mean_rank_correlation = 0;  // over blocks that have one; NaN where none has
  std::int64_t queries = 0;          // slots that were looked at
  bool sampled = false;              // not every query
  // "recall" and "rank_correlation", one value per point: that of the block that holds it.
  std::vector<Field> fields;
};

// In chunks of blocks, memory linear in the number of points. Kind nsa only; errors as missed_mass.
RecallField recall_field(const Tap& tap, const RecallRequest& request, const Job& job = {});

// Spearman's rank correlation with mean ranks for ties; NaN for fewer than three pairs or where one side is constant.
double rank_correlation(const std::vector<double>& a, const std::vector<double>& b);

}  // namespace erwin
