#include "ui/scene/tree_outlines.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <numbers>
#include <vector>

#include "ui/scene/tree_hull.h"

namespace erwin::ui {

namespace {

using Place = std::array<double, 3>;

Place place_of(std::span<const float> positions, std::int32_t point) {
  const float* p = &positions[static_cast<std::size_t>(point) * 3];
  return {p[0], p[1], p[2]};
}

// Writes into a mesh in one colour, corners counted from where it began.
class Pen {
public:
  Pen(OutlineMesh& mesh, Rgb colour)
      : mesh_(mesh), colour_(colour), first_(static_cast<std::int32_t>(mesh.corners.size())) {}
  void corner(const Place& p) {
    mesh_.corners.push_back({static_cast<float>(p[0]), static_cast<float>(p[1]), static_cast<float>(p[2])});
  }
  void line(std::int32_t a, std::int32_t b) {
    mesh_.lines.push_back({first_ + a, first_ + b});
    mesh_.line_colours.push_back(colour_);
  }
  void face(std::int32_t a, std::int32_t b, std::int32_t c) {
    mesh_.faces.push_back({first_ + a, first_ + b, first_ + c});
    mesh_.face_colours.push_back(colour_);
  }

private:
  OutlineMesh& mesh_;
  Rgb colour_;
  std::int32_t first_;
};

void draw_box(Pen pen, const OutlineBox& box, double grow) {
  for (std::int32_t corner = 0; corner < 8; ++corner) {
    Place p;
    for (std::size_t k = 0; k < 3; ++k) p[k] = (corner >> k & 1) ? box.high[k] + grow : box.low[k] - grow;
    pen.corner(p);
  }
  for (std::int32_t corner = 0; corner < 8; ++corner)
    for (std::int32_t k = 0; k < 3; ++k)
      if (!(corner >> k & 1)) pen.line(corner, corner | 1 << k);
}

// Circles of latitude and longitude; of the lines only the equator and two meridians, enough to read it as a ball.
void draw_sphere(Pen pen, const Place& centre, double radius, std::int32_t around) {
  const std::int32_t over = around / 2;
  for (std::int32_t row = 0; row <= over; ++row)
    for (std::int32_t column = 0; column < around; ++column) {
      const double polar = std::numbers::pi * row / over, turn = 2 * std::numbers::pi * column / around;
      pen.corner({centre[0] + radius * std::sin(polar) * std::cos(turn),
                  centre[1] + radius * std::sin(polar) * std::sin(turn), centre[2] + radius * std::cos(polar)});
    }
  const auto at = [around](std::int32_t row, std::int32_t column) { return row * around + column % around; };
  for (std::int32_t column = 0; column < around; ++column) pen.line(at(over / 2, column), at(over / 2, column + 1));
  for (std::int32_t row = 0; row < over; ++row) {
    for (std::int32_t column = 0; column < around; column += around / 4) pen.line(at(row, column), at(row + 1, column));
    for (std::int32_t column = 0; column < around; ++column) {
      if (row > 0) pen.face(at(row, column), at(row + 1, column), at(row, column + 1));
      if (row + 1 < over) pen.face(at(row, column + 1), at(row + 1, column), at(row + 1, column + 1));
    }
  }
}

using Corner = std::array<float, 3>;

Place normal_of(const std::vector<Corner>& points, const std::array<std::int32_t, 3>& face) {
  std::array<Place, 3> p;
  for (std::size_t i = 0; i < 3; ++i) {
    const Corner& corner = points[static_cast<std::size_t>(face[i])];
    p[i] = {corner[0], corner[1], corner[2]};
  }
  Place u, v;
  for (std::size_t k = 0; k < 3; ++k) {
    u[k] = p[1][k] - p[0][k];
    v[k] = p[2][k] - p[0][k];
  }
  const Place n{u[1] * v[2] - u[2] * v[1], u[2] * v[0] - u[0] * v[2], u[0] * v[1] - u[1] * v[0]};
  const double length = std::hypot(n[0], n[1], n[2]);
  return length > 0 ? Place{n[0] / length, n[1] / length, n[2] / length} : Place{};
}

// The edges along which a body bends by more than 20 degrees: all of them would be a mesh, not an outline. A body that
// bends nowhere so much keeps all.
std::vector<std::array<std::int32_t, 2>> sharp_edges(const Hull& hull, const std::vector<Corner>& points) {
  constexpr double least_cosine = 0.94;
  if (hull.dimension < 3) return hull.edges;
  std::map<std::array<std::int32_t, 2>, Place> beside;  // normal of the face on the left of an edge
  for (const auto& face : hull.faces)
    for (std::size_t e = 0; e < 3; ++e) beside[{face[e], face[(e + 1) % 3]}] = normal_of(points, face);
  std::vector<std::array<std::int32_t, 2>> sharp;
  for (const auto& [a, b] : hull.edges) {
    const Place &left = beside.at({a, b}), &right = beside.at({b, a});
    if (left[0] * right[0] + left[1] * right[1] + left[2] * right[2] < least_cosine) sharp.push_back({a, b});
  }
  return sharp.empty() ? hull.edges : sharp;
}

void draw_hull(Pen pen, const std::vector<Corner>& points, double grow) {
  const Hull hull = convex_hull(points);
  if (hull.dimension == 0) {  // one place: a small box says where
    const auto& p = points.front();
    draw_box(pen, {{p[0], p[1], p[2]}, {p[0], p[1], p[2]}}, grow);
    return;
  }
  Place middle{};
  for (const std::int32_t corner : hull.corners)
    for (std::size_t k = 0; k < 3; ++k)
      middle[k] +=
          static_cast<double>(points[static_cast<std::size_t>(corner)][k]) / static_cast<double>(hull.corners.size());
  const auto number_of = [&](std::int32_t point) {
    return static_cast<std::int32_t>(std::lower_bound(hull.corners.begin(), hull.corners.end(), point) -
                                     hull.corners.begin());
  };
  for (const std::int32_t corner : hull.corners) {
    const auto& p = points[static_cast<std::size_t>(corner)];
    const Place out{p[0] - middle[0], p[1] - middle[1], p[2] - middle[2]};
    const double length = std::hypot(out[0], out[1], out[2]);
    const double share = length > 0 ? 1 + grow / length : 1;
    pen.corner({middle[0] + out[0] * share, middle[1] + out[1] * share, middle[2] + out[2] * share});
  }
  for (const auto& [a, b] : sharp_edges(hull, points)) pen.line(number_of(a), number_of(b));
  for (const auto& [a, b, c] : hull.faces) pen.face(number_of(a), number_of(b), number_of(c));
}

}  // namespace

const char* name_of(OutlineShape shape) {
  switch (shape) {
    case OutlineShape::Box:
      return "box";
    case OutlineShape::Sphere:
      return "sphere";
    case OutlineShape::Hull:
      return "hull";
  }
  return "box";
}

const char* name_of(OutlinedBalls value) {
  switch (value) {
    case OutlinedBalls::Off:
      return "off";
    case OutlinedBalls::Query:
      return "query";
    case OutlinedBalls::Level:
      return "level";
  }
  return "query";
}

OutlineBox box_of(const PointCloud& cloud, std::int64_t frame, std::span<const std::int32_t> points) {
  OutlineBox box;
  box.low.fill(std::numeric_limits<double>::infinity());
  box.high.fill(-std::numeric_limits<double>::infinity());
  const auto positions = cloud.positions(frame);
  for (const std::int32_t point : points) {
    const Place p = place_of(positions, point);
    for (std::size_t k = 0; k < 3; ++k) {
      box.low[k] = std::min(box.low[k], p[k]);
      box.high[k] = std::max(box.high[k], p[k]);
    }
  }
  return box;
}

std::array<double, 3> centre_of(const PointCloud& cloud, std::int64_t frame, std::span<const std::int32_t> points) {
  Place centre{};
  const auto positions = cloud.positions(frame);
  for (const std::int32_t point : points) {
    const Place p = place_of(positions, point);
    for (std::size_t k = 0; k < 3; ++k) centre[k] += p[k];
  }
  for (double& x : centre) x /= static_cast<double>(points.size());
  return centre;
}

void add_outline(OutlineMesh& mesh, const PointCloud& cloud, std::int64_t frame, std::span<const std::int32_t> points,
                 OutlineShape shape, double grow, Rgb colour, int sides) {
  if (points.empty()) return;
  const Pen pen(mesh, colour);
  if (shape == OutlineShape::Box) return draw_box(pen, box_of(cloud, frame, points), grow);
  const auto positions = cloud.positions(frame);
  if (shape == OutlineShape::Sphere) {
    const Place centre = centre_of(cloud, frame, points);
    double radius = 0;
    for (const std::int32_t point : points) {
      const Place p = place_of(positions, point);
      radius = std::max(radius, std::hypot(p[0] - centre[0], p[1] - centre[1], p[2] - centre[2]));
    }
    return draw_sphere(pen, centre, radius + grow, sides);
  }
  std::vector<std::array<float, 3>> places;
  places.reserve(points.size());
  for (const std::int32_t point : points) {
    const float* p = &positions[static_cast<std::size_t>(point) * 3];
    places.push_back({p[0], p[1], p[2]});
  }
  draw_hull(pen, places, grow);
}

void add_box(OutlineMesh& mesh, const OutlineBox& box, double grow, Rgb colour) {
  draw_box(Pen(mesh, colour), box, grow);
}

void add_line(OutlineMesh& mesh, const std::array<double, 3>& from, const std::array<double, 3>& to, Rgb colour) {
  Pen pen(mesh, colour);
  pen.corner(from);
  pen.corner(to);
  pen.line(0, 1);
}

}  // namespace erwin::ui
