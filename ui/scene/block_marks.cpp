#include "ui/scene/block_marks.h"

#include <algorithm>
#include <array>

#include "ui/scene/attention_marks.h"
#include "ui/scene/numbers.h"
#include "ui/scene/tree_nodes.h"

namespace erwin::ui {

namespace {

// The diagonals of a box's faces that meet in its lowest and its highest corner: a cross from every side.
void add_cross(OutlineMesh& mesh, const OutlineBox& box, double grow, Rgb colour) {
  const auto corner = [&](int which) {
    std::array<double, 3> p{};
    for (std::size_t k = 0; k < 3; ++k) p[k] = (which >> k & 1) ? box.high[k] + grow : box.low[k] - grow;
    return p;
  };
  for (const auto& [a, b] :
       {std::pair(0, 3), std::pair(1, 2), std::pair(4, 7), std::pair(5, 6), std::pair(0, 5), std::pair(1, 4),
        std::pair(2, 7), std::pair(3, 6), std::pair(0, 6), std::pair(2, 4), std::pair(1, 7), std::pair(3, 5)})
    add_line(mesh, corner(a), corner(b), colour);
}

}  // namespace

Rgb missed_colour(Theme theme) {
  return theme == Theme::Dark ? Rgb{40, 200, 140} : Rgb{0, 128, 92};
}

int shown_block(const SceneState& state) {
  return state.marked_block.layer == state.query.layer ? state.marked_block.block : -1;
}

bool shows_misses(const SceneData& data, const SceneState& state) {
  return data.missed && state.misses && marks_blocks(state);
}

std::vector<std::int32_t> marked_block_points(const SceneData& data, const SceneState& state) {
  const int block = shown_block(state);
  const LayerInfo* layer = data.cloud ? shown_layer(data, state) : nullptr;
  if (block < 0 || !layer || !layer->slots || layer->block_size <= 0) return {};
  const std::int64_t first = std::int64_t{block} * layer->block_size;
  if (first >= layer->slots->slots()) return {};
  const auto points = layer->slots->of(first, std::min(first + layer->block_size, layer->slots->slots()));
  return {points.begin(), points.end()};
}

void add_block_boxes(OutlineMesh& mesh, const SceneData& data, const SceneState& state, double grow) {
  if (shows_misses(data, state))
    for (const MissedView::Block& block : data.missed->blocks) {
      if (block.points.empty()) continue;
      const OutlineBox box = box_of(*data.cloud, state.frame, block.points);
      add_box(mesh, box, grow, missed_colour(state.theme));
      add_cross(mesh, box, grow, missed_colour(state.theme));
    }
  if (const auto points = marked_block_points(data, state); !points.empty())
    add_box(mesh, box_of(*data.cloud, state.frame, points), 1.6 * grow, palette_of(state.theme).query);
}

void explain_block_marks(const SceneData& data, const SceneState& state, Legend& legend) {
  if (data.recall && state.colour_by == ColourBy::Field && meaning_of_recall_field(state.field)) {
    const RecallField& recall = data.recall->recall;
    legend.notes.push_back("mean recall " + short_number(recall.mean_recall) + ", mean rank correlation " +
                           short_number(recall.mean_rank_correlation) + ", over " +
                           (recall.sampled ? "an even part of the queries, " : "all queries, ") +
                           std::to_string(recall.queries));
  }
  if (shows_misses(data, state) && !data.missed->blocks.empty()) {
    legend.swatches.push_back({missed_colour(state.theme), "missed (crossed)"});
    legend.notes.push_back("missed: the heaviest blocks by exact attention that were not selected; recall " +
                           short_number(data.missed->recall));
  }
  if (!marked_block_points(data, state).empty())
    legend.swatches.push_back({palette_of(state.theme).query, "block " + std::to_string(shown_block(state))});
}

}  // namespace erwin::ui
