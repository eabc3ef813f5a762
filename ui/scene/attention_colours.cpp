#include "ui/scene/attention_colours.h"

#include <algorithm>
#include <string>

#include "ui/scene/attention_marks.h"
#include "ui/scene/block_marks.h"
#include "ui/scene/clip_plane.h"
#include "ui/scene/query_fields.h"
#include "ui/scene/tree_nodes.h"
#include "ui/scene/what_if_marks.h"

namespace erwin::ui {

namespace {

// A pooled layer's points are small beside their nodes.
constexpr float size_beside_nodes = 0.4f;

bool answered(const SceneData& data, const SceneState& state) {
  return data.query && state.query.point >= 0 && state.query.point < data.cloud->size();
}

void dim_keys_not_looked_at(const SceneData& data, const SceneState& state, std::vector<Emphasis>& emphasis) {
  std::fill(emphasis.begin(), emphasis.end(), Emphasis::Dimmed);
  const auto light = [&](std::span<const std::int32_t> points) {
    for (const std::int32_t point : points) emphasis[static_cast<std::size_t>(point)] = Emphasis::Full;
  };
  if (marks_ball(state)) light(data.query->ball);
  for (const MarkedBlock& block : marked_blocks(data, state)) light(block.points);
  if (shows_misses(data, state))
    for (const MissedView::Block& block : data.missed->blocks) light(block.points);
  light(marked_block_points(data, state));
  emphasis[static_cast<std::size_t>(state.query.point)] = Emphasis::Full;
}

void add_swatches(const SceneData& data, const SceneState& state, Legend& legend) {
  const Palette theme = palette_of(state.theme);
  legend.swatches.push_back({theme.query, "query point"});
  if (!data.query->ball.empty() && state.outlines != OutlinedBalls::Off)
    legend.swatches.push_back({theme.ball, "its ball"});
  const auto blocks = marked_blocks(data, state);
  const int ranks = blocks.empty() ? 0 : blocks.back().rank + 1;
  const auto rank = [&](int which, const std::string& text) {
    legend.swatches.push_back({rank_colour(which, ranks, state.theme), text});
  };
  if (ranks > 0) rank(0, "selected, rank 0");
  if (ranks > 2) rank(ranks / 2, "rank " + std::to_string(ranks / 2));
  if (ranks > 1) rank(ranks - 1, "rank " + std::to_string(ranks - 1));
}

}  // namespace

SelectionMarks marks_of(const SceneState& state) {
  const bool attention = state.colour_by == ColourBy::Attention || state.colour_by == ColourBy::Compressed;
  return state.marks.value_or(attention || counts_everywhere(state) ? SelectionMarks::Outline : SelectionMarks::Fill);
}

Rgb rank_colour(int rank, int count, Theme theme) {
  const double place = count > 1 ? static_cast<double>(rank) / (count - 1) : 0;
  return map_colour(ColourMap::Heat, theme == Theme::Dark ? 1 - place : place);
}

namespace {

std::vector<Emphasis> emphasis_by_marks(const SceneData& data, const SceneState& state) {
  const bool marked = answered(data, state) && marks_of(state) != SelectionMarks::Off;
  // The compressed branch looks at every block.
  const bool all_looked_at =
      state.query.branch == Branch::Compressed || state.colour_by == ColourBy::Compressed || counts_everywhere(state);
  const auto only = only_ball(data, state);
  if (!only && (!marked || all_looked_at)) return {};
  std::vector<Emphasis> emphasis(static_cast<std::size_t>(data.cloud->size()), Emphasis::Full);
  if (marked && !all_looked_at) dim_keys_not_looked_at(data, state, emphasis);
  if (!only) return emphasis;
  std::vector<Emphasis> alone(emphasis.size(), state.hide_rest ? Emphasis::Hidden : Emphasis::Dimmed);
  for (const std::int32_t point : only->points)
    alone[static_cast<std::size_t>(point)] = emphasis[static_cast<std::size_t>(point)];
  return alone;
}

}  // namespace

std::vector<Emphasis> emphasis_of(const SceneData& data, const SceneState& state) {
  std::vector<Emphasis> emphasis = emphasis_by_marks(data, state);
  const bool hides = data.what_if && !data.what_if->hidden.empty();
  if (!hides && !state.clip) return emphasis;
  emphasis.resize(static_cast<std::size_t>(data.cloud->size()), Emphasis::Full);  // empty: all are
  if (hides)
    for (const std::int64_t point : data.what_if->hidden) emphasis[static_cast<std::size_t>(point)] = Emphasis::Hidden;
  if (!state.clip) return emphasis;
  const std::vector<char> away = clipped_points(*data.cloud, *state.clip, state.frame);
  for (std::size_t i = 0; i < away.size(); ++i)
    if (away[i]) emphasis[i] = Emphasis::Hidden;
  return emphasis;
}

namespace {

constexpr Rgb picked_colour{240, 120, 190};

// Chosen points take a colour of their own, where the colours do not answer something, and are larger.
void mark_picked(const SceneData& data, const SceneState& state, PointColours& result) {
  if (!state.picked || state.picked->empty()) return;
  const bool paint = !counts_everywhere(state) && state.colour_by != ColourBy::Attention;
  if (result.sizes.empty()) result.sizes.assign(result.rgb.size(), 1.0f);
  for (const std::int64_t point : *state.picked) {
    if (point >= data.cloud->size()) continue;
    const auto i = static_cast<std::size_t>(point);
    if (paint) result.rgb[i] = mix(result.rgb[i], picked_colour, 0.7);
    result.sizes[i] *= 1.35f;
  }
  const std::string text = std::to_string(state.picked->size()) + " selected";
  if (paint)
    result.legend.swatches.push_back({picked_colour, text});
  else
    result.legend.notes.push_back("larger: " + text);
}

}  // namespace

void mark_points(const SceneData& data, const SceneState& state, PointColours& result) {
  const Palette theme = palette_of(state.theme);
  if (answered(data, state)) {
    const auto blocks = marked_blocks(data, state);
    if (marks_of(state) == SelectionMarks::Fill)
      for (const MarkedBlock& block : blocks)
        for (const std::int32_t point : block.points)
          result.rgb[static_cast<std::size_t>(point)] = rank_colour(block.rank, blocks.back().rank + 1, state.theme);
    if (marks_of(state) == SelectionMarks::Fill && shows_misses(data, state))
      for (const MissedView::Block& block : data.missed->blocks)
        for (const std::int32_t point : block.points)
          result.rgb[static_cast<std::size_t>(point)] = missed_colour(state.theme);
    if (marks_of(state) != SelectionMarks::Off) add_swatches(data, state, result.legend);
    for (std::string& note : attention_notes(data, state)) result.legend.notes.push_back(std::move(note));
  }
  explain_block_marks(data, state, result.legend);
  explain_what_if(data, state, result.legend);
  if (has_too_many_nodes(data, state))
    result.legend.notes.push_back("no discs of nodes: there are more than " + std::to_string(most_nodes));
  if (shows_nodes(data, state)) result.sizes.assign(result.rgb.size(), size_beside_nodes);
  mark_picked(data, state, result);
  const std::vector<Emphasis> emphasis = emphasis_of(data, state);
  if (emphasis.empty()) return;
  if (result.sizes.empty()) result.sizes.assign(result.rgb.size(), 1.0f);
  for (std::size_t i = 0; i < emphasis.size(); ++i) {
    if (emphasis[i] == Emphasis::Full) continue;
    result.rgb[i] = mix(result.rgb[i], theme.background, state.dim);
    // What is dimmed also shrinks, or it would hide what is marked.
    result.sizes[i] *= emphasis[i] == Emphasis::Hidden ? 0 : static_cast<float>(1 - 0.6 * state.dim);
  }
  if (state.clip)
    result.legend.notes.push_back("cut: only " + to_string(state.clip) + ", " +
                                  std::to_string(std::count_if(emphasis.begin(), emphasis.end(),
                                                               [](Emphasis e) { return e != Emphasis::Hidden; })) +
                                  " points");
  if (const auto only = only_ball(data, state))
    result.legend.notes.push_back("alone: ball " + std::to_string(only->node) + " of level " +
                                  std::to_string(only->level) + ", " + std::to_string(only->points.size()) + " points");
}

}  // namespace erwin::ui
