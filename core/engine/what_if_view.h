#pragma once
// What a changed run (what_if_entries.h) says, and how far it is from the network's own prediction, as fields to be
// coloured by.

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "core/base/job.h"
#include "core/data/field.h"
#include "core/engine/query_view.h"
#include "core/engine/what_if_entries.h"
#include "core/model/what_if.h"

namespace erwin {

inline constexpr const char* what_if_prediction = "prediction_what_if";
inline constexpr const char* what_if_difference = "difference_what_if";  // minus the network's own prediction

// Where changes put a cloud's points; there before any network has run.
struct MovedView {
  std::vector<float> positions;                   // [n, 3] of all points, relative to the cloud's origin
  std::vector<std::vector<std::int64_t>> groups;  // the points of each movement, without hidden ones
};
// Null where nothing is moved. Raises what moved_positions raises.
std::shared_ptr<const MovedView> make_moved_view(const CloudChanges& changes, const PointCloud& cloud,
                                                 std::int64_t frame);

struct WhatIfView {
  std::vector<WhatIfEntry> entries;  // as they were asked, those that are off among them
  int changes = 0;                   // that are on
  Field prediction, difference;      // what_if_prediction, what_if_difference; one frame, NaN at hidden points
  std::shared_ptr<const Field> before;
  std::vector<std::int64_t> hidden;          // ascending, each once
  double largest = 0, root_mean_square = 0;  // of the difference's norm; over points, in the prediction's unit
  double seconds = 0;                        // of the changed run alone
  const Field* field(std::string_view name) const {
    if (name == prediction.name()) return &prediction;
    return name == difference.name() ? &difference : nullptr;
  }
};

// A run with changes, as it was asked for and as it came out.
struct ChangedRun {
  WhatIf what_if;
  WhatIfRunner::Result result;
  double seconds = 0;
};

// Raises what WhatIfRunner::run raises.
ChangedRun run_changed(const WhatIfRunner& runner, WhatIf what_if, const Job& job = {});

std::shared_ptr<const WhatIfView> make_what_if_view(const WhatIfRunner& runner, const ChangedRun& run,
                                                    std::vector<WhatIfEntry> entries);

// Where the point of request looks in the changed run, in each of these heads: views whose points are the original
// cloud's. None where the point itself is hidden. A hidden point gets no attention. Raises what WhatIfRunner::record
// raises.
std::vector<std::shared_ptr<const QueryView>> make_changed_query_views(const WhatIfRunner& runner,
                                                                       const ChangedRun& run,
                                                                       const QueryRequest& request,
                                                                       const std::vector<int>& heads,
                                                                       const Job& job = {});

}  // namespace erwin
