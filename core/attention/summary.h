#pragma once
// One number per point that says how its attention in a layer behaves: how widely and how far it looks, through which
// branch, and how much it is looked at. The exact numbers of every row, added up in chunks: memory is linear in the
// number of points, time is that of the layer itself, and nothing is sampled.
//
// A[i, j] is method 8.4's attention of point i (averaged over the heads, or one head's), S_i its sum over real points.

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/attention/attention_query.h"
#include "core/attention/tap.h"
#include "core/base/job.h"
#include "core/data/field.h"

namespace erwin {

// Fields of a layer, one value per point of the cloud (NaN where no slot of the layer answers for a point):
//   gate_local, gate_compressed, gate_selected   in [0, 1]; kind nsa only
//   entropy          -sum_j (A_ij / S_i) ln(A_ij / S_i) over points j, in nats
//   effective_keys   exp(entropy): over how many points the look is spread
//   distance         sum_j A_ij |x_i - x_j| / S_i, in the cloud's unit: how far away it looks on average
//   received         sum_i A_ij over all points i: how many points' worth of attention a point gets
//   share_local, share_compressed, share_selected, share_memory   parts of a row by branch; sum to 1; nsa only
//   selection_count  by how many query blocks the point's block was selected (mean over KV heads); nsa only
struct LayerSummary {
  int layer = 0;  // -1: mean over layers
  std::string name;
  int head = -1;
  std::vector<Field> fields;
  const Field* field(std::string_view wanted) const;  // null where there is none of that name
};

struct SummaryRequest {
  std::vector<int> layers = {};  // empty: all layers of the record
  int head = -1;            // query head; -1: of the mean over heads
};

// positions: [n, 3] of the cloud, relative to any origin; unit: theirs. Raises what attention_row raises, and
// Error{Internal} where positions do not fit the record.
std::vector<LayerSummary> summarise(const Tap& tap, std::span<const float> positions, const std::string& unit,
                                    const SummaryRequest& request, const Job& job = {});

// Field by field the mean over the layers that have it.
LayerSummary mean_of(const std::vector<LayerSummary>& layers);

// Heads at a glance: how every head of a layer behaves, on average over queries, and how much the heads agree.
struct HeadGlance {
  int layer = 0, head = 0;
  double gate_local = 1, gate_compressed = 0, gate_selected = 0;
  double entropy = 0, effective_keys = 0;  // means of the rows' own
  double distance = 0;                     // in the cloud's unit
  double memory = 0;                       // share of the rows that goes to the memory slot
  // Mean over the layer's other heads of the overlap sum_j min(A_ij / S_i, A'_ij / S'_i), which is 1 for equal looks
  // and 0 for looks that share no point; 1 for an only head.
  double agreement = 1;
};

struct LayerGlance {
  int layer = 0;
  std::string name;
  LayerKind kind = LayerKind::Nsa;
  std::vector<HeadGlance> heads;
  std::vector<double> overlap;  // [heads, heads] mean overlaps
  std::int64_t queries = 0;     // points that were looked at, of `points`
  std::int64_t points = 0;
};

struct GlanceRequest {
  std::vector<int> layers = {};          // empty: all layers of the record
  std::int64_t most_queries = 512;  // evenly spread over the slots; 0: all points
};

std::vector<LayerGlance> glance_at_heads(const Tap& tap, std::span<const float> positions, const GlanceRequest& request,
                                         const Job& job = {});

}  // namespace erwin
