#pragma once
// The transposed question: who looks at this point, block, ball or set of points?
//
// attended_by gives, for every point i of the cloud as a query, w_i = sum over the asked points j of A[i, j] (method
// 8.4): how much of i's look goes there. w_i lies between 0 and the sum of i's row (g_l + g_c + g_s [something was
// selected] for Branch::All, 1 for one branch). The sum over i is what the asked points receive: how many points' worth
// of attention, the field "received" of summary.h summed over them. Rows add up to their gates; these columns add up to
// nothing in particular: a point may be looked at by everybody or nobody.

#include <cstdint>
#include <vector>

#include "core/attention/attention_query.h"
#include "core/attention/tap.h"
#include "core/base/job.h"

namespace erwin {

struct AttendedByQuery {
  int layer = 0;
  int head = -1;
  Branch branch = Branch::All;
  std::vector<std::int64_t> points = {};  // whom the others look at; a point listed twice counts once
};

struct AttendedBy {
  std::vector<float> points;  // [n] w_i, ready to become a Field; 0 where no slot answers for a point
  double received = 0;        // sum of w_i over all points
  double from_itself = 0;     // part of `received` that comes from the asked points
  // Blocks whose own selection holds a block of the asked points, with the best rank any KV head gave it, by rank and
  // then block. Nsa only.
  struct Selector {
    std::int32_t query_block = 0;
    int rank = 0;
  };
  std::vector<Selector> selectors;
};

// Computed in chunks of queries; where the log-sum-exps of the compressed branch were recorded, only the asked blocks
// are looked at, so that it is linear in the number of points. Raises what attention_row raises; Error{Config} for an
// empty set.
AttendedBy attended_by(const Tap& tap, const AttendedByQuery& query, const Job& job = {});

}  // namespace erwin
