// What is drawn of a query against the keys that have weight, from dense tables over all slots.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <random>
#include <set>

#include "tests/core/attention/synthetic.h"
#include "ui/scene/attention_marks.h"
#include "ui/scene/point_colours.h"

namespace erwin::ui {
namespace {

using test::DenseHead;
using test::Shape;
using Points = std::set<std::int32_t>;

std::vector<Shape> shapes() {
  Shape plain{.name = "plain"};
  Shape one_kv_head{.name = "one_kv_head", .heads = 6, .kv_heads = 1};
  Shape holes{.name = "empty_block_and_holes", .padding = 0.4, .empty_block = 5};
  Shape rotated{.name = "rotated", .rotated = true};
  Shape pooled{.name = "pooled", .points_per_slot = 3};
  Shape pooled_rotated{.name = "pooled_rotated", .points_per_slot = 4, .rotated = true};
  Shape copies{.name = "copies_are_keys", .padding = 0.3, .copies = true};
  Shape one_ball{.name = "one_ball_selects_nothing", .balls = 1};
  Shape ball{.name = "ball", .kind = LayerKind::Ball, .kv_heads = 4};
  Shape ball_pooled{
      .name = "ball_pooled_rotated", .kind = LayerKind::Ball, .kv_heads = 4, .points_per_slot = 4, .rotated = true};
  Shape full{.name = "full", .kind = LayerKind::Full, .kv_heads = 4, .balls = 3};
  return {plain, one_kv_head, holes, rotated, pooled, pooled_rotated, copies, one_ball, ball, ball_pooled, full};
}

PointCloudPtr random_cloud(std::int64_t points) {
  std::mt19937 random(11);
  std::uniform_real_distribution<float> uniform(-2, 3);
  PointCloud::Parts parts;
  for (std::int64_t i = 0; i < 3 * points; ++i) parts.positions.push_back(uniform(random));
  parts.origin = {1000, -2000, 5};  // marks are relative to it
  return std::make_shared<PointCloud>(std::move(parts));
}

std::int64_t slot_of(const LayerTap& layer, std::int64_t point) {
  return layer.slot_of_point(point) >= 0 ? layer.slot_of_point(point) : test::own_slot(layer, point);
}

// Points of the slots that have weight for a query in any head; branch as in dense_points.
Points keys_with_weight(const LayerTap& layer, const std::vector<DenseHead>& heads, std::int64_t slot, int branch) {
  Points keys;
  for (const DenseHead& head : heads) {
    const auto& row = (branch == 0 ? head.local : head.selected)[static_cast<std::size_t>(slot)];
    for (std::int64_t j = 0; j < layer.slots(); ++j)
      if (row[static_cast<std::size_t>(j)] > 0)
        for (auto i = layer.slot_point_begin[static_cast<std::size_t>(j)];
             i < layer.slot_point_begin[static_cast<std::size_t>(j + 1)]; ++i)
          keys.insert(layer.slot_points[static_cast<std::size_t>(i)]);
  }
  return keys;
}

class EveryShape : public ::testing::Test {
protected:
  void use(const Shape& shape) {
    tap = test::make_tap(shape, 5);
    dense = test::dense_heads(tap);
    data = {};
    state = {};
    data.cloud = random_cloud(tap.point_count);
    state.query.layer = layer().layer;
    queries.clear();
    std::mt19937 random(1);
    for (int i = 0; i < 4; ++i)
      queries.push_back(static_cast<std::int64_t>(random() % static_cast<unsigned>(tap.point_count)));
  }
  // One case for all shapes: a process for each would take longer than the tests.
  template <typename Check>
  void each(const Check& check) {
    for (const Shape& shape : shapes()) {
      SCOPED_TRACE(shape.name);
      use(shape);
      check();
    }
  }
  const LayerTap& layer() const { return tap.layers.front(); }
  bool nsa() const { return layer().kind == LayerKind::Nsa; }

