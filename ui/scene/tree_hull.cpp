#include "ui/scene/tree_hull.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <unordered_map>

namespace erwin::ui {

namespace {

// Coordinates are at most 2^20 and so are their differences: the six products of three that a determinant adds up stay
// below 2^63.
using Grid = std::array<std::int64_t, 3>;

constexpr std::int64_t grid_steps = 1 << 20;

Grid minus(const Grid& a, const Grid& b) {
  return {a[0] - b[0], a[1] - b[1], a[2] - b[2]};
}

Grid cross(const Grid& a, const Grid& b) {
  return {a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]};
}

std::int64_t dot(const Grid& a, const Grid& b) {
  return a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
}

double squares(const Grid& a) {
  double sum = 0;
  for (const std::int64_t x : a) sum += static_cast<double>(x) * static_cast<double>(x);
  return sum;
}

std::vector<Grid> to_grid(std::span<const std::array<float, 3>> points) {
  std::array<float, 3> low = points.front(), high = points.front();
  for (const auto& p : points)
    for (std::size_t k = 0; k < 3; ++k) {
      low[k] = std::min(low[k], p[k]);
      high[k] = std::max(high[k], p[k]);
    }
  double extent = 0;
  for (std::size_t k = 0; k < 3; ++k)
    extent = std::max(extent, static_cast<double>(high[k]) - static_cast<double>(low[k]));
  std::vector<Grid> grid;
  grid.reserve(points.size());
  const double scale = extent > 0 ? static_cast<double>(grid_steps) / extent : 0;
  for (const auto& p : points) {
    Grid& g = grid.emplace_back();
    for (std::size_t k = 0; k < 3; ++k)
      g[k] = std::llround((static_cast<double>(p[k]) - static_cast<double>(low[k])) * scale);
  }
  return grid;
}

// The element whose measure is largest, and whether that is more than zero.
template <typename Measure>
std::pair<std::int32_t, bool> farthest(std::size_t count, const Measure& measure) {
  std::int32_t best = 0;
  auto most = measure(0);
  for (std::size_t i = 1; i < count; ++i)
    if (const auto value = measure(i); value > most) {
      most = value;
      best = static_cast<std::int32_t>(i);
    }
  return {best, most > 0};
}

// Quickhull: every face keeps the points above it; the farthest becomes a corner, the faces it sees are replaced by a
// fan around their rim.
class Body {
public:
  Body(const std::vector<Grid>& points, std::array<std::int32_t, 4> simplex) : points_(points) {
    auto [a, b, c, d] = simplex;
    if (dot(cross(minus(at(b), at(a)), minus(at(c), at(a))), minus(at(d), at(a))) > 0) std::swap(b, c);
    // d lies below a, b, c.
    add_face(a, b, c);
    add_face(a, d, b);
    add_face(b, d, c);
    add_face(c, d, a);
    faces_[0].beside = {1, 2, 3};
    faces_[1].beside = {3, 2, 0};
    faces_[2].beside = {1, 3, 0};
    faces_[3].beside = {2, 1, 0};
    std::vector<std::int32_t> all(points.size());
    std::iota(all.begin(), all.end(), 0);
    hand_out(all, 0);
    while (!waiting_.empty()) {
      const std::int32_t face = waiting_.back();
      waiting_.pop_back();
      if (!faces_[index(face)].gone && !faces_[index(face)].above.empty()) raise(face);
    }
  }

