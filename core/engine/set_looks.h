#pragma once
// Where a set of points looks, and who looks at it, as fields to be coloured by, with the sums that say what their
// numbers mean.

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "core/attention/direction.h"
#include "core/base/job.h"
#include "core/data/field.h"
#include "core/data/point_set.h"
#include "core/engine/query_view.h"

namespace erwin {

inline constexpr const char* selection_looks_at = "selection_looks_at";  // the mean of their rows
inline constexpr const char* looks_at_selection = "looks_at_selection";  // how much of every row goes to them
inline bool is_set_field(std::string_view name) {
  return name == selection_looks_at || name == looks_at_selection;
}

struct SetLooks {
  PointSetPtr points;
  QueryRequest request;  // layer, head and branch; its point is -1
  Field look;            // selection_looks_at or looks_at_selection, scalar, [n]
  // selection_looks_at: the sum over all points, and the parts of the mean row that stay among the chosen points and go
  // to the memory slot. looks_at_selection: the sum over all points, and what of it comes from the chosen ones.
  double sum = 0, from_themselves = 0, memory = 0;
  std::vector<AttendedBy::Selector> selectors;  // looks_at_selection: query blocks that selected a block of theirs
};

// field: one of the two. Raises what attention_row and attended_by raise; Error{Config} for an empty set.
std::shared_ptr<const SetLooks> make_set_looks(const Tap& tap, const PointSetPtr& points, const QueryRequest& request,
                                               std::string_view field, const Job& job = {});

}  // namespace erwin
