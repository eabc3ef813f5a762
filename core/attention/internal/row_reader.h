#pragma once
// The softmaxes of one query and one head, branch by branch, and sums of many of them: what every number of the
// explorer is made of.

#include <cstdint>
#include <functional>
#include <span>
#include <string_view>
#include <vector>

#include "core/attention/internal/softmax.h"
#include "core/attention/tap.h"

namespace erwin::attention {

// A query of one head: a slot's, or the mean over some slots of one block (for pictures that may be approximate).
struct HeadQuery {
  std::int64_t slot = 0;  // whose ball and whose block's selection it uses
  int head = 0;
  std::vector<double> q, local_q, position;  // q: the selected branch's
  std::vector<double> compressed_q;          // q, or the mean of the block's queries
};

// Fills one buffer per branch, each with its own softmax and without gates; buffers are reused. Not for two threads.
class RowReader {
public:
  RowReader(const Tap& tap, const LayerTap& layer, const Job& job) : tap_(tap), layer_(layer), job_(job) {}

  HeadQuery query_of(std::int64_t slot, int head) const;
  HeadQuery mean_query(std::span<const std::int64_t> slots, int head) const;

  // Each answers the log-sum-exp; -infinity where there is no key.
  double read_local(const HeadQuery& query);
  double read_selected(const HeadQuery& query);
  double read_compressed(const HeadQuery& query);
  // The compressed weights of some blocks only, by the recorded log-sum-exp, which must be there; the buffer's other
  // blocks keep what they held.
  void read_compressed_of(const HeadQuery& query, SlotRange blocks);

  SlotRange ball;                    // of read_local
  std::vector<double> local;         // [ball]
  double local_mass = 0;             // their sum: 1, or what a record of rows says
  std::vector<std::int32_t> chosen;  // blocks, by rank
  std::vector<double> selected;      // [slots of the chosen blocks, one after the other]
  std::vector<double> compressed;    // [blocks]
  double memory = 0;

private:
  double read_listed(const HeadQuery& query);
  Keys keys_of(const Array<float>& k, int head) const;
  std::vector<double> compressed_query(std::int64_t slot, int head) const;
  double compressed_logit(const HeadQuery& query, std::int64_t block) const;
  double memory_logit(const HeadQuery& query) const;

  const Tap& tap_;
  const LayerTap& layer_;
  const Job& job_;
};

// The gates of a slot and head; a layer with one branch counts as local with gate 1.
struct HeadGates {
  double local = 1, compressed = 0, selected = 0;
};
HeadGates gates_of(const LayerTap& layer, std::int64_t slot, int head);

// The factors with which the branches enter a row: the gates for Branch::All, else 1 for the one that was asked for.
HeadGates branch_factors(const LayerTap& layer, std::int64_t slot, int head, Branch branch);

// A sum of rows in the layer's own terms.
struct WeightSum {
  std::vector<double> slot;        // [slots] of the local and selected branches
  std::vector<double> compressed;  // [blocks]
  std::vector<char> seen;          // [blocks] a slot of the block may have weight
  double local = 0, selected = 0, compressed_sum = 0, memory = 0;
  explicit WeightSum(const LayerTap& layer);
  // Zeros again; `range` says which slots and blocks may be other than 0.
  void clear(const LayerTap& layer, SlotRange range);
};

// Adds `factor` times the row of a slot and head, in a branch or gated together.
void add_row(RowReader& reader, const LayerTap& layer, std::int64_t slot, int head, Branch branch, double factor,
             WeightSum& sum);

// Slots that a row of this layer may give weight to.
SlotRange reach_of(const LayerTap& layer, std::int64_t slot);

// Adds a weight evenly to the points of some slots; nothing where they hold none.
void add_evenly(const LayerTap& layer, SlotRange slots, double weight, std::span<double> points);

// Weights of points [n], added: evenly over the points of a slot and over the real points of a block.
void spread_to_points(const LayerTap& layer, const WeightSum& sum, std::span<double> points);

// [n] the slot that answers for each point, -1 where none does.
std::vector<std::int32_t> answering_slots(const LayerTap& layer, std::int64_t point_count);

// Slots that answer for points, and which: slot slots[i] answers for points[begin[i] .. begin[i + 1]).
struct Answers {
  std::vector<std::int64_t> slots, begin;
  std::vector<std::int32_t> points;
};
Answers answers_of(const LayerTap& layer, std::int64_t point_count);

// Work on rows in pieces that do not depend on the number of threads, so that sums come out the same every time: body(
// stripe, first, last) for `stripe_count` stripes of every chunk of [0, rows), in parallel. Progress and the stop token
// are looked at between chunks; the body looks at the token as often as it likes.
constexpr std::int64_t stripe_count = 8;
void for_row_stripes(std::int64_t rows, std::int64_t rows_per_chunk, const Job& job, std::string_view what,
                     const std::function<void(std::int64_t stripe, std::int64_t first, std::int64_t last)>& body);

// The sum over slots i of weight[i] times row i (mean over `heads`), as weights of points and what went to memory
// slots. weight: [slots], 0 where nothing is asked for.
struct PointSums {
  std::vector<double> points;
  double memory = 0;
};
PointSums weighted_rows(const Tap& tap, const LayerTap& layer, std::span<const int> heads, Branch branch,
                        std::span<const double> weight, const Job& job, std::string_view what);

// The layers of a request, or all of the record. Error{Internal} where positions are not [n, 3] of the record's points.
std::vector<int> layers_of(const Tap& tap, const std::vector<int>& asked);
void require_positions(const Tap& tap, std::span<const float> positions);

// Raises Error{Config} where the layer lacks the branch.
void require_branch(const LayerTap& layer, Branch branch);

}  // namespace erwin::attention
