// Node data from the leaves up: counts, sums and boxes of two children are added; radii are one pass over the points of
// each level, which lie contiguous in slot order.

#include <algorithm>
#include <cmath>
#include <vector>

#include "kernels/ball_tree/ball_tree.h"
#include "kernels/parallel/parallel.h"

namespace erwin::kernels {

namespace {

// The real points in slot order, one array per axis, and how many of them lie before each slot.
struct OrderedPoints {
  std::vector<double> x[3];
  std::vector<std::int32_t> before;  // [slots + 1]
};

OrderedPoints in_slot_order(const BallNodesParams& params) {
  OrderedPoints points;
  points.before.resize(static_cast<std::size_t>(params.slots) + 1);
  std::int32_t count = 0;
  for (std::int64_t s = 0; s < params.slots; ++s) {
    points.before[static_cast<std::size_t>(s)] = count;
    count += params.slot_mask[s];
  }
  points.before[static_cast<std::size_t>(params.slots)] = count;
  for (auto& axis : points.x) axis.resize(static_cast<std::size_t>(count));
  parallel_for(0, params.slots, 1 << 14, [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t s = first; s < last; ++s) {
      if (!params.slot_mask[s]) continue;
      const auto place = static_cast<std::size_t>(points.before[static_cast<std::size_t>(s)]);
      for (int a = 0; a < params.dimension; ++a)
        points.x[a][place] = params.positions[std::int64_t{params.slot_point[s]} * params.dimension + a];
    }
  });
  return points;
}

void fill_leaf(const BallNodesParams& params, const BallLevelParams& level, const OrderedPoints& points,
               std::int64_t i) {
  const auto place = static_cast<std::size_t>(points.before[static_cast<std::size_t>(i)]);
  const bool real = params.slot_mask[i];
  level.point_count[i] = real;
  level.split_axis[i] = -1;
  for (int a = 0; a < 3; ++a) {
    const double x = real && a < params.dimension ? points.x[a][place] : 0.0;
    level.centre[3 * i + a] = level.box_minimum[3 * i + a] = level.box_maximum[3 * i + a] = x;
  }
}

// A node from its children `first` to `last - 1` of the level below; `centre` still holds sums.
void merge(const BallLevelParams& level, const BallLevelParams& below, std::int64_t i, std::int64_t first,
           std::int64_t last) {
  std::int32_t count = 0;
  double sum[3] = {0, 0, 0}, low[3] = {0, 0, 0}, high[3] = {0, 0, 0};
  for (std::int64_t c = first; c < last; ++c) {
    if (below.point_count[c] == 0) continue;
    for (int a = 0; a < 3; ++a) {
      sum[a] += below.centre[3 * c + a];
      low[a] = count ? std::min(low[a], below.box_minimum[3 * c + a]) : below.box_minimum[3 * c + a];
      high[a] = count ? std::max(high[a], below.box_maximum[3 * c + a]) : below.box_maximum[3 * c + a];
    }
    count += below.point_count[c];
  }
  level.point_count[i] = count;
  for (int a = 0; a < 3; ++a) {
    level.centre[3 * i + a] = sum[a];
    level.box_minimum[3 * i + a] = low[a];
    level.box_maximum[3 * i + a] = high[a];
  }
}

int widest(const BallLevelParams& level, std::int64_t i, int dimension) {
  int axis = 0;
  double best = level.box_maximum[3 * i] - level.box_minimum[3 * i];
  for (int a = 1; a < dimension; ++a) {
    const double width = level.box_maximum[3 * i + a] - level.box_minimum[3 * i + a];
    if (width > best) best = width, axis = a;
  }
  return axis;
}

void merge_level(const BallLevelParams& level, const BallLevelParams& below, int dimension) {
  parallel_for(0, level.nodes, 1 << 12, [&](std::int64_t first, std::int64_t last) {
    // Both levels cover the slots in order: the children of `first` begin at its first slot.
    std::int64_t child =
        std::lower_bound(below.slot_begin, below.slot_begin + below.nodes, level.slot_begin[first]) - below.slot_begin;
    for (std::int64_t i = first; i < last; ++i) {
      const std::int64_t begin = child;
      while (child < below.nodes && below.slot_begin[child] < level.slot_begin[i + 1]) ++child;
      merge(level, below, i, begin, child);
      const bool splits = child - begin > 1 && level.point_count[i] > 1;
      level.split_axis[i] = static_cast<std::int8_t>(splits ? widest(level, i, dimension) : -1);
    }
  });
}

double squared_reach(const OrderedPoints& points, std::int64_t first, std::int64_t last, const double* centre) {
  const auto squared = [&](std::int64_t i) {
    const auto k = static_cast<std::size_t>(i);
    const double dx = points.x[0][k] - centre[0], dy = points.x[1][k] - centre[1], dz = points.x[2][k] - centre[2];
    return dx * dx + dy * dy + dz * dz;
  };
  // Four running maxima, so that one comparison does not wait for the last.
  double best[4] = {0, 0, 0, 0};
  std::int64_t i = first;
  for (; i + 4 <= last; i += 4)
    for (int j = 0; j < 4; ++j) best[j] = std::max(best[j], squared(i + j));
  for (; i < last; ++i) best[0] = std::max(best[0], squared(i));
  return std::max(std::max(best[0], best[1]), std::max(best[2], best[3]));
}

// The same over all threads, for a node of many points.
double squared_reach_in_pieces(const OrderedPoints& points, std::int64_t first, std::int64_t last,
                               const double* centre) {
  constexpr std::int64_t piece = 1 << 14;
  std::vector<double> best(static_cast<std::size_t>((last - first + piece - 1) / piece));
  parallel_for(0, static_cast<std::int64_t>(best.size()), 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i)
      best[static_cast<std::size_t>(i)] =
          squared_reach(points, first + i * piece, std::min(last, first + (i + 1) * piece), centre);
  });
  return *std::max_element(best.begin(), best.end());
}