  Hull result() const {
    Hull hull;
    hull.dimension = 3;
    for (std::size_t f = 0; f < faces_.size(); ++f) {
      const Face& face = faces_[f];
      if (face.gone) continue;
      hull.faces.push_back(face.corner);
      for (std::size_t e = 0; e < 3; ++e) {
        const auto beside = index(face.beside[e]);
        hull.corners.push_back(face.corner[e]);
        if (beside > f && !in_plane(face, faces_[beside]))
          hull.edges.push_back({face.corner[e], face.corner[(e + 1) % 3]});
      }
    }
    std::sort(hull.corners.begin(), hull.corners.end());
    hull.corners.erase(std::unique(hull.corners.begin(), hull.corners.end()), hull.corners.end());
    return hull;
  }

private:
  struct Face {
    std::array<std::int32_t, 3> corner;
    std::array<std::int32_t, 3> beside{-1, -1, -1};  // [e]: across the edge from corner e to corner e + 1
    Grid normal{};
    std::vector<std::int32_t> above;
    bool gone = false, seen = false;
  };
  struct Rim {
    std::int32_t from, to, outside;
  };

  static std::size_t index(std::int32_t i) { return static_cast<std::size_t>(i); }
  const Grid& at(std::int32_t point) const { return points_[index(point)]; }

  std::int64_t height(const Face& face, std::int32_t point) const {
    return dot(face.normal, minus(at(point), at(face.corner[0])));
  }

  bool in_plane(const Face& a, const Face& b) const {
    return std::all_of(b.corner.begin(), b.corner.end(), [&](std::int32_t point) { return height(a, point) == 0; });
  }

  std::int32_t add_face(std::int32_t a, std::int32_t b, std::int32_t c) {
    Face& face = faces_.emplace_back();
    face.corner = {a, b, c};
    face.normal = cross(minus(at(b), at(a)), minus(at(c), at(a)));
    return static_cast<std::int32_t>(faces_.size()) - 1;
  }

  // Gives every point to the first face from `first_face` on that it lies above; the others are inside.
  void hand_out(const std::vector<std::int32_t>& points, std::size_t first_face) {
    for (const std::int32_t point : points)
      for (std::size_t f = first_face; f < faces_.size(); ++f)
        if (height(faces_[f], point) > 0) {
          if (faces_[f].above.empty()) waiting_.push_back(static_cast<std::int32_t>(f));
          faces_[f].above.push_back(point);
          break;
        }
  }

  // Marks the faces that a point sees, starting from one of them, and collects the edges around them.
  void look(std::int32_t from, std::int32_t point, std::vector<std::int32_t>& seen, std::vector<Rim>& rim) {
    faces_[index(from)].seen = true;
    seen.assign(1, from);
    for (std::size_t next = 0; next < seen.size(); ++next)
      for (std::size_t e = 0; e < 3; ++e) {
        const Face& face = faces_[index(seen[next])];
        Face& other = faces_[index(face.beside[e])];
        if (other.seen) continue;
        if (height(other, point) > 0) {
          other.seen = true;
          seen.push_back(face.beside[e]);
        } else {
          rim.push_back({face.corner[e], face.corner[(e + 1) % 3], face.beside[e]});
        }
      }
  }

  void raise(std::int32_t face) {
    const std::vector<std::int32_t>& above = faces_[index(face)].above;
    const auto [highest, any] =
        farthest(above.size(), [&](std::size_t i) { return height(faces_[index(face)], above[i]); });
    const std::int32_t top = above[index(highest)];
    std::vector<std::int32_t> seen, orphans;
    std::vector<Rim> rim;
    look(face, top, seen, rim);
    for (const std::int32_t old : seen) {
      Face& gone = faces_[index(old)];
      gone.gone = true;
      orphans.insert(orphans.end(), gone.above.begin(), gone.above.end());
      gone.above = {};
    }
    const std::size_t first_new = faces_.size();
    std::unordered_map<std::int32_t, std::int32_t> begins;  // rim corner -> the new face whose edge starts there
    for (const Rim& edge : rim) {
      const std::int32_t made = add_face(edge.from, edge.to, top);
      begins[edge.from] = made;
      faces_[index(made)].beside[0] = edge.outside;
      Face& outside = faces_[index(edge.outside)];
      for (std::size_t e = 0; e < 3; ++e)
        if (outside.corner[e] == edge.to && outside.corner[(e + 1) % 3] == edge.from) outside.beside[e] = made;
    }
    for (std::size_t i = 0; i < rim.size(); ++i) {
      const auto made = static_cast<std::int32_t>(first_new + i);
      const std::int32_t after = begins.at(rim[i].to);
      faces_[index(made)].beside[1] = after;
      faces_[index(after)].beside[2] = made;
    }
    hand_out(orphans, first_new);
  }

