#pragma once
// What a query marks in space besides colours: outlines of its ball and blocks, lines to the blocks, nodes of pooled
// layers. Plain geometry relative to the cloud's origin, drawn by AttentionLayer. No VTK here.

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "ui/scene/legend.h"
#include "ui/scene/scene_state.h"
#include "ui/scene/tree_outlines.h"

namespace erwin::ui {

// Which of a query's keys are marked: those that the branch in question looks at one by one.
bool marks_ball(const SceneState& state);    // branches all and local
bool marks_blocks(const SceneState& state);  // branches all and selected
// The blocks that are marked, by rank; empty where the branch selects none.
std::span<const MarkedBlock> marked_blocks(const SceneData& data, const SceneState& state);

// From the query's point to the mean of a selected block's points.
struct ScoreLine {
  std::array<float, 3> from, to;
  int rank = 0;
  double width = 1;  // 1: the highest score among the selected blocks, 0.2: the lowest
  Rgb colour;        // of the rank
};
std::vector<ScoreLine> score_lines(const SceneData& data, const SceneState& state);

// The query's ball and, where marks are outlines, the blocks it selected. Before a network has answered: the ball of
// the shown level that holds the point. grow: as add_outline.
OutlineMesh query_outlines(const SceneData& data, const SceneState& state, double grow);

// A node of a pooled layer: what one slot there stands for.
struct NodeMark {
  std::int64_t slot = 0;
  std::array<float, 3> centre;  // mean of its points
  float size = 1;               // radius of its disc in multiples of a point's: the square root of its points
  std::int32_t middle = 0;      // its point nearest to the centre, whose colour it takes
  std::vector<std::int32_t> points;
};
// Only for pooled layers, where state.nodes is on and a query or the balls are shown; more than most_nodes discs would
// only hide each other.
constexpr std::int64_t most_nodes = 32768;
bool shows_nodes(const SceneData& data, const SceneState& state);
bool has_too_many_nodes(const SceneData& data, const SceneState& state);
std::vector<NodeMark> pooled_nodes(const SceneData& data, const SceneState& state);

// Of its disc, in the cloud's unit. sizes: of the points (PointColours), or empty; disc_radius: of a point's disc.
float node_disc_radius(const NodeMark& node, const std::vector<float>& sizes, double disc_radius);

// What the marks mean, in sentences for the legend.
std::vector<std::string> attention_notes(const SceneData& data, const SceneState& state);

}  // namespace erwin::ui
