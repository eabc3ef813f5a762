#pragma once
// Colours of the tree's balls. No VTK here.

#include <cstdint>
#include <vector>

#include "core/tree/slot_points.h"
#include "ui/scene/legend.h"
#include "ui/scene/point_colours.h"

namespace erwin::ui {

// Index into palette() for every node of a level, such that balls that touch differ wherever the palette allows it.
std::vector<int> ball_colours(const LevelNodes& level, const PointCloud& cloud, std::int64_t frame = 0);
// The same for the balls that the state shows; empty without a tree.
std::vector<int> shown_ball_colours(const SceneData& data, const SceneState& state);

// Gives the points the colours of the balls of the state's level, adds what the level is and how its slots are used to
// the notes. data.tree has levels.
void colour_by_balls(const SceneData& data, const SceneState& state, PointColours& result);

}  // namespace erwin::ui