  void ask(std::int64_t point, Branch branch) {
    state.query.point = point;
    state.query.branch = branch;
    data.query = std::make_shared<QueryView>(make_query_view(tap, state.query));
  }
  Points undimmed() const {
    Points bright;
    const auto emphasis = emphasis_of(data, state);
    for (std::size_t i = 0; i < static_cast<std::size_t>(tap.point_count); ++i)
      if (emphasis.empty() || emphasis[i] == Emphasis::Full) bright.insert(static_cast<std::int32_t>(i));
    return bright;
  }
  std::array<double, 3> relative(std::int32_t point) const {
    const auto p = data.cloud->position(point);
    const auto& origin = data.cloud->origin();
    return {p[0] - origin[0], p[1] - origin[1], p[2] - origin[2]};
  }
  // Tight box of some points, worked out from absolute positions.
  std::array<float, 6> box(const Points& points) const {
    std::array<float, 6> bounds{INFINITY, INFINITY, INFINITY, -INFINITY, -INFINITY, -INFINITY};
    for (const std::int32_t point : points)
      for (std::size_t k = 0; k < 3; ++k) {
        bounds[k] = std::min(bounds[k], static_cast<float>(relative(point)[k]));
        bounds[k + 3] = std::max(bounds[k + 3], static_cast<float>(relative(point)[k]));
      }
    return bounds;
  }
  static std::array<float, 6> box_of(const OutlineMesh& mesh) {
    std::array<float, 6> bounds{INFINITY, INFINITY, INFINITY, -INFINITY, -INFINITY, -INFINITY};
    for (const auto& corner : mesh.corners)
      for (std::size_t k = 0; k < 3; ++k) {
        bounds[k] = std::min(bounds[k], corner[k]);
        bounds[k + 3] = std::max(bounds[k + 3], corner[k]);
      }
    return bounds;
  }
  static void expect_same_box(const std::array<float, 6>& a, const std::array<float, 6>& b) {
    for (std::size_t k = 0; k < 6; ++k) EXPECT_NEAR(a[k], b[k], 1e-5);
  }
  // Best rank that any KV head gives the block that holds a key, over the query's block; -1: not selected.
  std::map<std::int32_t, int> ranks_of_blocks(std::int64_t slot) const {
    std::map<std::int32_t, int> ranks;
    for (int group = 0; group < layer().kv_heads; ++group)
      for (std::int64_t rank = 0; rank < layer().selected.size(2); ++rank) {
        const std::int32_t block = layer().selected.row({slot / layer().block_size, group, rank})[0];
        if (block < 0) continue;
        const auto [entry, is_new] = ranks.try_emplace(block, static_cast<int>(rank));
        if (!is_new) entry->second = std::min(entry->second, static_cast<int>(rank));
      }
    return ranks;
  }

