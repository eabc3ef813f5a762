#pragma once
// The convex hull of the points of a ball, of whatever dimension they span. No VTK here.

#include <array>
#include <cstdint>
#include <span>
#include <vector>

namespace erwin::ui {

// Indices count the points given. Corners lie on a grid of 2^20 steps along the widest axis, on which all decisions are
// exact: any input, flat, collinear, repeated or not, gives a closed hull, and no point sticks out of it by more than a
// step.
struct Hull {
  int dimension = 0;                               // 0: one place, 1: a segment, 2: a polygon, 3: a body
  std::vector<std::int32_t> corners;               // ascending
  std::vector<std::array<std::int32_t, 3>> faces;  // body: seen from outside counter-clockwise; polygon: one side
  std::vector<std::array<std::int32_t, 2>> edges;  // between faces that do not lie in one plane; the outline
};

// points must not be empty and must be finite. Expected O(n log n).
Hull convex_hull(std::span<const std::array<float, 3>> points);

}  // namespace erwin::ui
