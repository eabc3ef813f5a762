#include "ui/scene/tree_layer.h"

#include <algorithm>
#include <string>

#include "ui/scene/tree_actors.h"
#include "ui/scene/tree_colours.h"
#include "ui/scene/tree_nodes.h"

namespace erwin::ui {

namespace {

// Beyond these a level's outlines are a solid block of lines, and hulls take longer than a frame may.
constexpr std::int64_t most_outlines = 4096, most_hull_points = 100'000;

}  // namespace

TreeLayer::TreeLayer() : outlines_(std::make_unique<OutlineActors>()) {}
TreeLayer::~TreeLayer() = default;

void TreeLayer::attach(vtkRenderer& cloud, vtkRenderer&) {
  outlines_->attach(cloud);
}

void TreeLayer::update(const SceneData& data, const SceneState& state, const SceneMetrics& metrics) {
  note_.clear();
  const auto level = state.outlines == OutlinedBalls::Level ? shown_level(data, state, state.level) : std::nullopt;
  if (!level || level->size() > most_outlines) {
    if (level) note_ = "no outlines: the level has more than " + std::to_string(most_outlines) + " balls";
    outlines_->hide();
    subject_ = {};
    return;
  }
  const bool too_large = state.outline == OutlineShape::Hull && data.cloud->size() > most_hull_points;
  if (too_large) note_ = "boxes instead of hulls: more than " + std::to_string(most_hull_points) + " points";
  const LayerInfo* layer = shown_layer(data, state);
  const Subject wanted{data.cloud,
                       data.tree,
                       layer ? layer->slots : nullptr,
                       state.frame,
                       state.level,
                       too_large ? OutlineShape::Box : state.outline,
                       state.only,
                       state.only.which == OnlyBall::Which::Query ? state.query.point : -1,
                       room_for_discs(state.outline) * metrics.disc_radius};
  if (wanted == subject_) return;
  subject_ = wanted;
  // With one ball alone: those of its subtree.
  std::vector<std::uint8_t> inside;
  if (const auto only = only_ball(data, state)) {
    inside.resize(static_cast<std::size_t>(data.cloud->size()));
    for (const std::int32_t point : only->points) inside[static_cast<std::size_t>(point)] = 1;
  }
  const std::vector<int> colours = shown_ball_colours(data, state);
  OutlineMesh mesh;
  for (std::int64_t node = 0; node < level->size(); ++node) {
    const auto points = level->points(node);
    if (points.empty() || (!inside.empty() && !inside[static_cast<std::size_t>(points.front())])) continue;
    add_outline(mesh, *data.cloud, state.frame, points, wanted.shape, wanted.grow,
                palette()[static_cast<std::size_t>(colours[static_cast<std::size_t>(node)])],
                level->size() > 64 ? 16 : 48);
  }
  outlines_->show(mesh, 1.2 * state.text_scale, wanted.shape == OutlineShape::Sphere ? 0.06 : 0);
}

void TreeLayer::explain(Legend& legend) const {
  if (!note_.empty()) legend.notes.push_back(note_);
}

}  // namespace erwin::ui
