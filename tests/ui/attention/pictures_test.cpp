// Marks as pixels: outlines, lines, nodes and lone balls are where and in the colour that the geometry says.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "core/engine/cloud_tree.h"
#include "core/engine/sample_cloud.h"
#include "tests/core/attention/synthetic.h"
#include "ui/scene/attention_marks.h"
#include "ui/scene/offscreen_scene.h"
#include "ui/scene/point_colours.h"

namespace erwin::ui {
namespace {

Rgb pixel(const Picture& picture, int x, int y) {
  const auto at =
      (static_cast<std::size_t>(y) * static_cast<std::size_t>(picture.width) + static_cast<std::size_t>(x)) * 3;
  return {picture.rgb[at], picture.rgb[at + 1], picture.rgb[at + 2]};
}

bool alike(Rgb a, Rgb b) {
  return std::max({std::abs(a.r - b.r), std::abs(a.g - b.g), std::abs(a.b - b.b)}) <= 3;
}

class Marks : public testing::Test {
protected:
  void SetUp() override {
    tap = test::make_tap({.name = "pictured", .ball = 64, .block = 16, .balls = 8, .padding = 0}, 3);
    data.cloud = make_sample_cloud(tap.point_count);
    state.width = 480;
    state.height = 360;
    state.camera = camera_from("iso", *data.cloud, 480.0 / 360);
    state.legend = state.axes = state.scale_bar = state.edl = false;
    state.query.layer = tap.layers.front().layer;
    state.query.point = 77;
    data.query = std::make_shared<QueryView>(make_query_view(tap, state.query));
  }
  std::array<int, 2> project(const std::array<float, 3>& p) const {
    const auto m = offscreen.scene().world_to_clip();
    double clip[4];
    for (std::size_t row = 0; row < 4; ++row)
      clip[row] = m[4 * row] * p[0] + m[4 * row + 1] * p[1] + m[4 * row + 2] * p[2] + m[4 * row + 3];
    return {static_cast<int>(0.5 * state.width * (clip[0] / clip[3] + 1)),
            static_cast<int>(0.5 * state.height * (1 - clip[1] / clip[3]))};
  }
  static int count(const Picture& picture, Rgb colour) {
    int pixels = 0;
    for (int y = 0; y < picture.height; ++y)
      for (int x = 0; x < picture.width; ++x) pixels += alike(pixel(picture, x, y), colour);
    return pixels;
  }
  // Is a colour found within some pixels of a place?
  static bool near(const Picture& picture, std::array<int, 2> at, Rgb colour, int reach) {
    for (int y = std::max(0, at[1] - reach); y <= std::min(picture.height - 1, at[1] + reach); ++y)
      for (int x = std::max(0, at[0] - reach); x <= std::min(picture.width - 1, at[0] + reach); ++x)
        if (alike(pixel(picture, x, y), colour)) return true;
    return false;
  }

