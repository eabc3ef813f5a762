#pragma once
// Pictures that are compared by eye, side by side in the window or in one file. No VTK here.

#include <span>

#include "ui/scene/scene_state.h"

namespace erwin::ui {

struct Tile {
  SceneData data;
  SceneState state;
};

// Gives all of them the ends of the colours that shared_range finds for them, where there are such.
void share_range(std::span<Tile> tiles);

}  // namespace erwin::ui
