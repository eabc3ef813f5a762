#include "core/tree/ball_tree.h"

#include <atomic>
#include <bit>
#include <cmath>
#include <string>

#include "core/base/error.h"
#include "core/base/memory.h"
#include "kernels/ball_tree/ball_tree.h"
#include "kernels/parallel/parallel.h"

namespace erwin {

namespace {

constexpr std::int64_t most_slots = std::int64_t{1} << 30;

kernels::StopQuestion question_of(const Job& job) {
  return {[](const void* context) { return static_cast<const Job*>(context)->stop_requested(); }, &job};
}

bool is_power_of_two(std::int64_t value) {
  return value > 0 && std::has_single_bit(static_cast<std::uint64_t>(value));
}

int log2_ceil(std::int64_t value) {
  return std::bit_width(static_cast<std::uint64_t>(value - 1));
}
int log2_of(std::int64_t value) {
  return std::countr_zero(static_cast<std::uint64_t>(value));
}

void check_shape(std::span<const double> positions, int dimension) {
  if (dimension < 1 || dimension > 3)
    throw Error(ErrorKind::Config, "a ball tree needs 1 to 3 coordinates per point",
                "dimension " + std::to_string(dimension));
  if (positions.size() % static_cast<std::size_t>(dimension) != 0)
    throw Error(ErrorKind::Internal, "positions are not whole points",
                std::to_string(positions.size()) + " numbers, dimension " + std::to_string(dimension));
}

void check_finite(std::span<const double> positions, int dimension) {
  const auto count = static_cast<std::int64_t>(positions.size());
  std::atomic<std::int64_t> first_bad = count;
  parallel_for(0, count, 1 << 16, [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t i = first; i < last; ++i) {
      if (std::isfinite(positions[static_cast<std::size_t>(i)])) continue;
      std::int64_t known = first_bad;
      while (i < known && !first_bad.compare_exchange_weak(known, i)) {
      }
      return;
    }
  });
  if (first_bad < count)
    throw Error(ErrorKind::Format, "a coordinate is not finite", "point " + std::to_string(first_bad / dimension),
                "Drop such points first (--drop-nonfinite)");
}

// Where the nodes of every level begin; a function of K and the unit alone.
std::vector<std::vector<std::int64_t>> level_starts(std::int64_t units, int unit) {
  const int unit_level = log2_ceil(units);
  std::vector<std::vector<std::int64_t>> levels{{0, units * unit}};
  for (int l = 1; l <= unit_level + log2_of(unit); ++l) {
    const auto& above = levels.back();
    std::vector<std::int64_t> starts;
    starts.reserve(2 * above.size());
    for (std::size_t i = 0; i + 1 < above.size(); ++i) {
      const std::int64_t slots = above[i + 1] - above[i];
      starts.push_back(above[i]);
      if (l > unit_level || slots > unit) starts.push_back(above[i] + kernels::left_slots(slots, unit));
    }
    starts.push_back(above.back());
    levels.push_back(std::move(starts));
  }
  return levels;
}

}  // namespace

int BallTree::level_of(int slots) const {
  if (!is_power_of_two(slots) || slots > unit)
    throw Error(ErrorKind::Config, "no level of the ball tree has nodes of this size",
                std::to_string(slots) + " slots, unit " + std::to_string(unit),
                "Ask for a power of two up to the unit");
  return log2_ceil(unit_count) + log2_of(unit / slots);
}

