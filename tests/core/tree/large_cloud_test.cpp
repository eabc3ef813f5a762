// A million points: the shape of the tree and its invariants, not its speed.

#include <gtest/gtest.h>

#include "core/tree/ball_tree.h"
#include "core/tree/knn.h"
#include "core/tree/pick.h"
#include "tests/core/tree/clouds.h"

namespace erwin {
namespace {

TEST(LargeCloud, AMillionPointsKeepTheInvariants) {
  const test::Cloud cloud = test::uniform_cloud(1000000);
  TreeOptions options;
  options.unit = 512;
  const BallTree tree = build_ball_tree(cloud.positions, 3, options);
  ASSERT_EQ(tree.slot_count, 1954 * 512);
  std::vector<std::uint8_t> seen(1000000);
  for (std::size_t s = 0; s < tree.slot_point.size(); ++s)
    if (tree.slot_mask[s]) ++seen[static_cast<std::size_t>(tree.slot_point[s])];
  ASSERT_TRUE(std::all_of(seen.begin(), seen.end(), [](auto count) { return count == 1; }));
  // Every split parts its points on the node's widest axis.
  for (std::size_t l = 0; l + 1 < tree.levels.size(); ++l) {
    const TreeLevel& below = tree.levels[l + 1];
    std::size_t child = 0;
    for (std::size_t i = 0; i < tree.levels[l].point_count.size(); ++i) {
      const std::size_t first = child;
      while (child < below.point_count.size() && below.slot_begin[child] < tree.levels[l].slot_begin[i + 1]) ++child;
      const int axis = tree.levels[l].split_axis[i];
      if (axis < 0 || !below.point_count[first] || !below.point_count[first + 1]) continue;
      const auto a = static_cast<std::size_t>(axis);
      ASSERT_LE(below.box_maximum[first][a], below.box_minimum[first + 1][a]);
    }
  }
  PickRay ray;
  ray.origin = {0, 0, 5};
  ray.slope = 0.001;
  const auto hit = pick_point(tree, cloud.positions, ray);
  ASSERT_TRUE(hit.has_value());
  EXPECT_LE(hit->distance, 0.001 * hit->depth);
}

// A million coincident points must neither hang the search nor ask for memory by the square.
TEST(LargeCloud, AMillionCoincidentPointsHaveNeighbours) {
  const test::Cloud cloud = test::all_equal_cloud(1000000);
  const KnnGraph graph = build_knn_graph(cloud.positions, 3, 4, false);
  ASSERT_EQ(graph.source.size(), 4000000U);
  EXPECT_EQ(graph.source[0], 1);
  EXPECT_EQ(graph.source[4 * 999999 + 3], 3);
}

}  // namespace
}  // namespace erwin
