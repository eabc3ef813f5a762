#include "core/attention/explain.h"

#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>
#include <random>

#include "core/base/error.h"
#include "tests/core/attention/synthetic.h"

namespace erwin {

namespace {

using nlohmann::json;

constexpr int ball = 32, block = 8;

// A cloud far from the origin whose rows 0, 10, 20, ... were dropped, the tree of its positions as a layer sees them
// (rotated or not), and a random record of a layer in that tree.
struct Scene {
  PointCloudPtr cloud;
  BallTree tree;
  Tap tap;

  explicit Scene(bool rotated, int points = 150) {
    std::mt19937 random(5);
    std::uniform_real_distribution<float> uniform(0, 2);
    PointCloud::Parts parts;
    parts.origin = {1000, 2000, 3000};
    parts.unit = "m";
    for (int i = 0; i < points; ++i) {
      for (int axis = 0; axis < 3; ++axis) parts.positions.push_back(uniform(random));
      parts.row_ids.push_back(i + 1 + i / 9);
    }
    std::vector<double> positions(parts.positions.begin(), parts.positions.end());
    if (rotated) positions = rotate_positions(positions, 3, 45);
    cloud = std::make_shared<const PointCloud>(std::move(parts));
    tree = build_ball_tree(positions, 3, {.unit = ball, .padding = Padding::Masked, .nodes = true});
    tap = test::make_tap({.name = "",
                          .ball = ball,
                          .block = block,
                          .balls = static_cast<int>(tree.slot_count / ball),
                          .rotated = rotated},
                         11, &tree);
  }