// Sums become means, and the radii follow from them.
void finish_level(const BallNodesParams& params, const BallLevelParams& level, const OrderedPoints& points) {
  const auto finish = [&](std::int64_t i, const auto& reach) {
    const std::int32_t count = level.point_count[i];
    level.radius[i] = 0;
    if (count == 0) return;
    double* const centre = level.centre + 3 * i;
    for (int a = 0; a < 3; ++a) centre[a] /= count;
    if (count == 1) return;
    const auto before = [&](std::int64_t slot) { return points.before[static_cast<std::size_t>(slot)]; };
    level.radius[i] = std::sqrt(reach(points, before(level.slot_begin[i]), before(level.slot_begin[i + 1]), centre));
  };
  const std::int64_t mean_points = params.points / level.nodes;
  if (mean_points > 1 << 15) {
    for (std::int64_t i = 0; i < level.nodes && !params.stop.stopped(); ++i) finish(i, squared_reach_in_pieces);
    return;
  }
  parallel_for(0, level.nodes, (1 << 12) / (mean_points + 1) + 1, [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t i = first; i < last; ++i) finish(i, squared_reach);
  });
}

}  // namespace

bool ball_nodes_cpu(const BallNodesParams& params) {
  const OrderedPoints points = in_slot_order(params);
  const BallLevelParams& leaves = params.levels[params.level_count - 1];
  parallel_for(0, leaves.nodes, 1 << 13, [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t i = first; i < last; ++i) fill_leaf(params, leaves, points, i);
  });
  // A level's sums are read by the level above it, so a level is finished one step later.
  for (int l = params.level_count - 2; l >= 0; --l) {
    if (params.stop.stopped()) return false;
    merge_level(params.levels[l], params.levels[l + 1], params.dimension);
    finish_level(params, params.levels[l + 1], points);
  }
  finish_level(params, params.levels[0], points);
  return !params.stop.stopped();
}

}  // namespace erwin::kernels
