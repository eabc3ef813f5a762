#pragma once
// Batches of clouds, and their trees cloud by cloud from the CPU.

#include <cstdint>
#include <string>
#include <vector>

#include "kernels/ball_tree/ball_tree.h"
#include "kernels/ball_tree/batch_plan.h"
#include "tests/core/tree/clouds.h"

namespace erwin::test {

struct BallBatch {
  std::string name;
  int dimension = 3;
  bool float32_values = true;
  std::vector<double> positions;
  std::vector<kernels::BallCloud> clouds;

  // Masked padding: whole units. Duplicate padding: a power of two of slots, which halve all the way down.
  BallBatch(const std::vector<Cloud>& given, std::int64_t unit, bool duplicate = false)
      : name(std::to_string(given.size()) + " clouds, first " + given[0].name + ", unit " + std::to_string(unit) +
             (duplicate ? ", duplicate" : "")),
        dimension(given[0].dimension) {
    for (const Cloud& cloud : given) {
      positions.insert(positions.end(), cloud.positions.begin(), cloud.positions.end());
      kernels::BallCloud shape{cloud.points(), (cloud.points() + unit - 1) / unit * unit, unit};
      if (duplicate) {
        while (shape.unit < cloud.points()) shape.unit *= 2;
        shape.slots = shape.unit;
      }
      clouds.push_back(shape);
    }
    for (const double x : positions) float32_values = float32_values && static_cast<double>(static_cast<float>(x)) == x;
  }
  std::int64_t points() const { return static_cast<std::int64_t>(positions.size()) / dimension; }
};

struct BatchTrees {
  std::vector<std::int32_t> slot_point, point_slot;
  std::vector<std::uint8_t> slot_mask;
};

inline BatchTrees cpu_trees(const BallBatch& batch) {
  BatchTrees trees;
  std::int64_t first_point = 0;
  for (const auto& cloud : batch.clouds) {
    const auto first_slot = static_cast<std::int32_t>(trees.slot_point.size());
    std::vector<std::int32_t> slot_point(static_cast<std::size_t>(cloud.slots)),
        point_slot(static_cast<std::size_t>(cloud.points));
    std::vector<std::uint8_t> mask(static_cast<std::size_t>(cloud.slots));
    kernels::BallTreeParams params;
    params.positions = batch.positions.data() + first_point * batch.dimension;
    params.points = cloud.points;
    params.dimension = batch.dimension;
    params.slots = cloud.slots;
    params.unit = cloud.unit;
    params.slot_point = slot_point.data();
    params.slot_mask = mask.data();
    params.point_slot = point_slot.data();
    kernels::build_ball_tree_cpu(params);
    for (const std::int32_t point : slot_point)
      trees.slot_point.push_back(point + static_cast<std::int32_t>(first_point));
    for (const std::int32_t slot : point_slot) trees.point_slot.push_back(slot + first_slot);
    trees.slot_mask.insert(trees.slot_mask.end(), mask.begin(), mask.end());
    first_point += cloud.points;
  }
  return trees;
}

// First slots of all nodes of every level of one cloud's tree, and its end: method 8.1, level by level.
inline std::vector<std::vector<std::int64_t>> slow_levels(std::int64_t slots, std::int64_t unit) {
  std::vector<std::vector<std::int64_t>> levels{{0, slots}};
  while (static_cast<std::int64_t>(levels.back().size()) <= slots) {
    const auto& above = levels.back();
    bool units = true;  // every node of this level is at most one unit
    for (std::size_t i = 0; i + 1 < above.size(); ++i) units = units && above[i + 1] - above[i] <= unit;
    std::vector<std::int64_t> starts;
    for (std::size_t i = 0; i + 1 < above.size(); ++i) {
      const std::int64_t node = above[i + 1] - above[i];
      starts.push_back(above[i]);
      if (node > unit)
        starts.push_back(above[i] + node / unit / 2 * unit);
      else if (units)
        starts.push_back(above[i] + node / 2);
    }
    starts.push_back(slots);
    levels.push_back(starts);
  }
  return levels;
}

// Ordinary and awkward clouds of one dimension, one after the other.
inline std::vector<Cloud> awkward_clouds_of(int dimension) {
  std::vector<Cloud> clouds;
  for (Cloud& cloud : awkward_clouds())
    if (cloud.dimension == dimension) clouds.push_back(std::move(cloud));
  return clouds;
}

}  // namespace erwin::test
