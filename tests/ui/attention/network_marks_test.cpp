// Untrained networks on a cloud: what is drawn of rotated and pooled layers lies where the networks' own trees put it.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <stop_token>

#include "core/engine/sample_cloud.h"
#include "core/model/model.h"
#include "core/model/sample.h"
#include "ui/scene/attention_marks.h"
#include "ui/scene/point_colours.h"
#include "ui/scene/tree_nodes.h"
#include "ui/scene/tree_outlines.h"
#include "ui/scene/tree_statistics.h"

namespace erwin::ui {
namespace {

using Points = std::set<std::int32_t>;

ModelConfig unet() {
  ModelConfig config;
  config.kind = ModelKind::Erwin;
  config.embedding_channels = 8;
  config.mp_steps = 1;
  config.unet = {{8, 16}, {64, 32}, {2, 2}, {2, 2}, {2}, {2}, {2}};
  return config;
}

ModelConfig flat() {
  ModelConfig config;
  config.embedding_channels = 8;
  config.mp_steps = 1;
  config.flat.width = 8;
  config.flat.depth = 2;
  config.flat.heads = 2;
  config.flat.head_dim = 8;
  config.flat.ball_size = 64;
  config.flat.block_size = 16;
  config.flat.selected_blocks = 3;
  return config;
}

struct Evaluation {
  ModelSample sample;
  TapPtr tap;
  SceneData data;
  SceneState state;

