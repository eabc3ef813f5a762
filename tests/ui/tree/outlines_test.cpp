#include "ui/scene/tree_outlines.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>
#include <random>

#include "core/base/error.h"
#include "core/engine/cloud_tree.h"
#include "core/engine/sample_cloud.h"
#include "core/io/open.h"
#include "core/tree/rotated.h"
#include "tests/support/shared_data.h"
#include "ui/scene/tree_colours.h"
#include "ui/scene/tree_nodes.h"

namespace erwin::ui {
namespace {

PointCloudPtr cloud_of(std::vector<float> positions, std::array<double, 3> origin = {}) {
  PointCloud::Parts parts;
  parts.positions = std::move(positions);
  parts.origin = origin;
  return std::make_shared<PointCloud>(std::move(parts));
}

std::vector<std::int32_t> all_of(const PointCloud& cloud) {
  std::vector<std::int32_t> all(static_cast<std::size_t>(cloud.size()));
  std::iota(all.begin(), all.end(), 0);
  return all;
}

double distance(const std::array<float, 3>& a, const std::array<double, 3>& b) {
  return std::hypot(a[0] - b[0], a[1] - b[1], a[2] - b[2]);
}

TEST(Outlines, ABoxIsTightAndGrowsOnEverySide) {
  const auto cloud = cloud_of({0, 0, 0, 2, 1, 0, 1, 4, -3, 9, 9, 9}, {100, 100, 100});
  OutlineMesh mesh;
  add_outline(mesh, *cloud, 0, std::vector<std::int32_t>{0, 1, 2}, OutlineShape::Box, 0.5, {1, 2, 3});
  ASSERT_EQ(mesh.corners.size(), 8u);
  ASSERT_EQ(mesh.lines.size(), 12u);
  ASSERT_EQ(mesh.line_colours.size(), 12u);
  EXPECT_EQ(mesh.line_colours.front(), (Rgb{1, 2, 3}));
  std::array<float, 3> low = mesh.corners.front(), high = low;
  for (const auto& corner : mesh.corners)
    for (std::size_t k = 0; k < 3; ++k) {
      low[k] = std::min(low[k], corner[k]);
      high[k] = std::max(high[k], corner[k]);
    }
  EXPECT_EQ(low, (std::array<float, 3>{-0.5f, -0.5f, -3.5f}));  // relative to the origin
  EXPECT_EQ(high, (std::array<float, 3>{2.5f, 4.5f, 0.5f}));
  for (const auto& [a, b] : mesh.lines) {  // along one axis each
    int differing = 0;
    for (std::size_t k = 0; k < 3; ++k)
      differing += mesh.corners[static_cast<std::size_t>(a)][k] != mesh.corners[static_cast<std::size_t>(b)][k];
    EXPECT_EQ(differing, 1);
  }
}

TEST(Outlines, ASphereIsThatOfTheTreesBall) {
  const auto cloud = make_sample_cloud(1000);
  const auto tree = cloud_tree(*cloud);
  const TreeLevel& level = tree->levels[4];
  LevelNodes nodes{std::make_shared<SlotPoints>(slot_points(*tree)), level.slot_begin};
  for (const std::int64_t node : {std::int64_t{0}, level.size() / 2, level.size() - 1}) {
    OutlineMesh mesh;
    add_outline(mesh, *cloud, 0, nodes.points(node), OutlineShape::Sphere, 0, {});
    const auto at = static_cast<std::size_t>(node);
    for (const auto& corner : mesh.corners)
      ASSERT_NEAR(distance(corner, level.centre[at]), level.radius[at], 1e-5 * (1 + level.radius[at]));
    EXPECT_FALSE(mesh.faces.empty());
  }
}

TEST(Outlines, AHullGrowsOutwardsAndItsFacesKeepTheirCorners) {
  std::mt19937 random(2);
  std::uniform_real_distribution<float> uniform(-1, 1);
  std::vector<float> positions;
  for (int i = 0; i < 300; ++i) positions.push_back(uniform(random));
  const auto cloud = cloud_of(positions);
  OutlineMesh tight, grown;
  add_outline(tight, *cloud, 0, all_of(*cloud), OutlineShape::Hull, 0, {});
  add_outline(grown, *cloud, 0, all_of(*cloud), OutlineShape::Hull, 0.25, {});
  ASSERT_EQ(tight.corners.size(), grown.corners.size());
  EXPECT_EQ(tight.faces, grown.faces);
  for (std::size_t i = 0; i < tight.corners.size(); ++i) {
    const auto& a = tight.corners[i];
    const auto& b = grown.corners[i];
    EXPECT_NEAR(std::hypot(a[0] - b[0], a[1] - b[1], a[2] - b[2]), 0.25, 1e-5);
    EXPECT_GT(std::hypot(b[0], b[1], b[2]), std::hypot(a[0], a[1], a[2]));
  }
}

TEST(Outlines, NoPointsOnePointAndFlatBallsAreDrawnWithoutAFuss) {
  const auto cloud = cloud_of({1, 1, 1, 2, 2, 2, 3, 3, 3, 3, 2, 1});
  for (const OutlineShape shape : {OutlineShape::Box, OutlineShape::Sphere, OutlineShape::Hull}) {
    OutlineMesh mesh;
    add_outline(mesh, *cloud, 0, {}, shape, 0.1, {});
    EXPECT_TRUE(mesh.empty()) << name_of(shape);
    for (const std::vector<std::int32_t>& points : {std::vector<std::int32_t>{0}, {0, 1, 2}, {0, 1, 3}}) {
      const auto before = mesh.lines.size();
      add_outline(mesh, *cloud, 0, points, shape, 0.1, {});
      EXPECT_GT(mesh.lines.size(), before) << name_of(shape);
    }
    for (const auto& corner : mesh.corners)
      for (const float x : corner) EXPECT_TRUE(std::isfinite(x));
    for (const auto& [a, b] : mesh.lines) {
      EXPECT_LT(static_cast<std::size_t>(a), mesh.corners.size());
      EXPECT_LT(static_cast<std::size_t>(b), mesh.corners.size());
    }
  }
}

// ---- Colours ----

// Of the points whose nearest neighbour lies in another ball: how many share its colour.
struct Borders {
  int count = 0, same = 0;
};

Borders borders_of(const LevelNodes& level, const PointCloud& cloud) {
  const std::vector<int> colours = ball_colours(level, cloud);
  std::vector<std::int64_t> ball(static_cast<std::size_t>(cloud.size()));
  for (std::int64_t node = 0; node < level.size(); ++node)
    for (const std::int32_t point : level.points(node)) ball[static_cast<std::size_t>(point)] = node;
  const auto positions = cloud.positions();
  Borders borders;
  for (std::size_t i = 0; i < ball.size(); ++i) {
    double best = INFINITY;
    std::size_t nearest = i;
    for (std::size_t j = 0; j < ball.size(); ++j) {
      double squares = 0;
      for (std::size_t k = 0; k < 3; ++k) squares += std::pow(positions[3 * i + k] - positions[3 * j + k], 2);
      if (j != i && squares < best) best = squares, nearest = j;
    }
    if (ball[nearest] == ball[i]) continue;
    ++borders.count;
    borders.same += colours[static_cast<std::size_t>(ball[nearest])] == colours[static_cast<std::size_t>(ball[i])];
  }
  return borders;
}

// A cloud's tree, and its rotated one.
std::vector<BallTree> trees_of(const PointCloud& cloud, int unit) {
  const auto positions = cloud.positions();
  const std::vector<double> wide(positions.begin(), positions.end());
  return {build_ball_tree(wide, 3, {unit, Padding::Masked, true}),
          build_ball_tree(rotate_positions(wide, 3, 45), 3, {unit, Padding::Masked, true})};
}

// most: share of borders that may have one colour on both sides.
void expect_neighbours_to_differ(const PointCloud& cloud, double most) {
  for (const BallTree& tree : trees_of(cloud, 128)) {
    const auto slots = std::make_shared<SlotPoints>(slot_points(tree));
    for (std::size_t level = 2; level < tree.levels.size() - 2; level += 2) {
      const Borders borders = borders_of({slots, tree.levels[level].slot_begin}, cloud);
      EXPECT_GT(borders.count, 20) << level;
      EXPECT_LE(borders.same, most * borders.count) << "level " << level << " of " << borders.count;
    }
  }
}

TEST(BallColours, NeighboursDifferOnSurfaces) {
  expect_neighbours_to_differ(*make_sample_cloud(2000), 0);
  ERWIN_SHARED_OR_SKIP(path, "data/car/shapenet_car_cgns/train_00.cgns");
  expect_neighbours_to_differ(*io::open(path), 0);
}

// A ball in a filled box has some 26 neighbours, the palette 10 colours.
TEST(BallColours, HardlyAnyNeighboursAgreeInAFilledBox) {
  std::mt19937 random(4);
  std::uniform_real_distribution<float> uniform(0, 1);
  std::vector<float> positions;
  for (int i = 0; i < 3 * 2000; ++i) positions.push_back(uniform(random));
  expect_neighbours_to_differ(*cloud_of(positions), 0.002);
}

// ---- Levels and lone balls ----

SceneData sample_data(std::int64_t points = 1000) {
  SceneData data;
  data.cloud = make_sample_cloud(points);
  data.tree = cloud_tree(*data.cloud);
  return data;
}

TEST(ShownLevels, WithoutANetworkAreTheCloudsOwn) {
  const SceneData data = sample_data();
  const SceneState state;
  EXPECT_EQ(shown_level_count(data, state), static_cast<int>(data.tree->levels.size()));
  const auto level = shown_level(data, state, 3);
  ASSERT_TRUE(level);
  EXPECT_EQ(level->begin, data.tree->levels[3].slot_begin);
  for (std::int64_t point = 0; point < data.cloud->size(); point += 37) {
    const auto points = level->points(node_of_point(*level, point));
    EXPECT_TRUE(std::find(points.begin(), points.end(), point) != points.end());
  }
  EXPECT_FALSE(shown_level({}, state, 3));
}

TEST(OnlyBall, TextGoesThereAndBack) {
  for (const char* text : {"all", "query", "0", "17", "3:query", "3:7", "0:0"})
    EXPECT_EQ(to_string(only_ball_from(text)), text);
  for (const char* text : {"", "none", "-1", "3:", ":7", "3:x", "3:7:1", "1.5", "99999999999999999999", " 3"})
    EXPECT_THROW(only_ball_from(text), Error) << text;
}

TEST(OnlyBall, TheRestIsDimmedOrLeftOut) {
  const SceneData data = sample_data();
  SceneState state;
  state.level = 3;
  state.query.point = 321;
  state.only = only_ball_from("query");
  const auto alone = only_ball(data, state);
  ASSERT_TRUE(alone);
  EXPECT_EQ(alone->level, 3);
  EXPECT_TRUE(std::find(alone->points.begin(), alone->points.end(), 321) != alone->points.end());
  const PointColours dimmed = colour_points(data, state);
  state.hide_rest = true;
  const PointColours hidden = colour_points(data, state);
  state.only = {};
  const PointColours plain = colour_points(data, state);
  ASSERT_EQ(dimmed.sizes.size(), 1000u);
  for (std::int32_t i = 0; i < 1000; ++i) {
    const auto at = static_cast<std::size_t>(i);
    const bool inside = std::find(alone->points.begin(), alone->points.end(), i) != alone->points.end();
    EXPECT_EQ(hidden.sizes[at] > 0, inside) << i;
    EXPECT_GT(dimmed.sizes[at], 0);
    EXPECT_EQ(dimmed.rgb[at],
              inside ? plain.rgb[at] : mix(plain.rgb[at], palette_of(state.theme).background, state.dim));
  }
  state.only = only_ball_from("2:3");
  EXPECT_EQ(only_ball(data, state)->node, 3);
  EXPECT_EQ(only_ball(data, state)->points.size(), static_cast<std::size_t>(data.tree->levels[2].point_count[3]));
  state.only = only_ball_from("2:99");  // beyond the last: the last
  EXPECT_EQ(only_ball(data, state)->node, 3);
}

}  // namespace
}  // namespace erwin::ui
