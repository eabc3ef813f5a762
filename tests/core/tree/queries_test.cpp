// Level of detail, picking, neighbour graphs and rotated slots, each against brute force.

#include <gtest/gtest.h>

#include <array>
#include <limits>
#include <set>
#include <tuple>

#include "core/base/error.h"
#include "core/tree/knn.h"
#include "core/tree/lod.h"
#include "core/tree/pick.h"
#include "core/tree/rotated.h"
#include "kernels/parallel/parallel.h"
#include "tests/core/tree/clouds.h"

namespace erwin {
namespace {

using test::Cloud;

BallTree tree_of(const Cloud& cloud, int unit = 32) {
  TreeOptions options;
  options.unit = unit;
  return build_ball_tree(cloud.positions, cloud.dimension, options);
}

std::array<double, 3> point_of(const Cloud& cloud, std::int64_t i) {
  std::array<double, 3> x{0, 0, 0};
  for (int a = 0; a < cloud.dimension; ++a)
    x[static_cast<std::size_t>(a)] = cloud.positions[static_cast<std::size_t>(i * cloud.dimension + a)];
  return x;
}

TEST(LevelOfDetail, HoldsEveryPointOnce) {
  for (const Cloud& cloud : test::awkward_clouds()) {
    auto order = level_of_detail_order(tree_of(cloud));
    std::sort(order.begin(), order.end());
    std::vector<std::int32_t> all(static_cast<std::size_t>(cloud.points()));
    std::iota(all.begin(), all.end(), 0);
    EXPECT_EQ(order, all) << cloud.name;
  }
}

TEST(LevelOfDetail, EveryPrefixIsSpreadOverTheWholeCloud) {
  const Cloud cloud = test::uniform_cloud(20000);
  const auto order = level_of_detail_order(tree_of(cloud, 128));
  const auto volume = [&](std::size_t count) {
    double low[3] = {2, 2, 2}, high[3] = {-2, -2, -2};
    for (std::size_t i = 0; i < count; ++i)
      for (int a = 0; a < 3; ++a) {
        low[a] = std::min(low[a], point_of(cloud, order[i])[static_cast<std::size_t>(a)]);
        high[a] = std::max(high[a], point_of(cloud, order[i])[static_cast<std::size_t>(a)]);
      }
    return (high[0] - low[0]) * (high[1] - low[1]) * (high[2] - low[2]);
  };
  const double whole = volume(order.size());
  EXPECT_GT(volume(order.size() / 4) / whole, 0.95);
  EXPECT_GT(volume(order.size() / 100) / whole, 0.6);
  // Every octant gets its eighth of a prefix.
  for (const std::size_t count : {std::size_t{500}, std::size_t{5000}}) {
    int octants[8] = {};
    for (std::size_t i = 0; i < count; ++i) {
      const auto x = point_of(cloud, order[i]);
      ++octants[(x[0] > 0) + 2 * (x[1] > 0) + 4 * (x[2] > 0)];
    }
    for (const int found : octants) EXPECT_NEAR(found, count / 8.0, count / 40.0);
  }
}

std::optional<PickHit> slow_pick(const Cloud& cloud, const PickRay& ray) {
  const auto& d = ray.direction;
  const double length = std::sqrt(d[0] * d[0] + d[1] * d[1] + d[2] * d[2]);
  std::optional<PickHit> best;
  for (std::int32_t i = 0; i < cloud.points(); ++i) {
    const auto x = point_of(cloud, i);
    double depth = 0, squared = 0;
    for (std::size_t a = 0; a < 3; ++a) depth += (x[a] - ray.origin[a]) * d[a] / length;
    for (std::size_t a = 0; a < 3; ++a) {
      const double side = x[a] - ray.origin[a] - depth * d[a] / length;
      squared += side * side;
    }
    if (depth < 0 || std::sqrt(squared) > ray.radius + depth * ray.slope) continue;
    if (!best || depth < best->depth) best = PickHit{i, depth, std::sqrt(squared)};
  }
  return best;
}

TEST(Pick, EqualsBruteForce) {
  std::mt19937 random(5);
  std::uniform_real_distribution<double> number(-1, 1);
  int hits = 0;
  for (const Cloud& cloud : {test::uniform_cloud(4000), test::clustered_cloud(1000), test::collinear_cloud(500),
                             test::uniform_cloud(600, 2), test::uniform_cloud(1)}) {
    SCOPED_TRACE(cloud.name);
    const BallTree tree = tree_of(cloud);
    std::vector<float> floats(cloud.positions.begin(), cloud.positions.end());
    for (int trial = 0; trial < 200; ++trial) {
      PickRay ray;
      for (double& x : ray.origin) x = 3 * number(random);
      for (std::size_t a = 0; a < 3; ++a) ray.direction[a] = 0.4 * number(random) - ray.origin[a];
      if (trial % 2)
        ray.radius = 0.05;
      else
        ray.slope = trial % 4 ? 0.02 : 1.5;
      const auto expected = slow_pick(cloud, ray);
      const auto found = pick_point(tree, cloud.positions, ray);
      ASSERT_EQ(found.has_value(), expected.has_value()) << "trial " << trial;
      if (!found) continue;
      ++hits;
      ASSERT_EQ(found->point, expected->point) << "trial " << trial;
      ASSERT_NEAR(found->depth, expected->depth, 1e-9 * (1 + expected->depth));
      ASSERT_EQ(pick_point(tree, std::span<const float>(floats), ray)->point, found->point);
    }
  }
  EXPECT_GT(hits, 200);
}

TEST(Pick, RefusesARayWithoutDirectionAndATreeWithoutNodes) {
  const Cloud cloud = test::uniform_cloud(10);
  PickRay ray;
  ray.direction = {0, 0, 0};
  EXPECT_THROW(pick_point(tree_of(cloud), cloud.positions, ray), Error);
  ray.direction = {1, 0, 0};
  ray.radius = -1;
  EXPECT_THROW(pick_point(tree_of(cloud), cloud.positions, ray), Error);
  ray.radius = 1;
  BallTree bare = tree_of(cloud);
  bare.levels.clear();
  EXPECT_THROW(pick_point(bare, cloud.positions, ray), Error);
}

TEST(NearestPoint, EqualsBruteForceWithTiesToTheLowestId) {
  std::mt19937 random(6);
  std::uniform_real_distribution<double> number(-2, 10);
  for (const Cloud& cloud : {test::uniform_cloud(3000), test::doubled_grid(8), test::all_equal_cloud(40)}) {
    const BallTree tree = tree_of(cloud);
    for (int trial = 0; trial < 100; ++trial) {
      std::array<double, 3> place{number(random), number(random), number(random)};
      if (trial % 2)
        for (double& x : place) x = std::round(x);
      std::int32_t best = -1;
      double least = std::numeric_limits<double>::max();
      for (std::int32_t i = 0; i < cloud.points(); ++i) {
        const auto x = point_of(cloud, i);
        const double squared = (x[0] - place[0]) * (x[0] - place[0]) + (x[1] - place[1]) * (x[1] - place[1]) +
                               (x[2] - place[2]) * (x[2] - place[2]);
        if (squared < least) least = squared, best = i;
      }
      const PickHit found = nearest_point(tree, cloud.positions, place);
      ASSERT_EQ(found.point, best) << cloud.name << " trial " << trial;
      ASSERT_DOUBLE_EQ(found.distance, std::sqrt(least));
    }
  }
}

KnnGraph slow_graph(const Cloud& cloud, int k, bool self_loop) {
  KnnGraph graph;
  for (std::int32_t i = 0; i < cloud.points(); ++i) {
    const auto x = point_of(cloud, i);
    std::vector<std::tuple<double, std::array<double, 3>, std::int32_t>> others;
    for (std::int32_t j = 0; j < cloud.points(); ++j) {
      if (j == i) continue;
      const auto y = point_of(cloud, j);
      others.emplace_back((x[0] - y[0]) * (x[0] - y[0]) + (x[1] - y[1]) * (x[1] - y[1]) + (x[2] - y[2]) * (x[2] - y[2]),
                          y, j);
    }
    std::sort(others.begin(), others.end());
    others.resize(std::min(others.size(), static_cast<std::size_t>(self_loop ? k - 1 : k)));
    if (self_loop) graph.source.push_back(i), graph.receiver.push_back(i);
    for (const auto& [distance, y, j] : others) graph.source.push_back(j), graph.receiver.push_back(i);
  }
  return graph;
}

TEST(KnnGraph, EqualsBruteForceWithManyTies) {
  for (const Cloud& cloud :
       {test::uniform_cloud(1), test::uniform_cloud(3), test::uniform_cloud(300), test::uniform_cloud(200, 2),
        test::clustered_cloud(250), test::collinear_cloud(160), test::all_equal_cloud(100), test::doubled_grid(5)})
    for (const int k : {1, 2, 8, 150})
      for (const bool self_loop : {false, true}) {
        SCOPED_TRACE(cloud.name + ", k " + std::to_string(k) + (self_loop ? ", self loop" : ""));
        const KnnGraph graph = build_knn_graph(cloud.positions, cloud.dimension, k, self_loop);
        const KnnGraph slow = slow_graph(cloud, k, self_loop);
        ASSERT_EQ(graph.receiver, slow.receiver);
        ASSERT_EQ(graph.source, slow.source);
        ASSERT_EQ(graph.edges_per_point * cloud.points(), std::ssize(graph.source));
      }
}

TEST(KnnGraph, DistancesWhoseSquaresVanishAreStillNeighbours) {
  Cloud cloud = test::uniform_cloud(50);
  for (double& x : cloud.positions) x *= 1e-200;
  const KnnGraph graph = build_knn_graph(cloud.positions, 3, 4, false);
  for (std::size_t e = 0; e < graph.source.size(); ++e) EXPECT_NE(graph.source[e], graph.receiver[e]);
}

TEST(KnnGraph, ThreadsAndOrderOfThePointsChangeNothing) {
  const Cloud cloud = test::doubled_grid(8);
  const int before = parallel_threads();
  set_parallel_threads(1);
  const KnnGraph one = build_knn_graph(cloud.positions, 3, 8, true);
  set_parallel_threads(4);
  EXPECT_EQ(build_knn_graph(cloud.positions, 3, 8, true).source, one.source);
  set_parallel_threads(before);
  const Cloud distinct = test::uniform_cloud(500);
  std::vector<std::int32_t> new_id;
  const Cloud other = test::shuffled(distinct, new_id);
  const KnnGraph a = build_knn_graph(distinct.positions, 3, 6, false),
                 b = build_knn_graph(other.positions, 3, 6, false);
  for (std::size_t e = 0; e < a.source.size(); ++e)
    ASSERT_EQ(new_id[static_cast<std::size_t>(a.source[e])],
              b.source[static_cast<std::size_t>(new_id[static_cast<std::size_t>(a.receiver[e])]) * 6 + e % 6]);
}

TEST(KnnGraph, RefusesBadRequests) {
  const Cloud cloud = test::uniform_cloud(10);
  EXPECT_THROW(build_knn_graph(cloud.positions, 3, 0, false), Error);
  EXPECT_THROW(build_knn_graph(cloud.positions, 5, 2, false), Error);
  Cloud broken = cloud;
  broken.positions[4] = std::numeric_limits<double>::quiet_NaN();
  EXPECT_THROW(build_knn_graph(broken.positions, 3, 2, false), Error);
  EXPECT_TRUE(build_knn_graph({}, 3, 2, true).source.empty());
}

TEST(RotatedSlots, AreThePointsOfTheSlotsRotatedAndPooled) {
  const Cloud cloud = test::uniform_cloud(50);
  TreeOptions options;
  options.unit = 16;
  options.padding = Padding::Duplicate;
  const BallTree tree = build_ball_tree(cloud.positions, 3, options);
  const auto rotated = rotate_positions(cloud.positions, 3, 30);
  const auto rows = rotated_slots(tree, cloud.positions, 30);
  ASSERT_EQ(rows.size(), 64U * 3);
  for (std::size_t s = 0; s < 64; ++s)
    for (std::size_t a = 0; a < 3; ++a)
      EXPECT_EQ(rows[3 * s + a], rotated[3 * static_cast<std::size_t>(tree.slot_point[s]) + a]);
  const auto pooled = pool_slots(rows, 3, 4);
  ASSERT_EQ(pooled.size(), 16U * 3);
  EXPECT_DOUBLE_EQ(pooled[3], (rows[12] + rows[15] + rows[18] + rows[21]) / 4);
  EXPECT_THROW(pool_slots(rows, 3, 3), Error);
  const std::vector<int> strides{2, 2};
  const auto trees = rotated_slot_trees(tree, cloud.positions, 30, strides);
  ASSERT_EQ(trees.size(), 3U);
  for (std::size_t l = 0; l < 3; ++l) {
    EXPECT_EQ(trees[l].slot_count, 64 >> l);
    EXPECT_EQ(trees[l].unit, 16 >> l);
    std::set<std::int32_t> once(trees[l].slot_point.begin(), trees[l].slot_point.end());
    EXPECT_EQ(std::ssize(once), trees[l].slot_count);
  }
}

}  // namespace
}  // namespace erwin
