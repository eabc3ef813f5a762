#pragma once
// How the attention of one layer behaves at every point (core/attention/summary.h), as fields to be coloured by. Every
// row of the layer is added up for them, so they are made only when somebody asks.

#include <array>
#include <cstdint>
#include <memory>
#include <string_view>

#include "core/attention/summary.h"
#include "core/base/job.h"
#include "core/data/point_cloud.h"

namespace erwin {

struct SummaryFieldInfo {
  const char* name;     // of the field
  const char* meaning;  // one sentence without a full stop, with its formula
  bool nsa_only;
};
// Those of a LayerSummary but its gates, which are there without being asked for (gate_fields.h).
inline constexpr std::array<SummaryFieldInfo, 9> summary_fields{
    {{"entropy", "How widely a point looks: -sum_j a_ij ln a_ij over the points j, a_ij the share of i's row, in nats",
      false},
     {"effective_keys", "Over how many points a look is spread: exp(entropy)", false},
     {"distance", "How far away a point looks on average: sum_j a_ij |x_i - x_j|", false},
     {"received", "How many points' worth of attention a point gets: sum_i A_ij over all points i", false},
     {"share_local", "Part of the row that goes through the local branch", true},
     {"share_compressed", "Part of the row that goes through the compressed branch", true},
     {"share_selected", "Part of the row that goes through the selected branch", true},
     {"share_memory", "Part of the row that goes to the memory slot, and so to no point", true},
     {"selection_count", "By how many query blocks the point's block was selected, mean over the KV heads", true}}};

// Null where there is none of this name.
const SummaryFieldInfo* find_summary_field(std::string_view name);

// Raises what summarise raises: among others Error{Config} where the record holds no q, k, v of the layer.
std::shared_ptr<const LayerSummary> make_summary_fields(const Tap& tap, const PointCloud& cloud, std::int64_t frame,
                                                        int layer, int head, const Job& job = {});

}  // namespace erwin
