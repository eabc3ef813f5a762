#pragma once
// Outlines of balls and blocks as lines and faces: tight boxes, balls of 8.1 (mean, largest distance) or convex hulls
// of the points. No VTK here.

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "core/data/point_cloud.h"
#include "ui/scene/scene_state.h"

namespace erwin::ui {

// Outlines of many balls in one mesh; every line and face carries its ball's colour.
struct OutlineMesh {
  std::vector<std::array<float, 3>> corners;  // relative to the cloud's origin
  std::vector<std::array<std::int32_t, 2>> lines;
  std::vector<Rgb> line_colours;
  std::vector<std::array<std::int32_t, 3>> faces;  // boxes have none: their lines say it all
  std::vector<Rgb> face_colours;
  bool empty() const { return lines.empty(); }
};

// Tight box of some points of a frame, relative to the cloud's origin; points must not be empty.
struct OutlineBox {
  std::array<double, 3> low, high;
};
OutlineBox box_of(const PointCloud& cloud, std::int64_t frame, std::span<const std::int32_t> points);
// Their mean, relative to the cloud's origin.
std::array<double, 3> centre_of(const PointCloud& cloud, std::int64_t frame, std::span<const std::int32_t> points);

// How much larger than its points an outline is drawn, in radii of their discs: a hull's faces would cut through them.
inline double room_for_discs(OutlineShape shape) {
  return shape == OutlineShape::Hull ? 1.0 : 0.3;
}

// Adds the outline of one ball, `grow` larger on every side so that the points' discs fit in; nothing without points.
// sides: of a sphere's circles, a multiple of 8.
void add_outline(OutlineMesh& mesh, const PointCloud& cloud, std::int64_t frame, std::span<const std::int32_t> points,
                 OutlineShape shape, double grow, Rgb colour, int sides = 48);

// A box given by its corners, and a line, in the same mesh.
void add_box(OutlineMesh& mesh, const OutlineBox& box, double grow, Rgb colour);
void add_line(OutlineMesh& mesh, const std::array<double, 3>& from, const std::array<double, 3>& to, Rgb colour);

}  // namespace erwin::ui
