#pragma once
// The strip in the viewport: which layer, head and branch is asked, which level of the tree is coloured.

#include "ui/scene/scene_state.h"

namespace erwin::ui {

// Inside an ImGui frame. Changes the state's query, level and dim; true where anything changed.
bool draw_strip(const SceneData& data, SceneState& state);

}  // namespace erwin::ui
