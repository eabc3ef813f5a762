#pragma once
// One row of a layer's attention, recomputed on demand from a Tap: where does this query look? Nothing N x N is ever
// made; a row costs time and memory linear in the number of slots at worst (kind Full), a ball and a few blocks at
// best.
//
// What is shown (method 8.4), per query head or averaged over heads:
//   A[i, j] = g_l P_l[i, j] + g_s P_s[i, j] + g_c P_c[i, block(j)] / n_block(j)        over real points j
// The last term spreads a compressed weight evenly over the block's real points: say so wherever it is shown. In a
// pooled layer a point stands for the node that holds it: the query is that node, and a node's weight is spread evenly
// over its real points. Kinds Ball and Full have one branch, reported as local with gate 1. Softmax runs in float64 on
// the record's float32 q, k, v.

#include <cstdint>
#include <vector>

#include "core/attention/tap.h"
#include "core/base/job.h"

namespace erwin {

enum class Branch {
  All,         // the gated sum A
  Local,       // P_l: own softmax, no gate; sums to 1
  Compressed,  // P_c: sums to 1 with the memory slot
  Selected     // P_s: sums to 1, or is 0 where nothing was selected
};
const char* name_of(Branch branch);   // "all", "local", "compressed", "selected"
const char* name_of(LayerKind kind);  // "ball", "nsa", "full"

struct AttentionQuery {
  int layer = 0;  // LayerTap::layer
  int head = -1;  // query head; -1: mean over the heads
  Branch branch = Branch::All;
  std::int64_t point = -1;  // the query, a point of the cloud; -1: the slots below
  // A block, ball or any other node as the query: the mean row of the real slots in [slot_begin, slot_end).
  std::int64_t slot_begin = 0, slot_end = 0;
  // Any other set of points: the mean of their rows, each the row of the slot that answers for the point. Goes before
  // the slots where it is not empty and `point` is -1.
  std::vector<std::int64_t> points = {};
};

// A block that the query's block selected, for one key/value head.
struct SelectedBlock {
  std::int32_t block = 0;        // id in the layer's own partition: slots [block * b, (block + 1) * b)
  std::int32_t query_block = 0;  // who selected it
  int kv_head = 0;
  int rank = 0;  // 0 is the best
  float score = 0;
  double weight = 0;  // of the selected branch, in the row's own terms (gated for Branch::All)
};

struct AttentionRow {
  // Weight of every point [n]: ready to become a Field.
  std::vector<float> points;
  // Nsa only, [blocks]: weight that the compressed branch gives each block, and that the selected branch gives its
  // slots.
  std::vector<float> block_compressed, block_selected;
  // By query block, KV head and rank; KV heads that `head` does not read are left out. Empty for Ball and Full.
  std::vector<SelectedBlock> selected;
  // Means over the heads and queries of the row. Ball and Full: local 1, the others 0.
  double gate_local = 1, gate_compressed = 0, gate_selected = 0;
  // Sums of the weights over real points, by branch (0 for branches that were not asked for), and the memory slot's.
  double local = 0, compressed = 0, selected_sum = 0, memory = 0;
  double sum() const { return local + compressed + selected_sum + memory; }
  // What sum() must be: g_l + g_c + g_s [something was selected] for Branch::All; else 1 (Selected: the share of heads
  // and queries that selected anything).
  double expected_sum = 0;
  // Largest |recomputed - recorded| log-sum-exp over the softmaxes of this row: how well the record fits itself.
  double lse_gap = 0;
  std::int64_t queries = 0;  // real slots that were averaged
};

// Raises Error{Config}: no such layer, head, point (out of range, or in no slot of this layer) or slots; a branch that
// the layer does not have; q, k, v not recorded. Error{Internal} where the record's arrays disagree. Error{Cancelled}.
AttentionRow attention_row(const Tap& tap, const AttentionQuery& query, const Job& job = {});

// What a query's block selected, from the block ids alone (no q, k, v needed; weights stay 0). head -1: all KV heads.
std::vector<SelectedBlock> selected_blocks(const LayerTap& layer, std::int64_t slot, int head = -1);

// The real points of slots [begin, end), ascending, each once.
std::vector<std::int32_t> points_of_slots(const LayerTap& layer, std::int64_t begin, std::int64_t end);

// A block that deserved to be selected.
struct MissedBlock {
  std::int32_t block = 0;
  double mass = 0;    // exact softmax mass that no branch at full resolution saw, mean over the heads
  int mass_rank = 0;  // its place by exact mass among all blocks outside the query's ball, 0 the heaviest
};

// How good the selection was (method 8.4): the exact softmax of the selected branch's q.k over all real slots.
struct MissedMass {
  double recall = 0;  // mass inside own ball and selected blocks; mean over the heads
  std::vector<MissedBlock>
      missed;             // the best S blocks by mass that were not chosen, outside the own ball; heaviest first
  double missed_sum = 0;  // 1 - recall: mass of all blocks not seen
};

// head -1: mean over the heads, each with what its KV head selected. Kind Nsa only; errors as attention_row.
MissedMass missed_mass(const Tap& tap, int layer, int head, std::int64_t point, const Job& job = {});

}  // namespace erwin
