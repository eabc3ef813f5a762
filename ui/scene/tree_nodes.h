#pragma once
// Which balls a state means by "level": nodes of the tree in which the query's layer ran (the rotated one, the pooled
// one), or of the cloud's own tree where no network has run. No VTK here.

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/tree/slot_points.h"
#include "ui/scene/scene_state.h"

namespace erwin::ui {

// The layer that state.query names, from the prediction or the answered query; null where no network has run.
const LayerInfo* shown_layer(const SceneData& data, const SceneState& state);

// "rotated tree, pooled level 1: 448 nodes"; "tree of the cloud" without a network.
std::string shown_tree_caption(const SceneData& data, const SceneState& state);

// Nodes of a level of that tree, 0 the root; levels beyond the last one give the last one. Null where there is no tree
// with nodes.
std::optional<LevelNodes> shown_level(const SceneData& data, const SceneState& state, int level);
// The same level with all node data, where the shown tree is data.tree itself, unpooled; else null. Its frame of
// reference may be the network's.
const TreeLevel* level_of_main_tree(const SceneData& data, const SceneState& state, int level);
// Number of levels of that tree; 0 without one.
int shown_level_count(const SceneData& data, const SceneState& state);

// The node of such a level that holds a point, -1 where none does; of the query, where its layer has answered, the one
// that holds its own slot and not a copy of it.
std::int64_t node_of_point(const LevelNodes& level, std::int64_t point);
std::int64_t node_of_query(const LevelNodes& level, const SceneData& data, const SceneState& state);

// The ball that state.only names: its level, its place in it and its points; nothing for "all", and where the query is
// meant but not asked. An index beyond the last ball gives the last one.
struct ShownBall {
  int level = 0;
  std::int64_t node = 0;
  std::vector<std::int32_t> points;
};
std::optional<ShownBall> only_ball(const SceneData& data, const SceneState& state);

// How the slots of the shown tree are used at a level, in words for the legend: how many points a ball holds, what is
// padding, what that means.
std::string padding_note(const PaddingCount& count, bool pooled);

}  // namespace erwin::ui
