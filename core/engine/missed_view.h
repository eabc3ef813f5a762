#pragma once
// What the selection missed (method 8.4): for one query, the blocks that deserved to be chosen and were not; for a
// layer, recall and rank correlation of every query block as fields.

#include <array>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "core/attention/recall.h"
#include "core/engine/query_view.h"

namespace erwin {

struct MissedView {
  QueryRequest request;
  // Exact softmax mass of the selected branch's q.k inside own ball and selected blocks: of the query, and the mean
  // over its block's queries.
  double recall = 0, block_recall = 0;
  double missed_sum = 0;        // 1 - recall
  double rank_correlation = 0;  // of its block: Spearman's of score and exact mass; NaN where there are too few blocks
  struct Block {
    std::int32_t block = 0;
    double mass = 0;
    int mass_rank = 0;  // among all blocks outside the own ball, 0 the heaviest
    std::vector<std::int32_t> points;
  };
  std::vector<Block> blocks;  // the best S that were not chosen, heaviest first
};
// Raises what missed_mass raises: Error{Config} for a layer that selects no blocks.
std::shared_ptr<const MissedView> make_missed_view(const Tap& tap, const QueryRequest& request, const Job& job = {});

inline constexpr std::array<const char*, 2> recall_fields{"recall", "rank_correlation"};
const char* meaning_of_recall_field(std::string_view name);  // one sentence without a full stop; null: no such field

struct RecallView {
  int layer = 0, head = -1;
  RecallField recall;
  const Field* field(std::string_view name) const;  // one of recall_fields
};
// Looks at so many queries of every block that a CPU needs some ten seconds: up to about 10^4 points at all of them.
std::shared_ptr<const RecallView> make_recall_view(const Tap& tap, int layer, int head, const Job& job = {});

}  // namespace erwin
