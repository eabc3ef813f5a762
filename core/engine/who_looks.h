#pragma once
// The question turned round: who looks at the queried point, or at its ball? As a field to be coloured by, with the
// sums that say what its numbers mean (core/attention/direction.h).

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "core/attention/direction.h"
#include "core/base/job.h"
#include "core/data/field.h"
#include "core/engine/query_view.h"

namespace erwin {

inline constexpr const char* looks_at_point = "looks_at_point";
inline constexpr const char* looks_at_ball = "looks_at_ball";
inline bool is_who_looks_field(std::string_view name) {
  return name == looks_at_point || name == looks_at_ball;
}

struct WhoLooks {
  QueryRequest request;
  std::int64_t asked = 0;      // points that are looked at: 1, or those of the query's ball
  double received = 0;         // sum of the field over all points: how many points' worth of attention they get
  double from_themselves = 0;  // part of it that comes from the asked points
  std::vector<AttendedBy::Selector> selectors;  // query blocks that selected a block of theirs, by rank
  Field look;  // looks_at_point or looks_at_ball, scalar, [n]: how much of every point's row goes there
  const Field* field(std::string_view name) const { return look.name() == name ? &look : nullptr; }
};

// field: looks_at_point or looks_at_ball. Raises what attended_by raises; Error{Config} where no slot of the layer
// answers for the point, or where its ball is asked for and the layer has none.
std::shared_ptr<const WhoLooks> make_who_looks(const Tap& tap, const QueryRequest& request, std::string_view field,
                                               const Job& job = {});

}  // namespace erwin
