// A plan holds all of a batch's shape: followed step by step with slow sorts, it leads to the CPU's trees.

#include "kernels/ball_tree/batch_plan.h"

#include <gtest/gtest.h>

#include <map>
#include <set>

#include "tests/kernels/ball_tree/batches.h"

namespace erwin::kernels {
namespace {

using test::BallBatch;

template <typename Entry>
std::vector<Entry> entries(const BallTreePlan& plan, std::int64_t at, std::int64_t count) {
  const auto* const first = reinterpret_cast<const Entry*>(plan.table.data() + at);
  return {first, first + count};
}

// The points of every node in place, sorted along the widest axis before each cut.
class Follower {
public:
  Follower(const BallBatch& batch, const BallTreePlan& plan)
      : batch_(batch), points_(static_cast<std::size_t>(batch.points())) {
    std::iota(points_.begin(), points_.end(), 0);
    slot_point.assign(static_cast<std::size_t>(plan.slots), -1);
    const auto nodes = entries<BallTreePlan::LargeNode>(plan, plan.large_nodes_at(), plan.large_nodes);
    const auto tiles = entries<BallTreePlan::Tile>(plan, plan.tiles_at(), plan.tiles);
    for (const auto& level : plan.levels)
      for (std::int64_t t = level.first_tile; t < level.first_tile + level.tiles; ++t) {
        const auto& tile = tiles[static_cast<std::size_t>(t)];
        const auto& node = nodes[static_cast<std::size_t>(tile.node)];
        if (tile.first == 0) sort(node.begin, node.count);
        covered_[tile.node] += std::min(node.count - tile.first, BallTreePlan::tile_points);
      }
    for (std::size_t i = 0; i < nodes.size(); ++i) {
      EXPECT_GT(nodes[i].count, BallTreePlan::small_points);
      EXPECT_EQ(covered_[static_cast<std::int32_t>(i)], nodes[i].count);
    }
    for (const auto& node : entries<BallTreePlan::SmallNode>(plan, plan.small_nodes_at(), plan.small_nodes)) {
      EXPECT_LE(node.count, BallTreePlan::small_points);
      finish(node.begin, node.count, node.slot, node.slots, node.unit);
    }
  }
  std::vector<std::int32_t> slot_point;  // -1: padding

private:
  double x(std::int32_t point, int axis) const {
    return batch_.positions[static_cast<std::size_t>(point * batch_.dimension + axis)];
  }
  void sort(std::int64_t begin, std::int64_t count) {
    const auto first = points_.begin() + begin, last = first + count;
    int axis = 0;
    double best = -1;
    for (int a = 0; a < batch_.dimension; ++a) {
      const auto [low, high] =
          std::minmax_element(first, last, [&](std::int32_t p, std::int32_t q) { return x(p, a) < x(q, a); });
      if (x(*high, a) - x(*low, a) > best) best = x(*high, a) - x(*low, a), axis = a;
    }
    std::sort(first, last, [&](std::int32_t p, std::int32_t q) {
      for (int k = 0; k < batch_.dimension; ++k) {
        const int a = (axis + k) % batch_.dimension;
        if (x(p, a) != x(q, a)) return x(p, a) < x(q, a);
      }
      return p < q;
    });
  }
  void finish(std::int64_t begin, std::int64_t count, std::int64_t slot, std::int64_t slots, std::int64_t unit) {
    if (count == 0) return;
    sort(begin, count);
    if (slots <= 2) {
      for (std::int64_t i = 0; i < count; ++i)
        slot_point[static_cast<std::size_t>(slot + i)] = points_[static_cast<std::size_t>(begin + i)];
      return;
    }
    const std::int64_t left = slots > unit ? slots / unit / 2 * unit : slots / 2, half = count * left / slots;
    finish(begin, half, slot, left, unit);
    finish(begin + half, count - half, slot + left, slots - left, unit);
  }
  const BallBatch& batch_;
  std::vector<std::int32_t> points_;
  std::map<std::int32_t, std::int32_t> covered_;
};

void expect_cpu_trees(const BallBatch& batch) {
  SCOPED_TRACE(batch.name);
  const BallTreePlan plan = plan_ball_trees(batch.clouds);
  ASSERT_EQ(static_cast<std::int64_t>(plan.table.size()), plan.small_nodes_at() + 6 * plan.small_nodes);
  const auto expected = test::cpu_trees(batch);
  const Follower follower(batch, plan);
  ASSERT_EQ(follower.slot_point.size(), expected.slot_point.size());
  for (std::size_t s = 0; s < expected.slot_point.size(); ++s)
    ASSERT_EQ(follower.slot_point[s], expected.slot_mask[s] ? expected.slot_point[s] : -1) << "slot " << s;
  const std::int32_t* const table = plan.table.data();
  for (std::int64_t c = 0; c < plan.clouds; ++c) {
    const std::int32_t first = table[plan.slot_begin_at() + c];
    EXPECT_EQ(table[plan.slot_begin_at() + c + 1] - first, batch.clouds[static_cast<std::size_t>(c)].slots);
    EXPECT_EQ(table[plan.point_begin_at() + c + 1] - table[plan.point_begin_at() + c],
              batch.clouds[static_cast<std::size_t>(c)].points);
    const auto occupied = std::find(expected.slot_mask.begin() + first, expected.slot_mask.end(), 1);
    EXPECT_EQ(table[plan.first_slot_at() + c], occupied - expected.slot_mask.begin()) << "cloud " << c;
  }
}

TEST(BallTreePlan, LeadsToTheCpuTrees) {
  for (const int dimension : {1, 2, 3})
    for (const std::int64_t unit : {1, 2, 16, 128, 4096})
      for (const bool duplicate : {false, true})
        expect_cpu_trees(BallBatch(test::awkward_clouds_of(dimension), unit, duplicate));
}

TEST(BallTreePlan, ALargeCloudHasALevelOfTilesPerDepth) {
  const BallBatch batch({test::uniform_cloud(20001), test::uniform_cloud(3), test::uniform_cloud(4099)}, 128);
  const BallTreePlan plan = plan_ball_trees(batch.clouds);
  EXPECT_EQ(plan.levels.size(), 5U);  // 20001 points are split five times before all nodes have at most 1024
  EXPECT_EQ(plan.most_tiles(), 16);   // 16 nodes of 1250 points
  expect_cpu_trees(batch);
}

TEST(OccupiedRuns, AreTheRunsOfTheMaskThatHoldAPoint) {
  for (const std::int64_t unit : {1, 2, 16, 64})
    for (const bool duplicate : {false, true})
      for (const std::int64_t points : {1, 2, 3, 50, 129, 1000, 1025}) {
        const BallBatch batch({test::uniform_cloud(points)}, unit, duplicate);
        const auto mask = test::cpu_trees(batch).slot_mask;
        for (std::int64_t size = 1; size <= unit; size *= 2) {
          std::int64_t expected = 0;
          for (auto run = mask.begin(); run != mask.end(); run += size)
            expected += std::find(run, run + size, 1) != run + size;
          EXPECT_EQ(occupied_runs(batch.clouds[0], size), expected) << batch.name << ", runs of " << size;
        }
      }
}

TEST(BallNodesPlan, NumbersEveryNodeOfEveryLevelOnce) {
  for (const std::int64_t unit : {1, 2, 8, 32, 128}) {
    const std::vector<std::int64_t> slots{unit, 7 * unit, 2 * unit, 64 * unit, 13 * unit};
    const BallNodesPlan plan = plan_ball_nodes(slots, unit);
    std::set<std::int64_t> seen;
    std::int64_t first_slot = 0, expected = 0;
    for (std::size_t c = 0; c < slots.size(); ++c) {
      const auto levels = test::slow_levels(slots[c], unit);
      ASSERT_EQ(static_cast<int>(levels.size()), plan.clouds[c].levels + plan.unit_height + 1);
      for (std::size_t l = 0; l < levels.size(); ++l)
        for (std::size_t i = 0; i + 1 < levels[l].size(); ++i, ++expected) {
          const std::int64_t node =
              plan.node(static_cast<std::int64_t>(c), static_cast<int>(l), static_cast<std::int64_t>(i));
          ASSERT_TRUE(seen.insert(node).second) << "cloud " << c << " level " << l << " node " << i;
          if (static_cast<int>(l) < plan.clouds[c].levels) continue;
          // From the units down, nodes of a height are numbered in slot order.
          const std::int64_t size = levels[l][i + 1] - levels[l][i];
          int height = 0;
          while (std::int64_t{1} << height < size) ++height;
          ASSERT_EQ(node, plan.height_at(height) + ((first_slot + levels[l][i]) >> height));
        }
      first_slot += slots[c];
    }
    EXPECT_EQ(plan.slots, first_slot);
    EXPECT_EQ(plan.nodes, expected);
    EXPECT_EQ(*seen.begin(), 0);
    EXPECT_EQ(*seen.rbegin(), expected - 1);
  }
}

}  // namespace
}  // namespace erwin::kernels
