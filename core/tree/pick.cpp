#include "core/tree/pick.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <tuple>
#include <vector>

#include "core/base/error.h"

namespace erwin {

namespace {

using Vec = std::array<double, 3>;

Vec minus(const Vec& a, const Vec& b) {
  return {a[0] - b[0], a[1] - b[1], a[2] - b[2]};
}
double dot(const Vec& a, const Vec& b) {
  return a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
}

template <typename Real>
Vec position_of(std::span<const Real> positions, int dimension, std::int32_t point) {
  Vec x{0, 0, 0};
  for (int a = 0; a < dimension; ++a)
    x[static_cast<std::size_t>(a)] =
        positions[static_cast<std::size_t>(point) * static_cast<std::size_t>(dimension) + static_cast<std::size_t>(a)];
  return x;
}

// Bounds are compared with a small allowance, so that rounding in a node's centre never hides a point on its rim.
constexpr double allowance = 1e-9;

// Walks down from the root, the nearer child first. Query gives bound(centre, radius): no point of such a ball can
// score below it (infinite: none can hit); offer(point); worst(): what a bound must not exceed to matter.
template <typename Query>
void walk(const BallTree& tree, Query& query) {
  if (tree.levels.empty())
    throw Error(ErrorKind::Internal, "the ball tree has no node data", "picking needs TreeOptions::nodes");
  struct Step {
    double bound;
    std::size_t level;
    std::int64_t node;
  };
  constexpr std::int64_t scan_slots = 16;  // nodes this small are searched point by point
  const auto bound_of = [&](std::size_t level, std::int64_t node) {
    const TreeLevel& nodes = tree.levels[level];
    const auto i = static_cast<std::size_t>(node);
    return nodes.point_count[i] == 0 ? std::numeric_limits<double>::infinity()
                                     : query.bound(nodes.centre[i], nodes.radius[i]);
  };
  std::vector<Step> stack{{bound_of(0, 0), 0, 0}};
  while (!stack.empty()) {
    const Step step = stack.back();
    stack.pop_back();
    if (!(step.bound <= query.worst())) continue;
    const TreeLevel& nodes = tree.levels[step.level];
    const std::int64_t begin = nodes.slot_begin[static_cast<std::size_t>(step.node)];
    const std::int64_t end = nodes.slot_begin[static_cast<std::size_t>(step.node) + 1];
    if (end - begin <= scan_slots || step.level + 1 == tree.levels.size()) {
      for (std::int64_t s = begin; s < end; ++s)
        if (tree.slot_mask[static_cast<std::size_t>(s)]) query.offer(tree.slot_point[static_cast<std::size_t>(s)]);
      continue;
    }
    const auto& starts = tree.levels[step.level + 1].slot_begin;
    const std::int64_t child = std::lower_bound(starts.begin(), starts.end(), begin) - starts.begin();
    Step first{bound_of(step.level + 1, child), step.level + 1, child};
    if (starts[static_cast<std::size_t>(child) + 1] < end) {
      Step second{bound_of(step.level + 1, child + 1), step.level + 1, child + 1};
      if (second.bound < first.bound) std::swap(first, second);
      stack.push_back(second);
    }
    stack.push_back(first);
  }
}

template <typename Real>
class RayQuery {
public:
  RayQuery(const BallTree& tree, std::span<const Real> positions, const PickRay& ray)
      : dimension_(tree.dimension), positions_(positions), ray_(ray) {
    const double length = std::sqrt(dot(ray.direction, ray.direction));
    if (!(length > 0) || !std::isfinite(length) || !(ray.radius >= 0) || !(ray.slope >= 0))
      throw Error(ErrorKind::Config, "the pick ray has no direction or a negative width");
    for (double& x : ray_.direction) x /= length;
    cosine_ = 1 / std::sqrt(1 + ray.slope * ray.slope);
  }

  // A ball meets the ray's cone when its centre is within radius / cos(angle) of the cone's side.
  double bound(const Vec& centre, double radius) const {
    const Vec to = minus(centre, ray_.origin);
    const double depth = dot(to, ray_.direction);
    const double room = radius + allowance * (radius + std::abs(depth) + std::abs(centre[0]) + std::abs(centre[1]) +
                                              std::abs(centre[2]));
    if (depth + room < 0) return std::numeric_limits<double>::infinity();
    const double off = std::sqrt(std::max(0.0, dot(to, to) - depth * depth));
    const double width = ray_.radius + std::max(0.0, depth + room) * ray_.slope;
    if (off > width + room / cosine_) return std::numeric_limits<double>::infinity();
    return std::max(0.0, depth - room);
  }

  void offer(std::int32_t point) {
    const Vec to = minus(position_of(positions_, dimension_, point), ray_.origin);
    const double depth = dot(to, ray_.direction);
    if (depth < 0) return;
    const Vec side{to[0] - depth * ray_.direction[0], to[1] - depth * ray_.direction[1],
                   to[2] - depth * ray_.direction[2]};
    const double distance = std::sqrt(dot(side, side));
    if (distance > ray_.radius + depth * ray_.slope) return;
    if (!best_ || std::tie(depth, distance, point) < std::tie(best_->depth, best_->distance, best_->point))
      best_ = PickHit{point, depth, distance};
  }

  double worst() const { return best_ ? best_->depth : std::numeric_limits<double>::max(); }
  const std::optional<PickHit>& best() const { return best_; }

private:
  int dimension_;
  std::span<const Real> positions_;
  PickRay ray_;
  double cosine_ = 1;
  std::optional<PickHit> best_;
};

template <typename Real>
class NearestQuery {
public:
  NearestQuery(const BallTree& tree, std::span<const Real> positions, const Vec& place)
      : dimension_(tree.dimension), positions_(positions), place_(place) {}

  double bound(const Vec& centre, double radius) const {
    const Vec to = minus(centre, place_);
    const double distance = std::sqrt(dot(to, to));
    return std::max(0.0, distance - radius - allowance * (distance + radius));
  }

  void offer(std::int32_t point) {
    const Vec to = minus(position_of(positions_, dimension_, point), place_);
    const double distance = std::sqrt(dot(to, to));
    if (best_.point < 0 || std::tie(distance, point) < std::tie(best_.distance, best_.point))
      best_ = {point, 0, distance};
  }

  double worst() const { return best_.point < 0 ? std::numeric_limits<double>::max() : best_.distance; }
  const PickHit& best() const { return best_; }

private:
  int dimension_;
  std::span<const Real> positions_;
  Vec place_;
  PickHit best_;
};

template <typename Real>
std::optional<PickHit> pick(const BallTree& tree, std::span<const Real> positions, const PickRay& ray) {
  RayQuery<Real> query(tree, positions, ray);
  walk(tree, query);
  return query.best();
}

template <typename Real>
PickHit nearest(const BallTree& tree, std::span<const Real> positions, const Vec& place) {
  NearestQuery<Real> query(tree, positions, place);
  walk(tree, query);
  return query.best();
}

}  // namespace

std::optional<PickHit> pick_point(const BallTree& tree, std::span<const double> positions, const PickRay& ray) {
  return pick(tree, positions, ray);
}
std::optional<PickHit> pick_point(const BallTree& tree, std::span<const float> positions, const PickRay& ray) {
  return pick(tree, positions, ray);
}
PickHit nearest_point(const BallTree& tree, std::span<const double> positions, const std::array<double, 3>& place) {
  return nearest(tree, positions, place);
}
PickHit nearest_point(const BallTree& tree, std::span<const float> positions, const std::array<double, 3>& place) {
  return nearest(tree, positions, place);
}

}  // namespace erwin