void compute_levels(BallTree& tree, std::span<const double> positions, const Job& job) {
  auto starts = level_starts(tree.unit_count, tree.unit);
  std::uint64_t nodes = 0;
  for (const auto& level : starts) nodes += level.size() - 1;
  const std::uint64_t bytes_per_node = sizeof(std::int64_t) + sizeof(std::int32_t) + 1 + 10 * sizeof(double);
  require_memory(nodes * bytes_per_node + 28 * static_cast<std::uint64_t>(tree.slot_count),
                 "the nodes of the ball tree");
  std::vector<TreeLevel> levels(starts.size());
  std::vector<kernels::BallLevelParams> params(starts.size());
  for (std::size_t l = 0; l < starts.size(); ++l) {
    TreeLevel& level = levels[l];
    level.slot_begin = std::move(starts[l]);
    const std::size_t size = level.slot_begin.size() - 1;
    level.point_count.resize(size);
    level.split_axis.resize(size);
    level.centre.resize(size);
    level.radius.resize(size);
    level.box_minimum.resize(size);
    level.box_maximum.resize(size);
    params[l] = {level.slot_begin.data(),          static_cast<std::int64_t>(size), level.point_count.data(),
                 level.split_axis.data(),          level.centre.data()->data(),     level.radius.data(),
                 level.box_minimum.data()->data(), level.box_maximum.data()->data()};
  }
  const kernels::BallNodesParams nodes_params{
      positions.data(),       tree.dimension,        tree.point_count, tree.slot_count,
      tree.slot_point.data(), tree.slot_mask.data(), params.data(),    static_cast<int>(params.size()),
      question_of(job)};
  if (!kernels::ball_nodes_cpu(nodes_params)) job.check();
  tree.levels = std::move(levels);
}

TreeShape tree_shape(std::int64_t points, const TreeOptions& options) {
  if (!is_power_of_two(options.unit))
    throw Error(ErrorKind::Config, "the unit of a ball tree must be a power of two",
                "unit " + std::to_string(options.unit), "Choose ball sizes and strides that are powers of two");
  if (points < 1) throw Error(ErrorKind::Format, "a ball tree needs at least one point", "no points");
  TreeShape shape;
  shape.units = (points + options.unit - 1) / options.unit;
  if (options.padding == Padding::Duplicate) {
    if (2 * points <= options.unit)
      throw Error(ErrorKind::Config, "duplicate padding needs more points than half a unit",
                  std::to_string(points) + " points, unit " + std::to_string(options.unit),
                  "Use padding = masked, or smaller balls");
    shape.units = static_cast<std::int64_t>(std::bit_ceil(static_cast<std::uint64_t>(shape.units)));
  }
  shape.slots = shape.units * options.unit;
  if (shape.slots > most_slots)
    throw Error(ErrorKind::Memory, "the sample is too large for one ball tree",
                std::to_string(shape.slots) + " slots, at most " + std::to_string(most_slots),
                "Thin the cloud or cut it into samples");
  shape.split_unit = options.padding == Padding::Duplicate ? shape.slots : options.unit;
  return shape;
}

BallTree build_ball_tree(std::span<const double> positions, int dimension, const TreeOptions& options, const Job& job) {
  check_shape(positions, dimension);
  const auto points = static_cast<std::int64_t>(positions.size()) / dimension;
  const TreeShape shape = tree_shape(points, options);
  BallTree tree;
  tree.point_count = points;
  tree.slot_count = shape.slots;
  tree.unit_count = shape.units;
  tree.unit = options.unit;
  tree.dimension = dimension;
  check_finite(positions, dimension);
  require_memory(9 * static_cast<std::uint64_t>(tree.slot_count) + 48 * static_cast<std::uint64_t>(points),
                 "the ball tree");
  tree.slot_point.resize(static_cast<std::size_t>(tree.slot_count));
  tree.slot_mask.resize(static_cast<std::size_t>(tree.slot_count));
  tree.point_slot.resize(static_cast<std::size_t>(points));
  kernels::BallTreeParams params;
  params.positions = positions.data();
  params.points = points;
  params.dimension = dimension;
  params.slots = tree.slot_count;
  params.unit = shape.split_unit;
  params.slot_point = tree.slot_point.data();
  params.slot_mask = tree.slot_mask.data();
  params.point_slot = tree.point_slot.data();
  params.stop = question_of(job);
  if (!kernels::build_ball_tree_cpu(params)) job.check();
  if (options.nodes) compute_levels(tree, positions, job);
  return tree;
}

}  // namespace erwin
