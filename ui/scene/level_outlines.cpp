#include "ui/scene/level_outlines.h"

#include <utility>
#include <vector>

#include "ui/scene/tree_colours.h"
#include "ui/scene/tree_nodes.h"

namespace erwin::ui {

namespace {

// Beyond these a level's outlines are a solid block of lines, and hulls take seconds.
constexpr std::int64_t most_outlines = 4096, most_hull_points = 100'000;

// Of the circles of a ball: many balls are small on the screen, and their faces are many.
int sides_for(std::int64_t balls) {
  return balls > 512 ? 8 : balls > 64 ? 16 : 48;
}

OutlineMesh mesh_of(const SceneData& data, const SceneState& state, const LevelNodes& level,
                    const LevelOutlines::Subject& subject) {
  // With one ball alone: those of its subtree.
  std::vector<std::uint8_t> inside;
  if (const auto only = only_ball(data, state)) {
    inside.resize(static_cast<std::size_t>(data.cloud->size()));
    for (const std::int32_t point : only->points) inside[static_cast<std::size_t>(point)] = 1;
  }
  const std::vector<int> colours = shown_ball_colours(data, state);
  OutlineMesh mesh;
  for (std::int64_t node = 0; node < level.size(); ++node) {
    const auto points = level.points(node);
    if (points.empty() || (!inside.empty() && !inside[static_cast<std::size_t>(points.front())])) continue;
    add_outline(mesh, *data.cloud, state.frame, points, subject.shape, subject.grow,
                palette()[static_cast<std::size_t>(colours[static_cast<std::size_t>(node)])], sides_for(level.size()));
  }
  return mesh;
}

}  // namespace

LevelOutlinesPtr level_outlines(const SceneData& data, const SceneState& state, double disc_radius,
                                const LevelOutlinesPtr& before) {
  if (state.outlines != OutlinedBalls::Level) return nullptr;
  const auto level = shown_level(data, state, state.level);
  if (!level) return nullptr;
  auto made = std::make_shared<LevelOutlines>();
  if (level->size() > most_outlines) {
    made->note = "no outlines: the level has more than " + std::to_string(most_outlines) + " balls";
    return made;
  }
  const bool too_large = state.outline == OutlineShape::Hull && data.cloud->size() > most_hull_points;
  if (too_large) made->note = "boxes instead of hulls: more than " + std::to_string(most_hull_points) + " points";
  const LayerInfo* layer = shown_layer(data, state);
  made->subject = {data.cloud,
                   data.tree,
                   layer ? layer->slots : nullptr,
                   state.frame,
                   state.level,
                   too_large ? OutlineShape::Box : state.outline,
                   state.only,
                   state.only.which == OnlyBall::Which::Query ? state.query.point : -1,
                   room_for_discs(state.outline) * disc_radius};
  if (before && before->subject == made->subject) return before;
  made->mesh = mesh_of(data, state, *level, made->subject);
  return made;
}

}  // namespace erwin::ui
