#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <string>

#include "core/engine/cloud_tree.h"
#include "core/engine/sample_cloud.h"
#include "ui/instruments/probe_card.h"
#include "ui/scene/frame_pace.h"
#include "ui/scene/prepared_points.h"

namespace erwin::ui {
namespace {

// Six points far from the origin of coordinates, two fields.
PointCloudPtr far_cloud() {
  PointCloud::Parts parts;
  parts.origin = {500000, 4000000, 0};
  parts.unit = "m";
  for (int i = 0; i < 6; ++i)
    parts.positions.insert(parts.positions.end(), {static_cast<float>(i), 0.25f * static_cast<float>(i), 1.5f});
  parts.fields.emplace_back("pressure", FieldKind::Scalar, 1, std::vector<float>{0, -1.5f, 2, 3, 4, 5}, "Pa");
  parts.fields.emplace_back("speed", FieldKind::Vector, 3,
                            std::vector<float>{0, 0, 0, 3, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, "m/s");
  parts.row_ids = {10, 11, 12, 13, 14, 15};
  return std::make_shared<PointCloud>(std::move(parts));
}

std::string value_of(const ProbeCard& card, const std::string& name) {
  for (const ProbeLine& line : card.lines)
    if (line.name == name) return line.value;
  return "absent";
}

TEST(ProbeCard, NamesThePointAsItsFileDoes) {
  SceneData data;
  data.cloud = far_cloud();
  const ProbeCard card = make_probe_card(data, SceneState(), 1);
  EXPECT_EQ(card.title, "point 11");
  EXPECT_EQ(value_of(card, "at"), "500001.0000, 4000000.2500, 1.5000 m");
  EXPECT_EQ(value_of(card, "pressure"), "-1.5 Pa");
  EXPECT_EQ(value_of(card, "speed"), "(3, 0, 4), length 5 m/s");
  EXPECT_EQ(value_of(card, "attention"), "absent");
}

TEST(ProbeCard, TheShownFieldComesFirst) {
  SceneData data;
  data.cloud = far_cloud();
  SceneState state;
  state.colour_by = ColourBy::Field;
  state.field = "speed";
  const ProbeCard card = make_probe_card(data, state, 0);
  ASSERT_GT(card.lines.size(), 2u);
  EXPECT_EQ(card.lines[1].name, "speed");
}

TEST(ProbeCard, AttentionAndGatesComeFromTheAnswer) {
  SceneData data;
  data.cloud = far_cloud();
  auto query = std::make_shared<QueryView>();
  query->attention =
      std::make_shared<Field>("attention", FieldKind::Scalar, 1, std::vector<float>{0.1f, 0.2f, 0, 0, 0, 0.1f});
  query->row.local = 0.4;
  data.query = query;
  auto gates = std::make_shared<GateFields>();
  for (const char* const name : gate_field_names)
    gates->fields.emplace_back(name, FieldKind::Scalar, 1, std::vector<float>(6, 0.25f));
  data.gates = gates;
  const ProbeCard card = make_probe_card(data, SceneState(), 1);
  EXPECT_EQ(value_of(card, "attention"), "0.2 (50 % of the row)");
  EXPECT_EQ(value_of(card, "gates"), "compressed 0.25, selected 0.25, local 0.25");
}

// The path against a walk through the tree's own levels.
TEST(ProbeCard, ThePathNamesTheBallOfEveryLevel) {
  SceneData data;
  data.cloud = make_sample_cloud(1000);
  data.tree = cloud_tree(*data.cloud);
  SceneState state;
  state.level = 3;
  for (const std::int64_t point : {0, 123, 999}) {
    std::string expected;
    for (int level = 0; level <= state.level; ++level) {
      const TreeLevel& nodes = data.tree->levels[static_cast<std::size_t>(level)];
      std::int64_t found = -1;
      for (std::int64_t node = 0; node < nodes.size(); ++node)
        for (auto slot = nodes.slot_begin[static_cast<std::size_t>(node)];
             slot < nodes.slot_begin[static_cast<std::size_t>(node) + 1]; ++slot)
          if (data.tree->slot_mask[static_cast<std::size_t>(slot)] &&
              data.tree->slot_point[static_cast<std::size_t>(slot)] == point)
            found = node;
      expected += (level ? " > " : "") + std::to_string(found);
    }
    const ProbeCard card = make_probe_card(data, state, point);
    EXPECT_EQ(value_of(card, "path"), expected);
    EXPECT_NE(value_of(card, "ball").find("(level 3)"), std::string::npos);
  }
}

TEST(FramePace, LearnsHowMuchFits) {
  FramePace slow, quick;
  for (int i = 0; i < 30; ++i) {
    slow.drew(50'000, 100);  // 500 points a millisecond
    quick.drew(1'000'000, 4);
  }
  EXPECT_NEAR(static_cast<double>(slow.part()), 500 * FramePace::part_ms, 2500);
  EXPECT_GT(quick.part(), 1'000'000);
  EXPECT_LT(slow.moving(), slow.part() + 1);
  EXPECT_GT(slow.moving(), 0);
  // A tiny cloud is all overhead and says nothing.
  const std::int64_t before = quick.part();
  quick.drew(100, 20);
  EXPECT_EQ(quick.part(), before);
}

TEST(PreparedPoints, HoldEveryPointOnceInAFairOrder) {
  SceneData data;
  data.cloud = make_sample_cloud(3000);
  data.tree = cloud_tree(*data.cloud);
  const auto points = prepare_points(data, SceneState(), nullptr);
  ASSERT_TRUE(points->order);
  auto sorted = *points->order;
  std::sort(sorted.begin(), sorted.end());
  ASSERT_EQ(sorted.size(), 3000u);
  for (std::int32_t i = 0; i < 3000; ++i) ASSERT_EQ(sorted[static_cast<std::size_t>(i)], i);
  // Any prefix spans the cloud: the first eighth reaches along nearly all of its length.
  float low = HUGE_VALF, high = -HUGE_VALF;
  for (std::size_t i = 0; i < 375; ++i) {
    const float x = data.cloud->positions()[3 * static_cast<std::size_t>((*points->order)[i])];
    low = std::min(low, x);
    high = std::max(high, x);
  }
  const Bounds box = data.cloud->bounds();
  EXPECT_GT(high - low, 0.9 * (box.maximum[0] - box.minimum[0]));
  EXPECT_EQ(points->colours.rgb.size(), 3000u);
  // The order stays while the cloud does, whichever tree is shown.
  EXPECT_EQ(prepare_points(data, SceneState(), points)->order, points->order);
}

// Made beside the colours, and made again only where they would differ.
TEST(PreparedPoints, BringTheOutlinesOfALevel) {
  SceneData data;
  data.cloud = make_sample_cloud(3000);
  data.tree = cloud_tree(*data.cloud);
  SceneState state;
  EXPECT_FALSE(prepare_points(data, state, nullptr)->level_outlines);
  state.outlines = OutlinedBalls::Level;
  const auto points = prepare_points(data, state, nullptr);
  ASSERT_TRUE(points->level_outlines);
  EXPECT_EQ(points->level_outlines->mesh.lines.size(), 12u * 16u);  // boxes of the 16 balls of level 4
  SceneState recoloured = state;
  recoloured.colour_by = ColourBy::Balls;
  EXPECT_EQ(prepare_points(data, recoloured, points)->level_outlines, points->level_outlines);
  recoloured.level = 5;
  EXPECT_EQ(prepare_points(data, recoloured, points)->level_outlines->mesh.lines.size(),
            12u * static_cast<std::size_t>(data.tree->levels[5].size()));
  recoloured.level = 100;  // the finest: too many balls to outline, which the legend says
  const auto finest = prepare_points(data, recoloured, points)->level_outlines;
  EXPECT_EQ(finest->mesh.empty(), !finest->note.empty());
}

TEST(PreparedPoints, OnlyWhatChangesColoursAsksForOthers) {
  SceneData data;
  data.cloud = make_sample_cloud(100);
  SceneState state, turned = state, coloured = state;
  turned.camera.position = {9, 9, 9};
  turned.width = 77;
  turned.title = "another";
  EXPECT_TRUE(same_points(data, state, data, turned));
  coloured.colour_by = ColourBy::Balls;
  EXPECT_FALSE(same_points(data, state, data, coloured));
  SceneData other = data;
  other.cloud = make_sample_cloud(100);
  EXPECT_FALSE(same_points(data, state, other, state));
}

}  // namespace
}  // namespace erwin::ui
