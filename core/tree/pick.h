#pragma once
// Which point is under the cursor, and which is nearest to a place: walks down the ball tree.

#include <array>
#include <cstdint>
#include <optional>
#include <span>

#include "core/tree/ball_tree.h"

namespace erwin {

// A ray with some thickness: at depth t along the unit direction it is `radius + t * slope` wide. A pixel radius of a
// perspective camera is a slope (tangent of the angle it covers), of a parallel camera a radius.
struct PickRay {
  std::array<double, 3> origin{};
  std::array<double, 3> direction{0, 0, -1};  // any length but 0
  double radius = 0;
  double slope = 0;
};

struct PickHit {
  std::int32_t point = -1;
  double depth = 0;     // along the ray, from the origin
  double distance = 0;  // from the ray's axis
};

// The hit nearest to the eye: smallest depth >= 0 among points inside the ray's width, then smallest distance, then
// lowest id. positions: those the tree was built from, [n, dimension], as doubles or as the floats they were widened
// from. The tree needs its levels (TreeOptions::nodes). Raises Error{Config} for a ray without direction or a negative
// width, Error{Internal} for a tree without levels.
std::optional<PickHit> pick_point(const BallTree& tree, std::span<const double> positions, const PickRay& ray);
std::optional<PickHit> pick_point(const BallTree& tree, std::span<const float> positions, const PickRay& ray);

// The point nearest to `place` (ties: lowest id) and its distance; `depth` is 0.
PickHit nearest_point(const BallTree& tree, std::span<const double> positions, const std::array<double, 3>& place);
PickHit nearest_point(const BallTree& tree, std::span<const float> positions, const std::array<double, 3>& place);

}  // namespace erwin