  Evaluation(const ModelConfig& config, std::int64_t points) {
    data.cloud = make_sample_cloud(points);
    SampleRecipe recipe;
    sample = prepare_sample(*data.cloud, 0, recipe, config);
    tap = Model(config, 7).predict(sample, TapRequest{true, {}}).tap;
    auto prediction = std::make_shared<Prediction>();
    prediction->cloud = data.cloud;
    prediction->layers = describe(*tap);
    auto main = std::make_shared<BallTree>(*sample.trees.main);
    if (main->levels.empty())
      compute_levels(*main, std::vector<double>(sample.positions.begin(), sample.positions.end()));
    prediction->tree = main;
    data.tree = main;
    data.prediction = prediction;
  }
  void ask(std::int64_t point, int layer, Branch branch = Branch::All) {
    state.query = {point, layer, -1, branch};
    data.query = std::make_shared<QueryView>(make_query_view(*tap, state.query));
  }
  // Points behind every slot of a tree at a pooled level: of the main tree runs of `pooled` slots, of a rotated one the
  // real nodes of that level, counted in slot order.
  std::vector<Points> slots_of(bool rotated, int pool_level, std::int64_t pooled) const {
    const BallTree& main = *sample.trees.main;
    std::vector<Points> nodes(static_cast<std::size_t>(main.slot_count / pooled));
    for (std::size_t slot = 0; slot < main.slot_mask.size(); ++slot)
      if (main.slot_mask[slot]) nodes[slot / static_cast<std::size_t>(pooled)].insert(main.slot_point[slot]);
    if (!rotated) return nodes;
    if (pool_level == 0) std::sort(nodes.begin(), nodes.end());  // points count by their ids
    std::erase_if(nodes, [](const Points& node) { return node.empty(); });
    const BallTree& tree = *sample.trees.rotated[static_cast<std::size_t>(pool_level)];
    std::vector<Points> slots(static_cast<std::size_t>(tree.slot_count));
    for (std::size_t slot = 0; slot < slots.size(); ++slot)
      if (tree.slot_mask[slot]) slots[slot] = nodes[static_cast<std::size_t>(tree.slot_point[slot])];
    return slots;
  }
};

Points united(const std::vector<Points>& slots, std::size_t begin, std::size_t end) {
  Points all;
  for (std::size_t slot = begin; slot < end; ++slot) all.insert(slots[slot].begin(), slots[slot].end());
  return all;
}

Points undimmed(const Evaluation& run) {
  Points bright;
  const auto emphasis = emphasis_of(run.data, run.state);
  for (std::size_t i = 0; i < emphasis.size(); ++i)
    if (emphasis[i] == Emphasis::Full) bright.insert(static_cast<std::int32_t>(i));
  return bright;
}

TEST(NetworkMarks, BallsOfTheUnetAreThoseOfItsFourTrees) {
  Evaluation run(unet(), 500);
  std::set<std::pair<bool, int>> kinds;
  for (const LayerTap& layer : run.tap->layers) {
    kinds.insert({layer.rotated, layer.pool_level});
    const auto slots = run.slots_of(layer.rotated, layer.pool_level, layer.pool_level == 0 ? 1 : 2);
    ASSERT_EQ(static_cast<std::int64_t>(slots.size()), layer.slots());
    const auto ball_size = static_cast<std::size_t>(layer.ball_size);
    for (const std::int64_t point : {0, 123, 499}) {
      run.ask(point, layer.layer);
      std::size_t slot = 0;
      while (!slots[slot].contains(static_cast<std::int32_t>(point))) ++slot;
      const Points ball = united(slots, slot / ball_size * ball_size, (slot / ball_size + 1) * ball_size);
      EXPECT_EQ(undimmed(run), ball) << layer.name << " point " << point;
      // And those are the points with weight.
      Points weighty;
      for (std::size_t i = 0; i < run.data.query->row.points.size(); ++i)
        if (run.data.query->row.points[i] > 0) weighty.insert(static_cast<std::int32_t>(i));
      EXPECT_EQ(weighty, ball) << layer.name << " point " << point;
    }
    // The level whose nodes are this layer's balls.
    const auto level = shown_level(run.data, run.state, run.data.tree->level_of(64));
    ASSERT_TRUE(level);
    for (std::int64_t ball = 0; ball < level->size(); ++ball) {
      const auto points = level->points(ball);
      EXPECT_EQ(Points(points.begin(), points.end()), united(slots, static_cast<std::size_t>(ball) * ball_size,
                                                             static_cast<std::size_t>(ball + 1) * ball_size));
    }
    // Nodes of the pooled level.
    const auto nodes = pooled_nodes(run.data, run.state);
    EXPECT_EQ(nodes.empty(), layer.pool_level == 0);
    for (const NodeMark& node : nodes)
      EXPECT_EQ(Points(node.points.begin(), node.points.end()), slots[static_cast<std::size_t>(node.slot)]);
  }
  EXPECT_EQ(kinds.size(), 4u);  // main and rotated, fine and pooled
}

TEST(NetworkMarks, BlocksOfARotatedLayerAreTheRotatedTrees) {
  Evaluation run(flat(), 500);
  for (const int layer : {0, 1}) {
    const auto slots = run.slots_of(layer == 1, 0, 1);
    for (const std::int64_t point : {3, 250}) {
      run.ask(point, layer, Branch::Selected);
      Points weighty, marked;
      for (std::size_t i = 0; i < run.data.query->row.points.size(); ++i)
        if (run.data.query->row.points[i] > 0) weighty.insert(static_cast<std::int32_t>(i));
      for (const MarkedBlock& block : marked_blocks(run.data, run.state)) {
        const auto begin = static_cast<std::size_t>(block.block) * 16;
        EXPECT_EQ(Points(block.points.begin(), block.points.end()), united(slots, begin, begin + 16));
        marked.insert(block.points.begin(), block.points.end());
      }
      EXPECT_EQ(marked, weighty);
      EXPECT_FALSE(marked.empty());
    }
  }
}

TEST(NetworkMarks, ALevelsBallsFollowTheChosenLayersTree) {
  Evaluation run(flat(), 500);
  run.state.colour_by = ColourBy::Balls;
  run.state.level = 3;
  EXPECT_EQ(shown_tree_caption(run.data, run.state), "main tree");
  const PointColours main = colour_points(run.data, run.state);
  run.state.query.layer = 1;
  EXPECT_EQ(shown_tree_caption(run.data, run.state), "rotated tree");
  const PointColours rotated = colour_points(run.data, run.state);
  EXPECT_NE(main.rgb, rotated.rgb);
  EXPECT_EQ(rotated.legend.notes.front(), "rotated tree; level 3: 8 balls");
  // Points of one rotated ball share a colour.
  const auto slots = run.slots_of(true, 0, 1);
  const auto level = shown_level(run.data, run.state, 3);
  for (std::int64_t node = 0; node < level->size(); ++node) {
    const Points ball = united(slots, static_cast<std::size_t>(level->begin[static_cast<std::size_t>(node)]),
                               static_cast<std::size_t>(level->begin[static_cast<std::size_t>(node) + 1]));
    for (const std::int32_t point : ball)
      EXPECT_EQ(rotated.rgb[static_cast<std::size_t>(point)], rotated.rgb[static_cast<std::size_t>(*ball.begin())]);
  }
}

// The panel's numbers are those of the tree in which the chosen layer runs, not always of the main one.
TEST(TreeStatistics, FollowTheChosenLayersTree) {
  Evaluation run(unet(), 500);
  for (const LayerTap& layer : run.tap->layers) {
    run.state.query.layer = layer.layer;
    const std::size_t pooled = layer.pool_level == 0 ? 1 : 2;
    const auto slots = run.slots_of(layer.rotated, layer.pool_level, static_cast<std::int64_t>(pooled));
    const TreeStatistics found = tree_statistics(run.data, run.state);
    EXPECT_EQ(found.subject, statistics_subject(run.data, run.state));
    EXPECT_EQ(found.caption, tree_caption(describe(layer)));
    EXPECT_EQ(found.pooled, layer.pool_level > 0);
    const auto real = std::count_if(slots.begin(), slots.end(), [](const Points& slot) { return !slot.empty(); });
    EXPECT_EQ(found.padding.real, real);
    EXPECT_EQ(found.padding.masked, std::ssize(slots) - real);
    ASSERT_EQ(static_cast<int>(found.levels.size()), shown_level_count(run.data, run.state));
    const auto& eighths = found.levels[3];
    ASSERT_EQ(eighths.balls, 8);
    std::int64_t fewest = 1000, most = 0;
    double radii = 0;
    for (std::size_t ball = 0; ball < 8; ++ball) {
      const std::size_t begin = ball * slots.size() / 8, end = (ball + 1) * slots.size() / 8;
      const auto held = std::count_if(slots.begin() + static_cast<std::ptrdiff_t>(begin),
                                      slots.begin() + static_cast<std::ptrdiff_t>(end),
                                      [](const Points& slot) { return !slot.empty(); });
      fewest = std::min<std::int64_t>(fewest, held);
      most = std::max<std::int64_t>(most, held);
      const Points points = united(slots, begin, end);
      const std::vector<std::int32_t> listed(points.begin(), points.end());
      const auto centre = centre_of(*run.data.cloud, 0, listed);
      double radius = 0;
      for (const std::int32_t point : listed) {
        const float* p = &run.data.cloud->positions()[3 * static_cast<std::size_t>(point)];
        radius = std::max(radius, std::hypot(p[0] - centre[0], p[1] - centre[1], p[2] - centre[2]));
      }
      radii += radius / 8;
    }
    EXPECT_EQ(eighths.fewest, fewest) << layer.name;
    EXPECT_EQ(eighths.most, most) << layer.name;
    EXPECT_NEAR(eighths.mean_radius, radii, 1e-5 * radii) << layer.name;
  }
}

TEST(TreeStatistics, AStoppedCountHasNoLevels) {
  Evaluation run(flat(), 500);
  std::stop_source stop;
  stop.request_stop();
  EXPECT_TRUE(tree_statistics(run.data, run.state, stop.get_token()).levels.empty());
  EXPECT_FALSE(tree_statistics(run.data, run.state).levels.empty());
  EXPECT_TRUE(tree_statistics({}, {}).levels.empty());
}

TEST(Padding, IsCountedForPointsAndPooledNodes) {
  Evaluation run(unet(), 500);  // 8 units of 64 slots
  const auto fine = shown_level(run.data, run.state, 3);
  const PaddingCount points = count_padding(*fine, 500);
  EXPECT_EQ(points.nodes, 8);
  EXPECT_EQ(points.slots, 512);
  EXPECT_EQ(points.real, 500);
  EXPECT_EQ(points.masked, 12);
  EXPECT_EQ(points.duplicate, 0);
  EXPECT_EQ(points.fewest, 62);
  EXPECT_EQ(points.most, 63);
  for (const LayerTap& layer : run.tap->layers) {
    if (layer.pool_level == 0) continue;
    run.state.query.layer = layer.layer;
    const PaddingCount nodes = count_padding(*shown_level(run.data, run.state, 3), 500);
    EXPECT_EQ(nodes.slots, 256);
    EXPECT_EQ(nodes.real, 256);  // every pair of slots holds a point
    EXPECT_EQ(nodes.masked + nodes.duplicate, 0);
  }
  ModelConfig copies = unet();
  copies.padding = Padding::Duplicate;
  Evaluation duplicated(copies, 500);
  const PaddingCount keys = count_padding(*shown_level(duplicated.data, duplicated.state, 3), 500);
  EXPECT_EQ(keys.real, 500);
  EXPECT_EQ(keys.duplicate, 12);
  EXPECT_EQ(keys.masked, 0);
}

}  // namespace
}  // namespace erwin::ui