  Explanation explain_point(std::int64_t point, int head = -1) const {
    return explain(tap, *cloud, tree, {.point = point, .frame = 0, .layer = 2, .head = head, .top = 7});
  }
};

}  // namespace

class ExplainIn : public ::testing::TestWithParam<bool> {};

TEST_P(ExplainIn, ThePathLeadsFromTheRootToThePoint) {
  const Scene scene(GetParam());
  const std::int64_t point = 77;
  const Explanation explanation = scene.explain_point(point);
  ASSERT_FALSE(explanation.path.empty());
  EXPECT_EQ(explanation.id, scene.cloud->row_id(point));
  EXPECT_EQ(explanation.path.front().place.points, 150);
  EXPECT_EQ(explanation.path.back().place.points, 1);
  EXPECT_EQ(explanation.path.back().place.slot_begin, explanation.slot);
  EXPECT_NEAR(explanation.path.back().place.radius, 0, 1e-12);
  int balls = 0, blocks = 0;
  for (std::size_t i = 0; i < explanation.path.size(); ++i) {
    const PathNode& node = explanation.path[i];
    EXPECT_EQ(node.level, static_cast<int>(i));
    // Points, centre and farthest point straight from the tree's slots and the file's coordinates.
    std::array<double, 3> centre{};
    std::int64_t count = 0;
    for (std::int64_t s = node.place.slot_begin; s < node.place.slot_end; ++s) {
      if (!scene.tree.slot_mask[static_cast<std::size_t>(s)]) continue;
      const auto position = scene.cloud->position(scene.tree.slot_point[static_cast<std::size_t>(s)]);
      for (std::size_t axis = 0; axis < 3; ++axis) centre[axis] += position[axis];
      ++count;
    }
    ASSERT_EQ(node.place.points, count);
    for (std::size_t axis = 0; axis < 3; ++axis)
      EXPECT_NEAR(node.place.centre[axis], centre[axis] / static_cast<double>(count), 1e-9);
    const auto own = scene.cloud->position(point);
    EXPECT_LE(std::hypot(own[0] - node.place.centre[0], own[1] - node.place.centre[1], own[2] - node.place.centre[2]),
              node.place.radius + 1e-12);
    if (i > 0) {
      EXPECT_GE(node.place.slot_begin, explanation.path[i - 1].place.slot_begin);
      EXPECT_LE(node.place.slot_end, explanation.path[i - 1].place.slot_end);
    }
    balls += node.is_ball;
    blocks += node.is_block;
    if (node.is_ball) {
      EXPECT_EQ(node.place.slot_begin, explanation.slot / ball * ball);
    }
    if (node.is_block) {
      EXPECT_EQ(node.place.slot_begin, explanation.slot / block * block);
    }
  }
  EXPECT_GE(balls, 1);
  EXPECT_EQ(blocks, 1);
}

TEST_P(ExplainIn, NumbersAreThoseOfTheRow) {
  const Scene scene(GetParam());
  const std::int64_t point = 31;
  for (const int head : {-1, 2}) {
    const Explanation explanation = scene.explain_point(point, head);
    const AttentionRow row = attention_row(scene.tap, {.layer = 2, .head = head, .point = point});
    EXPECT_NEAR(explanation.sum, explanation.expected_sum, 1e-6);
    EXPECT_NEAR(explanation.expected_sum,
                explanation.gates.local + explanation.gates.compressed + explanation.gates.selected, 1e-6);
    ASSERT_EQ(explanation.head_gates.size(), 4u);
    double mean = 0;
    for (const Gates& gates : explanation.head_gates) mean += gates.selected / 4;
    EXPECT_NEAR(head < 0 ? mean : explanation.head_gates[2].selected, explanation.gates.selected, 1e-6);
    ASSERT_EQ(explanation.top.size(), 7u);
    // Nobody outside the list is heavier than its last.
    std::size_t heavier = 0;
    for (const float weight : row.points) heavier += static_cast<double>(weight) > explanation.top.back().weight;
    EXPECT_EQ(heavier, 6u);
    for (const AttendedPoint& attended : explanation.top) {
      EXPECT_EQ(attended.weight, static_cast<double>(row.points[static_cast<std::size_t>(attended.point)]));
      EXPECT_EQ(attended.id, scene.cloud->row_id(attended.point));
    }
    ASSERT_TRUE(explanation.recall.has_value());
    EXPECT_NEAR(*explanation.recall + explanation.missed_sum, 1, 1e-9);
    EXPECT_GE(explanation.effective_keys, 1);
    EXPECT_LE(explanation.effective_keys, 150);
    for (const ExplainedBlock& chosen : explanation.selected)
      EXPECT_NE(chosen.selected.block * block / ball, explanation.slot / ball);
  }
}

TEST_P(ExplainIn, JsonHoldsTheSameNumbersAndItsIdentities) {
  const Scene scene(GetParam());
  const Explanation explanation = scene.explain_point(12);
  ExplanationSource source{
      "model.h5", "cloud \xff.ply", "cloud", "erwin-nsa", "cpu", "m", {{"prediction", "Pa", {std::nan("")}}}};
  const json document = json::parse(to_json({explanation}, source));
  EXPECT_EQ(document["schema"], 1);
  EXPECT_EQ(document["point"]["id"], scene.cloud->row_id(12));
  EXPECT_TRUE(document["values"]["prediction"]["value"].is_null());
  const json& layer = document["layers"][0];
  EXPECT_EQ(layer["head"], "mean");
  EXPECT_EQ(layer["rotated"], GetParam());
  EXPECT_EQ(layer["path"].size(), explanation.path.size());
  const json& shares = layer["shares"];
  const double sum = shares["local"].get<double>() + shares["compressed"].get<double>() +
                     shares["selected"].get<double>() + shares["memory"].get<double>();
  EXPECT_NEAR(sum,
              layer["gates"]["local"].get<double>() + layer["gates"]["compressed"].get<double>() +
                  layer["gates"]["selected"].get<double>(),
              1e-6);
  double selected = 0;
  for (const json& entry : layer["selected"]) selected += entry["weight"].get<double>();
  EXPECT_NEAR(selected, shares["selected"].get<double>(), 1e-6);
  EXPECT_NEAR(layer["recall"].get<double>() + layer["missed"].get<double>(), 1, 1e-9);
}

TEST_P(ExplainIn, TextSpeaksOfThePointAndItsBranches) {
  const Scene scene(GetParam());
  const std::string text =
      to_text({scene.explain_point(12)},
              {.checkpoint = "", .data = "", .sample = "cloud", .model = "", .device = "", .unit = "m", .values = {}});
  EXPECT_NE(text.find("Point " + std::to_string(scene.cloud->row_id(12)) + " of cloud"), std::string::npos) << text;
  for (const char* word : {"local", "selected", "compressed", "memory", "its block", "What the selection missed"})
    EXPECT_NE(text.find(word), std::string::npos) << word << "\n" << text;
  EXPECT_EQ(text.find("rotated tree") != std::string::npos, GetParam());
}

INSTANTIATE_TEST_SUITE_P(Tree, ExplainIn, ::testing::Bool(),
                         [](const auto& given) { return given.param ? "rotated" : "main"; });

TEST(Explain, OneBallSelectsNothingAndMissesNothing) {
  const Scene scene(false, 20);
  const Explanation explanation = scene.explain_point(3);
  EXPECT_TRUE(explanation.selected.empty());
  EXPECT_TRUE(explanation.misses.empty());
  EXPECT_NEAR(*explanation.recall, 1, 1e-12);
  EXPECT_NEAR(explanation.sum, explanation.gates.local + explanation.gates.compressed, 1e-6);
}

TEST(Explain, AnotherCloudOrTreeIsRefused) {
  const Scene scene(false), other(false, 20);
  const ExplainRequest request{.point = 1, .frame = 0, .layer = 2, .head = -1, .top = 3};
  EXPECT_THROW(explain(scene.tap, *other.cloud, scene.tree, request), Error);
  EXPECT_THROW(explain(scene.tap, *scene.cloud, BallTree{}, request), Error);
  ExplainRequest outside = request;
  outside.point = -1;
  EXPECT_THROW(explain(scene.tap, *scene.cloud, scene.tree, outside), Error);
}

}  // namespace erwin