  Tap tap;
  std::vector<DenseHead> dense;
  SceneData data;
  SceneState state;
  std::vector<std::int64_t> queries;
};

TEST_F(EveryShape, TheDrawnBallIsTheKeysOfTheLocalBranch) {
  each([&] {
    for (const std::int64_t point : queries) {
      ask(point, Branch::Local);
      Points keys = keys_with_weight(layer(), dense, slot_of(layer(), point), 0);
      for (const OutlineShape shape : {OutlineShape::Box, OutlineShape::Hull}) {
        state.outline = shape;
        const OutlineMesh mesh = query_outlines(data, state, 0);
        expect_same_box(box_of(mesh), box(keys));
        EXPECT_TRUE(std::all_of(mesh.line_colours.begin(), mesh.line_colours.end(),
                                [&](Rgb colour) { return colour == palette_of(state.theme).ball; }));
      }
      EXPECT_TRUE(marked_blocks(data, state).empty());  // another branch's
      keys.insert(static_cast<std::int32_t>(point));
      EXPECT_EQ(undimmed(), keys);
    }
  });
}

TEST_F(EveryShape, ColouredByRankAreTheKeysOfTheSelectedBranch) {
  each([&] {
    if (!nsa()) return;
    state.marks = SelectionMarks::Fill;
    state.dim = 0.5;
    for (const std::int64_t point : queries) {
      ask(point, Branch::Selected);
      const std::int64_t slot = slot_of(layer(), point);
      Points keys = keys_with_weight(layer(), dense, slot, 2);
      const auto ranks = ranks_of_blocks(slot);
      int worst = 0;
      for (const auto& [block, rank] : ranks) worst = std::max(worst, rank);
      const PointColours drawn = colour_points(data, state);
      SceneState without = state;
      without.marks = SelectionMarks::Off;
      const PointColours plain = colour_points(data, without);
      for (std::int32_t i = 0; i < tap.point_count; ++i) {
        const auto at = static_cast<std::size_t>(i);
        if (!keys.contains(i)) {
          const Rgb dimmed = mix(plain.rgb[at], palette_of(state.theme).background, 0.5);
          EXPECT_EQ(drawn.rgb[at], i == point ? plain.rgb[at] : dimmed) << i;
          continue;
        }
        // The colour of the rank of a block that holds it (a copy may lie in another one).
        std::set<std::array<int, 3>> allowed;
        for (std::int64_t s = 0; s < layer().slots(); ++s)
          for (auto j = layer().slot_point_begin[static_cast<std::size_t>(s)];
               j < layer().slot_point_begin[static_cast<std::size_t>(s + 1)]; ++j)
            if (const auto found = ranks.find(static_cast<std::int32_t>(s / layer().block_size));
                layer().slot_points[static_cast<std::size_t>(j)] == i && found != ranks.end()) {
              const Rgb colour = rank_colour(found->second, worst + 1, state.theme);
              allowed.insert({colour.r, colour.g, colour.b});
            }
        EXPECT_TRUE(allowed.contains({drawn.rgb[at].r, drawn.rgb[at].g, drawn.rgb[at].b})) << i;
      }
      keys.insert(static_cast<std::int32_t>(point));
      EXPECT_EQ(undimmed(), keys);
    }
  });
}

TEST_F(EveryShape, AllBranchesMarkBallAndBlocksTogether) {
  each([&] {
    for (const std::int64_t point : queries) {
      ask(point, Branch::All);
      const std::int64_t slot = slot_of(layer(), point);
      Points keys = keys_with_weight(layer(), dense, slot, 0);
      if (nsa()) keys.merge(keys_with_weight(layer(), dense, slot, 2));
      keys.insert(static_cast<std::int32_t>(point));
      EXPECT_EQ(undimmed(), keys);
    }
  });
}

TEST_F(EveryShape, CompressedWeightsCoverTheBlocksThatHaveOne) {
  each([&] {
    if (!nsa()) {
      ask(queries.front(), Branch::All);
      EXPECT_EQ(data.query->compressed, nullptr);
      return;
    }
    state.colour_by = ColourBy::Compressed;
    for (const std::int64_t point : queries) {
      ask(point, Branch::Compressed);
      ASSERT_TRUE(data.query->compressed);
      const std::int64_t slot = slot_of(layer(), point);
      for (std::int32_t i = 0; i < tap.point_count; ++i) {
        double expected = 0;
        const auto block = static_cast<std::size_t>(slot_of(layer(), i) / layer().block_size);
        for (const DenseHead& head : dense)
          expected += head.compressed[static_cast<std::size_t>(slot)][block] / static_cast<double>(dense.size());
        EXPECT_GT(expected, 0);
        EXPECT_NEAR(data.query->compressed->value(i), expected, 1e-6);
      }
      // The branch looks at everything: nothing is dimmed, every colour is on the scale.
      EXPECT_EQ(undimmed().size(), static_cast<std::size_t>(tap.point_count));
      const PointColours drawn = colour_points(data, state);
      ASSERT_TRUE(drawn.legend.scale);
      for (std::int32_t i = 0; i < tap.point_count; i += 7) {
        const Rgb got = drawn.rgb[static_cast<std::size_t>(i)];
        const double low = drawn.legend.scale->minimum, high = drawn.legend.scale->maximum;
        const Rgb wanted = scale_colour(*drawn.legend.scale, (data.query->compressed->value(i) - low) / (high - low));
        EXPECT_NEAR(got.r, wanted.r, 2);
        EXPECT_NEAR(got.g, wanted.g, 2);
        EXPECT_NEAR(got.b, wanted.b, 2);
      }
      ask(point, Branch::Local);
      EXPECT_EQ(data.query->compressed, nullptr);
    }
  });
}

TEST_F(EveryShape, LinesEndInTheMiddleOfTheirBlocksAndGrowWithTheScore) {
  each([&] {
    state.score_lines = true;
    for (const std::int64_t point : queries) {
      ask(point, Branch::All);
      const auto lines = score_lines(data, state);
      if (!nsa()) {
        EXPECT_TRUE(lines.empty());
        continue;
      }
      ASSERT_EQ(lines.size(), data.query->blocks.size());
      const auto from = relative(static_cast<std::int32_t>(point));
      for (std::size_t i = 0; i < lines.size(); ++i) {
        const MarkedBlock& block = data.query->blocks[i];
        std::array<double, 3> middle{};
        for (const std::int32_t member : block.points)
          for (std::size_t k = 0; k < 3; ++k)
            middle[k] += relative(member)[k] / static_cast<double>(block.points.size());
        for (std::size_t k = 0; k < 3; ++k) {
          EXPECT_NEAR(lines[i].from[k], from[k], 1e-4);
          EXPECT_NEAR(lines[i].to[k], middle[k], 1e-4);
        }
        EXPECT_GE(lines[i].width, 0.2);
        EXPECT_LE(lines[i].width, 1);
        for (std::size_t j = 0; j < i; ++j)
          EXPECT_EQ(lines[i].width > lines[j].width, block.score > data.query->blocks[j].score);
      }
      ask(point, Branch::Local);
      EXPECT_TRUE(score_lines(data, state).empty());
    }
  });
}

TEST_F(EveryShape, PooledLayersShowEveryNodeOnce) {
  each([&] {
    ask(queries.front(), Branch::All);
    const auto nodes = pooled_nodes(data, state);
    if (layer().pool_level == 0) {
      EXPECT_TRUE(nodes.empty());
      return;
    }
    Points seen;
    std::size_t listed = 0;
    for (const NodeMark& node : nodes) {
      std::array<double, 3> mean{};
      for (const std::int32_t point : node.points) {
        EXPECT_EQ(slot_of(layer(), point), node.slot);
        seen.insert(point);
        ++listed;
        for (std::size_t k = 0; k < 3; ++k) mean[k] += relative(point)[k] / static_cast<double>(node.points.size());
      }
      for (std::size_t k = 0; k < 3; ++k) EXPECT_NEAR(node.centre[k], mean[k], 1e-4);
      EXPECT_TRUE(std::find(node.points.begin(), node.points.end(), node.middle) != node.points.end());
    }
    EXPECT_EQ(seen.size(), static_cast<std::size_t>(tap.point_count));
    EXPECT_EQ(listed, seen.size());
    EXPECT_EQ(data.query->layer.nodes, static_cast<std::int64_t>(nodes.size()));
    EXPECT_EQ(tree_caption(data.query->layer), std::string(layer().rotated ? "rotated" : "main") +
                                                   " tree, pooled level 1: " + std::to_string(nodes.size()) + " nodes");
    state.nodes = false;
    EXPECT_TRUE(pooled_nodes(data, state).empty());
  });
}

TEST_F(EveryShape, WithMarksOffNothingIsMarked) {
  each([&] {
    ask(queries.front(), Branch::All);
    state.marks = SelectionMarks::Off;
    state.outlines = OutlinedBalls::Off;
    state.score_lines = true;
    EXPECT_TRUE(emphasis_of(data, state).empty());
    EXPECT_TRUE(query_outlines(data, state, 0).empty());
    EXPECT_TRUE(score_lines(data, state).empty());
    EXPECT_TRUE(colour_points(data, state).legend.swatches.empty());
  });
}

TEST(Descriptions, LayersOfOneTreeShareItsSlots) {
  Tap tap = test::make_tap({.name = "a"}, 1);
  LayerTap rotated = tap.layers.front();
  rotated.layer = 3;
  rotated.rotated = true;
  LayerTap again = tap.layers.front();
  again.layer = 4;
  tap.layers.push_back(rotated);
  tap.layers.push_back(again);
  const auto layers = describe(tap);
  ASSERT_EQ(layers.size(), 3u);
  EXPECT_EQ(layers[0].slots, layers[2].slots);
  EXPECT_NE(layers[0].slots, layers[1].slots);
  EXPECT_EQ(layers[0].nodes, layers[2].nodes);
  EXPECT_EQ(caption_of(layers[1]), "layer 3 (block.2, nsa, rotated tree)");
}

}  // namespace
}  // namespace erwin::ui
