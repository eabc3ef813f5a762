#pragma once
// Several pictures in one PNG: the same camera, one range of colours, one legend at the right.

#include <vector>

#include "ui/scene/offscreen_scene.h"
#include "ui/scene/tiles.h"

namespace erwin::app {

// Gives every tile its part of `whole`, and those with the same field one range. Cameras are the caller's.
void lay_out(std::vector<ui::Tile>& tiles, const ui::SceneState& whole);

// Row by row; afterwards the scene holds the first tile, whose upper left corner is the picture's.
ui::Picture draw_tiles(ui::OffscreenScene& offscreen, const std::vector<ui::Tile>& tiles, const ui::SceneState& whole);

}  // namespace erwin::app
