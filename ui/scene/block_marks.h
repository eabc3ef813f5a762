#pragma once
// Blocks of the query's layer that are marked beside the selected ones: those that deserved to be selected and were
// not, and the one that a table points at. No VTK here.

#include <vector>

#include "ui/scene/legend.h"
#include "ui/scene/scene_state.h"
#include "ui/scene/tree_outlines.h"

namespace erwin::ui {

// Told from the colours of ranks by its hue with every colour vision, and by crossed boxes without any.
Rgb missed_colour(Theme theme);
// Where state.misses is on and the branch selects blocks.
bool shows_misses(const SceneData& data, const SceneState& state);
// Points of the marked block; empty where none is.
std::vector<std::int32_t> marked_block_points(const SceneData& data, const SceneState& state);

// A crossed box around every missed block, and a box around the marked one. grow: as add_outline.
void add_block_boxes(OutlineMesh& mesh, const SceneData& data, const SceneState& state, double grow);
void explain_block_marks(const SceneData& data, const SceneState& state, Legend& legend);

}  // namespace erwin::ui
