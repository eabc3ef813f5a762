#include "ui/scene/attention_marks.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "ui/scene/attention_colours.h"
#include "ui/scene/numbers.h"
#include "ui/scene/tree_nodes.h"

namespace erwin::ui {

namespace {

bool asked(const SceneData& data, const SceneState& state) {
  return data.cloud && state.query.point >= 0 && state.query.point < data.cloud->size();
}

std::array<float, 3> narrowed(const std::array<double, 3>& p) {
  return {static_cast<float>(p[0]), static_cast<float>(p[1]), static_cast<float>(p[2])};
}

NodeMark node_mark(const PointCloud& cloud, std::int64_t frame, std::int64_t slot,
                   std::span<const std::int32_t> points) {
  NodeMark node;
  node.slot = slot;
  node.points.assign(points.begin(), points.end());
  node.size = std::min(std::sqrt(static_cast<float>(points.size())), 4.0f);
  const auto centre = centre_of(cloud, frame, points);
  node.centre = narrowed(centre);
  const auto positions = cloud.positions(frame);
  double nearest = std::numeric_limits<double>::infinity();
  for (const std::int32_t point : points) {
    double squares = 0;
    for (std::size_t k = 0; k < 3; ++k)
      squares += std::pow(positions[static_cast<std::size_t>(point) * 3 + k] - centre[k], 2);
    if (squares < nearest) {
      nearest = squares;
      node.middle = point;
    }
  }
  return node;
}

bool wants_nodes(const SceneData& data, const SceneState& state) {
  const LayerInfo* layer = shown_layer(data, state);
  return state.nodes && layer && layer->pool_level > 0 && layer->slots &&
         ((data.query && asked(data, state)) || state.colour_by == ColourBy::Balls);
}

std::string branch_note(const QueryView& query, const SceneState& state) {
  if (query.layer.kind == LayerKind::Full) return "full attention: the query looks at every point";
  if (query.layer.kind == LayerKind::Ball) return "ball attention: the query looks at its own ball, nowhere else";
  switch (state.query.branch) {
    case Branch::All:
      return "the query looks at its ball, at the blocks its own block selected, and at a summary of every block";
    case Branch::Local:
      return "local branch: the query looks at its own ball, nowhere else";
    case Branch::Compressed:
      return "compressed branch: the query looks at a summary of every block";
    case Branch::Selected:
      return "selected branch: the query looks at the blocks that its own block selected";
  }
  return {};
}

std::string rank_note(std::span<const MarkedBlock> blocks, const SceneState& state) {
  if (!state.score_lines) return "rank 0 is the selected block with the highest score";
  const auto [low, high] =
      std::minmax_element(blocks.begin(), blocks.end(), [](const auto& a, const auto& b) { return a.score < b.score; });
  return "rank 0 has the highest score; the wider its line, the higher a block's score, " +
         short_number(static_cast<double>(low->score)) + " to " + short_number(static_cast<double>(high->score));
}

}  // namespace

bool marks_ball(const SceneState& state) {
  return state.query.branch == Branch::All || state.query.branch == Branch::Local;
}

bool marks_blocks(const SceneState& state) {
  return state.query.branch == Branch::All || state.query.branch == Branch::Selected;
}

std::span<const MarkedBlock> marked_blocks(const SceneData& data, const SceneState& state) {
  if (!data.query || marks_of(state) == SelectionMarks::Off || !marks_blocks(state)) return {};
  return data.query->blocks;
}

std::vector<ScoreLine> score_lines(const SceneData& data, const SceneState& state) {
  std::vector<ScoreLine> lines;
  if (!asked(data, state) || !state.score_lines) return lines;
  const auto blocks = marked_blocks(data, state);
  if (blocks.empty()) return lines;
  const auto [low, high] =
      std::minmax_element(blocks.begin(), blocks.end(), [](const auto& a, const auto& b) { return a.score < b.score; });
  const double span = static_cast<double>(high->score) - static_cast<double>(low->score);
  const float* from = &data.cloud->positions(state.frame)[static_cast<std::size_t>(state.query.point) * 3];
  for (const MarkedBlock& block : blocks) {
    if (block.points.empty()) continue;
    const double share = span > 0 ? (static_cast<double>(block.score) - static_cast<double>(low->score)) / span : 1;
    lines.push_back({{from[0], from[1], from[2]},
                     narrowed(centre_of(*data.cloud, state.frame, block.points)),
                     block.rank,
                     0.2 + 0.8 * share,
                     rank_colour(block.rank, blocks.back().rank + 1, state.theme)});
  }
  return lines;
}

OutlineMesh query_outlines(const SceneData& data, const SceneState& state, double grow) {
  OutlineMesh mesh;
  if (!asked(data, state) || state.outlines == OutlinedBalls::Off) return mesh;
  const Palette palette = palette_of(state.theme);
  if (!data.query) {
    if (const auto level = shown_level(data, state, state.level))
      if (const std::int64_t node = node_of_query(*level, data, state); node >= 0)
        add_outline(mesh, *data.cloud, state.frame, level->points(node), state.outline, grow, palette.ball);
    return mesh;
  }
  add_outline(mesh, *data.cloud, state.frame, data.query->ball, state.outline, grow, palette.ball);
  if (marks_of(state) != SelectionMarks::Outline) return mesh;
  const auto blocks = marked_blocks(data, state);
  for (const MarkedBlock& block : blocks)
    add_outline(mesh, *data.cloud, state.frame, block.points, state.outline, grow,
                rank_colour(block.rank, blocks.back().rank + 1, state.theme));
  return mesh;
}

bool shows_nodes(const SceneData& data, const SceneState& state) {
  return wants_nodes(data, state) && !has_too_many_nodes(data, state);
}

bool has_too_many_nodes(const SceneData& data, const SceneState& state) {
  return wants_nodes(data, state) && shown_layer(data, state)->nodes > most_nodes;
}

float node_disc_radius(const NodeMark& node, const std::vector<float>& sizes, double disc_radius) {
  const float shown = sizes.empty() ? 1 : sizes[static_cast<std::size_t>(node.middle)];
  return static_cast<float>(1.5 * disc_radius) * shown * node.size;
}

std::vector<NodeMark> pooled_nodes(const SceneData& data, const SceneState& state) {
  std::vector<NodeMark> nodes;
  if (!shows_nodes(data, state)) return nodes;
  const LayerInfo* layer = shown_layer(data, state);
  for (std::int64_t slot = 0; slot < layer->slots->slots(); ++slot)
    if (const auto points = layer->slots->of(slot, slot + 1); !points.empty())
      nodes.push_back(node_mark(*data.cloud, state.frame, slot, points));
  return nodes;
}

std::vector<std::string> attention_notes(const SceneData& data, const SceneState& state) {
  std::vector<std::string> notes;
  if (!data.query || !asked(data, state)) return notes;
  const QueryView& query = *data.query;
  notes.push_back(branch_note(query, state));
  if (state.colour_by == ColourBy::Attention && query.compressed)
    notes.push_back("a block's compressed weight is spread evenly over its points");
  if (state.colour_by == ColourBy::Compressed && query.compressed)
    notes.push_back("one weight for each block of " + std::to_string(query.layer.block_size) +
                    " slots; the memory slot takes " + short_number(query.row.memory));
  if (const auto blocks = marked_blocks(data, state); !blocks.empty()) notes.push_back(rank_note(blocks, state));
  if (query.layer.rotated) notes.push_back("balls and blocks are the rotated tree's, in which this layer ran");
  if (shows_nodes(data, state))
    notes.push_back("a disc is a node of pooled level " + std::to_string(query.layer.pool_level) +
                    ": the middle of the points it stands for");
  return notes;
}

}  // namespace erwin::ui
