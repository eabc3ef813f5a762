#pragma once
// Several pictures in one PNG: the same camera, one range of colours, one legend at the right.

#include <vector>

#include "ui/scene/offscreen_scene.h"

namespace erwin::app {

struct Tile {
  ui::SceneData data;
  ui::SceneState state;
};

// Gives every tile its part of `whole`, and those with the same field one range. Cameras are the caller's.
void lay_out(std::vector<Tile>& tiles, const ui::SceneState& whole);

// Row by row; afterwards the scene holds the first tile, whose upper left corner is the picture's.
ui::Picture draw_tiles(ui::OffscreenScene& offscreen, const std::vector<Tile>& tiles, const ui::SceneState& whole);

// The query's attention in the heads of state.heads, of the network as it is, without changes. Error{Config} without a
// query, or for a head that is not there.
std::vector<Tile> head_tiles(const ui::SceneData& data, const ui::SceneState& state, const Tap& tap);

}  // namespace erwin::app