  const std::vector<Grid>& points_;
  std::vector<Face> faces_;
  std::vector<std::int32_t> waiting_;
};

// Andrew's monotone chain in the plane of the two axes along which the points' normal is smallest.
Hull polygon(const std::vector<Grid>& points, const Grid& normal) {
  std::size_t drop = 0;
  for (std::size_t k = 1; k < 3; ++k)
    if (std::abs(normal[k]) > std::abs(normal[drop])) drop = k;
  const std::size_t u = drop == 0 ? 1 : 0, v = drop == 2 ? 1 : 2;
  std::vector<std::int32_t> order(points.size());
  std::iota(order.begin(), order.end(), 0);
  const auto place = [&](std::int32_t i) {
    const Grid& p = points[static_cast<std::size_t>(i)];
    return std::pair(p[u], p[v]);
  };
  std::stable_sort(order.begin(), order.end(), [&](auto a, auto b) { return place(a) < place(b); });
  order.erase(std::unique(order.begin(), order.end(), [&](auto a, auto b) { return place(a) == place(b); }),
              order.end());
  const auto turns_left = [&](std::int32_t a, std::int32_t b, std::int32_t c) {
    const auto [ax, ay] = place(a);
    const auto [bx, by] = place(b);
    const auto [cx, cy] = place(c);
    return (bx - ax) * (cy - ay) - (by - ay) * (cx - ax) > 0;
  };
  std::vector<std::int32_t> ring;
  for (int side = 0; side < 2; ++side) {
    const std::size_t start = ring.size();
    for (const std::int32_t point : order) {
      while (ring.size() >= start + 2 && !turns_left(ring[ring.size() - 2], ring.back(), point)) ring.pop_back();
      ring.push_back(point);
    }
    ring.pop_back();  // begins the other side
    std::reverse(order.begin(), order.end());
  }
  Hull hull;
  hull.dimension = 2;
  for (std::size_t i = 0; i < ring.size(); ++i) {
    hull.edges.push_back({ring[i], ring[(i + 1) % ring.size()]});
    if (i + 2 < ring.size()) hull.faces.push_back({ring[0], ring[i + 1], ring[i + 2]});
  }
  hull.corners = ring;
  std::sort(hull.corners.begin(), hull.corners.end());
  return hull;
}

}  // namespace

Hull convex_hull(std::span<const std::array<float, 3>> points) {
  const std::vector<Grid> grid = to_grid(points);
  const auto place = [&](std::int32_t i) { return grid[static_cast<std::size_t>(i)]; };
  // A corner to start from, and the point farthest from it: on the hull, both of them.
  const auto first = static_cast<std::int32_t>(std::min_element(grid.begin(), grid.end()) - grid.begin());
  const auto [second, spread] =
      farthest(grid.size(), [&](std::size_t i) { return squares(minus(grid[i], place(first))); });
  if (!spread) return {0, {first}, {}, {}};
  const Grid along = minus(place(second), place(first));
  const auto [third, wide] =
      farthest(grid.size(), [&](std::size_t i) { return squares(cross(along, minus(grid[i], place(first)))); });
  if (!wide) return {1, {std::min(first, second), std::max(first, second)}, {}, {{first, second}}};
  const Grid normal = cross(along, minus(place(third), place(first)));
  const auto [fourth, thick] =
      farthest(grid.size(), [&](std::size_t i) { return std::abs(dot(normal, minus(grid[i], place(first)))); });
  if (!thick) return polygon(grid, normal);
  return Body(grid, {first, second, third, fourth}).result();
}

}  // namespace erwin::ui
