#pragma once
// What a what-if changes in space: where moved points are now, and how many are hidden. No VTK here.

#include <string>
#include <vector>

#include "ui/scene/legend.h"
#include "ui/scene/scene_state.h"
#include "ui/scene/tree_outlines.h"

namespace erwin::ui {

Rgb moved_colour(Theme theme);
// A box around where the points of each movement are now, and a line to it from the middle of where they were. grow: as
// add_outline.
void add_moved_boxes(OutlineMesh& mesh, const SceneData& data, const SceneState& state, double grow);
// ", what-if: 2 changes"; empty where nothing is changed.
std::string changes_in_title(const SceneData& data);
// Swatch and sentence that explain them, and how many points are hidden.
void explain_what_if(const SceneData& data, const SceneState& state, Legend& legend);

}  // namespace erwin::ui
