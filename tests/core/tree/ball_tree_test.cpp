// Properties of the ball tree, against a slow construction straight from the definition and the oracles of the method.

#include "core/tree/ball_tree.h"

#include <gtest/gtest.h>

#include <bit>
#include <limits>
#include <set>

#include "core/base/error.h"
#include "kernels/parallel/parallel.h"
#include "tests/core/tree/clouds.h"

namespace erwin {
namespace {

using test::Cloud;

TreeOptions options_of(int unit, Padding padding = Padding::Masked, bool nodes = true) {
  TreeOptions options;
  options.unit = unit;
  options.padding = padding;
  options.nodes = nodes;
  return options;
}

BallTree tree_of(const Cloud& cloud, int unit, Padding padding = Padding::Masked, bool nodes = true) {
  return build_ball_tree(cloud.positions, cloud.dimension, options_of(unit, padding, nodes));
}

// Method 8.1 read aloud: sort the node's points with the full comparison, cut, go on.
class SlowTree {
public:
  SlowTree(const Cloud& cloud, std::int64_t slots, std::int64_t unit) : cloud_(cloud), unit_(unit) {
    point.assign(static_cast<std::size_t>(slots), -1);
    std::vector<int> all(static_cast<std::size_t>(cloud.points()));
    std::iota(all.begin(), all.end(), 0);
    split(all, 0, slots);
  }
  std::vector<int> point;  // -1: no point

private:
  double x(int p, int axis) const { return cloud_.positions[static_cast<std::size_t>(p * cloud_.dimension + axis)]; }
  void split(std::vector<int> points, std::int64_t slot, std::int64_t slots) {
    if (points.empty()) return;
    int axis = 0;
    double best = -1;
    for (int a = 0; a < cloud_.dimension; ++a) {
      double low = x(points[0], a), high = low;
      for (const int p : points) low = std::min(low, x(p, a)), high = std::max(high, x(p, a));
      if (high - low > best) best = high - low, axis = a;
    }
    std::sort(points.begin(), points.end(), [&](int a, int b) {
      for (int k = 0; k < cloud_.dimension; ++k) {
        const int along = (axis + k) % cloud_.dimension;
        if (x(a, along) != x(b, along)) return x(a, along) < x(b, along);
      }
      return a < b;
    });
    if (slots <= 2) {
      for (std::size_t i = 0; i < points.size(); ++i) point[static_cast<std::size_t>(slot) + i] = points[i];
      return;
    }
    const std::int64_t left = slots > unit_ ? slots / unit_ / 2 * unit_ : slots / 2;
    const auto cut = static_cast<std::ptrdiff_t>(std::ssize(points) * left / slots);
    split({points.begin(), points.begin() + cut}, slot, left);
    split({points.begin() + cut, points.end()}, slot + left, slots - left);
  }
  const Cloud& cloud_;
  std::int64_t unit_;
};

void expect_same_slots(const BallTree& tree, const SlowTree& slow) {
  ASSERT_EQ(tree.slot_point.size(), slow.point.size());
  const auto first = std::find_if(slow.point.begin(), slow.point.end(), [](int p) { return p >= 0; });
  for (std::size_t s = 0; s < slow.point.size(); ++s) {
    ASSERT_EQ(tree.slot_mask[s], slow.point[s] >= 0) << "slot " << s;
    int expected = slow.point[s];
    if (expected < 0) expected = slow.point[s & ~std::size_t{1}];
    if (expected < 0) expected = *first;
    ASSERT_EQ(tree.slot_point[s], expected) << "slot " << s;
    if (tree.slot_mask[s]) {
      ASSERT_EQ(tree.point_slot[static_cast<std::size_t>(expected)], static_cast<std::int32_t>(s));
    }
  }
}

TEST(BallTree, EqualsTheSlowConstructionOnAwkwardClouds) {
  for (const Cloud& cloud : test::awkward_clouds())
    for (const int unit : {1, 2, 32, 256}) {
      SCOPED_TRACE(cloud.name + ", unit " + std::to_string(unit));
      const BallTree tree = tree_of(cloud, unit, Padding::Masked, false);
      EXPECT_EQ(tree.unit_count, (cloud.points() + unit - 1) / unit);
      EXPECT_EQ(tree.slot_count, tree.unit_count * unit);
      expect_same_slots(tree, SlowTree(cloud, tree.slot_count, unit));
    }
}

TEST(BallTree, EqualsTheSlowConstructionWhereLargeNodesAreCutIntoPieces) {
  const Cloud cloud = test::uniform_cloud(70001);
  const BallTree tree = tree_of(cloud, 128, Padding::Masked, false);
  expect_same_slots(tree, SlowTree(cloud, tree.slot_count, 128));
}

TEST(BallTree, DuplicatePaddingIsTheAuthorsShape) {
  for (const Cloud& cloud : test::awkward_clouds())
    for (const int unit : {1, 2, 64}) {
      if (2 * cloud.points() <= unit) continue;
      SCOPED_TRACE(cloud.name + ", unit " + std::to_string(unit));
      const BallTree tree = tree_of(cloud, unit, Padding::Duplicate, false);
      ASSERT_EQ(tree.slot_count,
                std::max<std::int64_t>(
                    unit, static_cast<std::int64_t>(std::bit_ceil(static_cast<std::uint64_t>(cloud.points())))));
      expect_same_slots(tree, SlowTree(cloud, tree.slot_count, tree.slot_count));
      // Oracle 1: copies lie in odd slots and equal the even slot.
      for (std::size_t s = 0; s < tree.slot_mask.size(); ++s) {
        if (tree.slot_mask[s]) continue;
        ASSERT_EQ(s % 2, 1U);
        ASSERT_EQ(tree.slot_point[s], tree.slot_point[s - 1]);
      }
    }
}

TEST(BallTree, SiblingsDifferByAtMostOnePointInDuplicateTrees) {
  const BallTree tree = tree_of(test::uniform_cloud(3586), 256, Padding::Duplicate);
  for (const TreeLevel& level : tree.levels)
    for (std::size_t i = 0; i + 1 < level.point_count.size(); i += 2) {
      EXPECT_LE(std::abs(level.point_count[i] - level.point_count[i + 1]), 1);
      EXPECT_EQ(level.slot_begin[i + 1] - level.slot_begin[i], level.slot_begin[i + 2] - level.slot_begin[i + 1]);
    }
}

TEST(BallTree, NodeDataEqualsBruteForce) {
  for (const Cloud& cloud : test::awkward_clouds()) {
    if (cloud.name == "huge coordinates") continue;  // their means overflow
    for (const int unit : {1, 32}) {
      SCOPED_TRACE(cloud.name + ", unit " + std::to_string(unit));
      const BallTree tree = tree_of(cloud, unit);
      ASSERT_EQ(std::ssize(tree.levels), 1 + std::bit_width(static_cast<std::uint64_t>(tree.unit_count - 1)) +
                                             std::countr_zero(static_cast<unsigned>(unit)));
      for (std::size_t l = 0; l < tree.levels.size(); ++l) {
        const TreeLevel& level = tree.levels[l];
        ASSERT_EQ(level.slot_begin.front(), 0);
        ASSERT_EQ(level.slot_begin.back(), tree.slot_count);
        for (std::size_t i = 0; i < level.point_count.size(); ++i) {
          std::vector<std::int32_t> members;
          for (auto s = level.slot_begin[i]; s < level.slot_begin[i + 1]; ++s)
            if (tree.slot_mask[static_cast<std::size_t>(s)])
              members.push_back(tree.slot_point[static_cast<std::size_t>(s)]);
          ASSERT_EQ(level.point_count[i], std::ssize(members));
          std::array<long double, 3> sum{};
          std::array<double, 3> low{}, high{};
          for (std::size_t m = 0; m < members.size(); ++m)
            for (int a = 0; a < cloud.dimension; ++a) {
              const double x = cloud.positions[static_cast<std::size_t>(members[m] * cloud.dimension + a)];
              const auto k = static_cast<std::size_t>(a);
              sum[k] += x;
              low[k] = m ? std::min(low[k], x) : x;
              high[k] = m ? std::max(high[k], x) : x;
            }
          ASSERT_EQ(level.box_minimum[i], low);
          ASSERT_EQ(level.box_maximum[i], high);
          double scale = 1e-300;
          for (std::size_t a = 0; a < 3; ++a) scale = std::max({scale, std::abs(low[a]), std::abs(high[a])});
          double reach = 0;
          for (const auto p : members) {
            double squared = 0;
            for (int a = 0; a < cloud.dimension; ++a) {
              const double offset =
                  cloud.positions[static_cast<std::size_t>(p * cloud.dimension + a)] -
                  static_cast<double>(sum[static_cast<std::size_t>(a)] / static_cast<long double>(members.size()));
              squared += offset * offset;
            }
            reach = std::max(reach, std::sqrt(squared));
          }
          if (members.empty()) continue;
          for (std::size_t a = 0; a < 3; ++a)
            ASSERT_NEAR(level.centre[i][a], static_cast<double>(sum[a] / static_cast<long double>(members.size())),
                        1e-13 * scale);
          ASSERT_NEAR(level.radius[i], reach, 1e-13 * scale);
        }
      }
    }
  }
}

// Oracle 2, on the node data: a split axis is the first widest one and parts the points.
TEST(BallTree, SplitAxesAreTheFirstWidestAndPartThePoints) {
  for (const Cloud& cloud : {test::uniform_cloud(3001), test::doubled_grid(7), test::uniform_cloud(500, 2)}) {
    SCOPED_TRACE(cloud.name);
    const BallTree tree = tree_of(cloud, 64);
    for (std::size_t l = 0; l + 1 < tree.levels.size(); ++l) {
      const TreeLevel& level = tree.levels[l];
      const TreeLevel& below = tree.levels[l + 1];
      for (std::size_t i = 0; i < level.point_count.size(); ++i) {
        const auto child = static_cast<std::size_t>(
            std::lower_bound(below.slot_begin.begin(), below.slot_begin.end(), level.slot_begin[i]) -
            below.slot_begin.begin());
        const bool parts = below.slot_begin[child + 1] < level.slot_begin[i + 1];
        if (!parts || level.point_count[i] < 2) {
          ASSERT_EQ(level.split_axis[i], -1);
          continue;
        }
        const auto axis = static_cast<std::size_t>(level.split_axis[i]);
        for (std::size_t a = 0; a < static_cast<std::size_t>(cloud.dimension); ++a) {
          const double width = level.box_maximum[i][a] - level.box_minimum[i][a];
          const double chosen = level.box_maximum[i][axis] - level.box_minimum[i][axis];
          ASSERT_TRUE(a < axis ? width < chosen : width <= chosen);
        }
        if (below.point_count[child] && below.point_count[child + 1]) {
          ASSERT_LE(below.box_maximum[child][axis], below.box_minimum[child + 1][axis]);
        }
      }
    }
    EXPECT_THROW(tree.level_of(3), Error);
    EXPECT_THROW(tree.level_of(128), Error);
    for (int slots = 1; slots <= 64; slots *= 2) {
      const auto& starts = tree.levels[static_cast<std::size_t>(tree.level_of(slots))].slot_begin;
      for (std::size_t i = 0; i + 1 < starts.size(); ++i) ASSERT_EQ(starts[i + 1] - starts[i], slots);
    }
  }
}

TEST(BallTree, IsAFunctionOfTheSetOfPoints) {
  for (const Cloud& cloud : test::awkward_clouds()) {
    SCOPED_TRACE(cloud.name);
    std::vector<std::int32_t> new_id;
    const Cloud other = test::shuffled(cloud, new_id);
    const BallTree a = tree_of(cloud, 32, Padding::Masked, false), b = tree_of(other, 32, Padding::Masked, false);
    ASSERT_EQ(a.slot_mask, b.slot_mask);
    // Coincident points may trade places: what lies in a slot is compared by its coordinates.
    for (std::size_t s = 0; s < a.slot_point.size(); ++s)
      for (int k = 0; k < cloud.dimension; ++k)
        ASSERT_EQ(cloud.positions[static_cast<std::size_t>(a.slot_point[s] * cloud.dimension + k)],
                  other.positions[static_cast<std::size_t>(b.slot_point[s] * cloud.dimension + k)]);
  }
}

TEST(BallTree, MovesAndScalesWithTheCloud) {
  Cloud cloud = test::uniform_cloud(2000);
  for (double& x : cloud.positions) x = std::round(x * 1024);  // exact under both changes below
  const BallTree tree = tree_of(cloud, 64, Padding::Masked, false);
  Cloud moved = cloud;
  for (double& x : moved.positions) x = 4 * x + 1000;
  EXPECT_EQ(tree_of(moved, 64, Padding::Masked, false).slot_point, tree.slot_point);
}

TEST(BallTree, ThreadsChangeNothing) {
  const Cloud cloud = test::uniform_cloud(150000);
  const int before = parallel_threads();
  set_parallel_threads(1);
  const BallTree one = tree_of(cloud, 128);
  for (const int threads : {2, 4}) {
    set_parallel_threads(threads);
    const BallTree many = tree_of(cloud, 128);
    ASSERT_EQ(many.slot_point, one.slot_point);
    for (std::size_t l = 0; l < one.levels.size(); ++l) {
      ASSERT_EQ(many.levels[l].centre, one.levels[l].centre);
      ASSERT_EQ(many.levels[l].radius, one.levels[l].radius);
    }
  }
  set_parallel_threads(before);
}

TEST(BallTree, RefusesWhatItCannotBuild) {
  const auto kind_of = [](auto&& build) {
    try {
      build();
    } catch (const Error& error) {
      return error.kind();
    }
    return ErrorKind::Internal;
  };
  const Cloud cloud = test::uniform_cloud(32);
  EXPECT_EQ(kind_of([&] { tree_of(cloud, 0); }), ErrorKind::Config);
  EXPECT_EQ(kind_of([&] { tree_of(cloud, 48); }), ErrorKind::Config);
  EXPECT_EQ(kind_of([&] { tree_of(cloud, 64, Padding::Duplicate); }), ErrorKind::Config);
  EXPECT_NO_THROW(tree_of(test::uniform_cloud(33), 64, Padding::Duplicate));
  EXPECT_EQ(kind_of([&] { build_ball_tree({}, 3, options_of(32)); }), ErrorKind::Format);
  EXPECT_EQ(kind_of([&] { build_ball_tree(cloud.positions, 4, options_of(32)); }), ErrorKind::Config);
  for (const double bad : {std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity()}) {
    Cloud broken = cloud;
    broken.positions[50] = bad;
    EXPECT_EQ(kind_of([&] { tree_of(broken, 32); }), ErrorKind::Format);
  }
  std::stop_source stop;
  stop.request_stop();
  EXPECT_EQ(
      kind_of([&] { build_ball_tree(test::uniform_cloud(5000).positions, 3, options_of(32), Job(stop.get_token())); }),
      ErrorKind::Cancelled);
}

TEST(RotatePositions, IsARotation) {
  // Oracle 6: the images of the axes are orthonormal and right-handed.
  const auto r = rotate_positions(std::vector<double>{1, 0, 0, 0, 1, 0, 0, 0, 1}, 3, 45);
  for (std::size_t i = 0; i < 3; ++i)
    for (std::size_t j = 0; j < 3; ++j) {
      double product = 0;
      for (std::size_t k = 0; k < 3; ++k) product += r[3 * i + k] * r[3 * j + k];
      EXPECT_NEAR(product, i == j ? 1 : 0, 1e-15);
    }
  const double determinant =
      r[0] * (r[4] * r[8] - r[5] * r[7]) - r[1] * (r[3] * r[8] - r[5] * r[6]) + r[2] * (r[3] * r[7] - r[4] * r[6]);
  EXPECT_NEAR(determinant, 1, 1e-15);
  // Rz(90) Ry(90) Rx(90) as row vectors from the left: x goes to z, y stays, z goes to -x.
  const auto quarter = rotate_positions(std::vector<double>{1, 2, 3}, 3, 90);
  EXPECT_NEAR(quarter[0], -3, 1e-15);
  EXPECT_NEAR(quarter[1], 2, 1e-15);
  EXPECT_NEAR(quarter[2], 1, 1e-15);
  const auto plane = rotate_positions(std::vector<double>{1, 2}, 2, 90);
  EXPECT_NEAR(plane[0], 2, 1e-15);
  EXPECT_NEAR(plane[1], -1, 1e-15);
  const std::vector<double> any{0.1, -2, 30};
  EXPECT_EQ(rotate_positions(any, 3, 0), any);
  EXPECT_THROW(rotate_positions(any, 1, 45), Error);
}

TEST(RotatePositions, ChangesTheBallsOfNearlyEveryCloud) {
  int changed = 0;
  for (unsigned seed = 0; seed < 20; ++seed) {
    const Cloud cloud = test::uniform_cloud(300, 3, seed);
    const auto balls = [](const BallTree& tree) {
      std::set<std::set<std::int32_t>> sets;
      for (std::size_t s = 0; s < tree.slot_point.size(); s += 64)
        sets.emplace(tree.slot_point.begin() + static_cast<std::ptrdiff_t>(s),
                     tree.slot_point.begin() + static_cast<std::ptrdiff_t>(s + 64));
      return sets;
    };
    Cloud turned = cloud;
    turned.positions = rotate_positions(cloud.positions, 3, 45);
    changed += balls(tree_of(cloud, 64)) != balls(tree_of(turned, 64));
  }
  EXPECT_GT(changed, 18);
}

}  // namespace
}  // namespace erwin