  Tap tap;
  SceneData data;
  SceneState state;
  OffscreenScene offscreen;
};

TEST_F(Marks, ScoreLinesReachTheMiddlesOfTheirBlocksInTheRanksColour) {
  state.score_lines = true;
  const Picture picture = offscreen.draw(data, state);
  const auto lines = score_lines(data, state);
  ASSERT_EQ(lines.size(), data.query->blocks.size());
  for (const ScoreLine& line : lines)
    for (const double share : {0.5, 0.7, 0.9}) {  // the ring covers the beginning
      std::array<float, 3> at;
      for (std::size_t k = 0; k < 3; ++k)
        at[k] = line.from[k] + static_cast<float>(share) * (line.to[k] - line.from[k]);
      EXPECT_TRUE(near(picture, project(at), line.colour, 3)) << "rank " << line.rank << " at " << share;
    }
  // Every line is wider than the hair that a score of nothing would get.
  state.score_lines = false;
  const Picture without = offscreen.draw(data, state);
  int changed = 0;
  for (std::size_t i = 0; i < picture.rgb.size(); i += 3) changed += picture.rgb[i] != without.rgb[i];
  EXPECT_GT(changed, 200);
}

TEST_F(Marks, EveryShapeOfOutlineShowsTheBallsColour) {
  state.colour_by = ColourBy::Attention;
  for (const OutlineShape shape : {OutlineShape::Box, OutlineShape::Sphere, OutlineShape::Hull}) {
    state.outline = shape;
    EXPECT_GT(count(offscreen.draw(data, state), palette_of(state.theme).ball), 60) << name_of(shape);
  }
  state.outlines = OutlinedBalls::Off;
  EXPECT_EQ(count(offscreen.draw(data, state), palette_of(state.theme).ball), 0);
}

TEST_F(Marks, TheCornersOfTheBallsBoxAreDrawnWhereTheyProject) {
  const Picture picture = offscreen.draw(data, state);
  const OutlineMesh mesh = query_outlines(data, state, room_for_discs(state.outline) * offscreen.scene().disc_radius());
  for (std::size_t corner = 0; corner < 8; ++corner)
    EXPECT_TRUE(near(picture, project(mesh.corners[corner]), palette_of(state.theme).ball, 2)) << corner;
}

TEST_F(Marks, BallsOfALevelAreOutlinedInTheirColours) {
  data.query = nullptr;
  state.query.point = -1;
  data.tree = cloud_tree(*data.cloud);
  state.level = 3;
  const Picture plain = offscreen.draw(data, state);
  state.outlines = OutlinedBalls::Level;
  const Picture outlined = offscreen.draw(data, state);
  int colours = 0;
  for (const Rgb colour : palette()) colours += count(outlined, colour) > count(plain, colour) + 20;
  EXPECT_GE(colours, 5);  // of the eight balls', some hidden
}

TEST_F(Marks, NodesOfAPooledLayerAreDiscsAtTheirCentres) {
  tap = test::make_tap({.name = "nodes",
                        .kind = LayerKind::Ball,
                        .kv_heads = 4,
                        .ball = 16,
                        .balls = 4,
                        .padding = 0,
                        .points_per_slot = 6},
                       4);
  // Every slot's points huddle about a place of their own in a plane.
  const LayerTap& layer = tap.layers.front();
  std::vector<float> positions(static_cast<std::size_t>(tap.point_count) * 3);
  for (std::int64_t slot = 0; slot < layer.slots(); ++slot)
    for (auto i = layer.slot_point_begin[static_cast<std::size_t>(slot)];
         i < layer.slot_point_begin[static_cast<std::size_t>(slot + 1)]; ++i) {
      const auto at = static_cast<std::size_t>(layer.slot_points[static_cast<std::size_t>(i)]) * 3;
      positions[at] = static_cast<float>(slot % 8) + 0.05f * static_cast<float>(i % 5);
      positions[at + 1] = static_cast<float>(slot / 8) + 0.05f * static_cast<float>(i % 3);
    }
  PointCloud::Parts parts;
  parts.positions = std::move(positions);
  data.cloud = std::make_shared<PointCloud>(std::move(parts));
  state.query.point = 5;
  data.query = std::make_shared<QueryView>(make_query_view(tap, state.query));
  state.camera = camera_from("top", *data.cloud, 480.0 / 360);
  state.dim = 0;
  state.outlines = OutlinedBalls::Off;
  state.marks = SelectionMarks::Off;
  const Picture picture = offscreen.draw(data, state);
  const PointColours colours = colour_points(data, state);
  int drawn = 0;
  const auto nodes = pooled_nodes(data, state);
  for (const NodeMark& node : nodes)
    drawn += near(picture, project(node.centre), colours.rgb[static_cast<std::size_t>(node.middle)], 1);
  EXPECT_GE(drawn, static_cast<int>(nodes.size()) - 1);  // the ring may cover one
  // A click on a node's disc means the point in its middle; from above nothing lies before the discs but other discs.
  const Scene& scene = offscreen.scene();
  int hit = 0;
  for (const NodeMark& node : nodes) {
    const auto [x, y] = project(node.centre);
    const std::int64_t found = scene.node_disc_at(x, y);
    hit += found == node.middle;
    ASSERT_GE(found, 0);
    EXPECT_TRUE(std::any_of(nodes.begin(), nodes.end(), [&](const NodeMark& other) { return other.middle == found; }));
    EXPECT_GE(scene.disc_at(x, y), 0);
  }
  EXPECT_GE(hit, static_cast<int>(nodes.size()) / 2);
  EXPECT_EQ(scene.node_disc_at(1, 1), -1);
  state.nodes = false;
  EXPECT_NE(offscreen.draw(data, state).rgb, picture.rgb);
}

TEST_F(Marks, ALoneBallIsAllThatIsLeft) {
  data.query = nullptr;
  state.query.point = -1;
  data.tree = cloud_tree(*data.cloud);
  state.only = only_ball_from("3:2");
  state.hide_rest = true;
  const Picture picture = offscreen.draw(data, state);
  const Rgb background = palette_of(state.theme).background;
  // Where no point of the ball is near, there is nothing.
  const auto& points = data.tree->levels[3];
  std::vector<std::array<int, 2>> places;
  for (auto slot = points.slot_begin[2]; slot < points.slot_begin[3]; ++slot)
    if (data.tree->slot_mask[static_cast<std::size_t>(slot)]) {
      const float* p =
          &data.cloud->positions()[static_cast<std::size_t>(data.tree->slot_point[static_cast<std::size_t>(slot)]) * 3];
      places.push_back(project({p[0], p[1], p[2]}));
    }
  constexpr double disc = 14;  // pixels, more than a disc's radius here
  int covered = 0;
  for (int y = 0; y < picture.height; ++y)
    for (int x = 0; x < picture.width; ++x) {
      if (pixel(picture, x, y) == background) continue;
      ++covered;
      EXPECT_TRUE(std::any_of(places.begin(), places.end(),
                              [&](const auto& p) { return std::hypot(p[0] - x, p[1] - y) < disc; }))
          << x << " " << y;
    }
  EXPECT_GT(covered, 100);
}

}  // namespace
}  // namespace erwin::ui
