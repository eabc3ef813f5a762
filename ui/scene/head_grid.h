#pragma once
// Which heads' attention is shown side by side. No VTK here.

#include <string>
#include <vector>

#include "ui/scene/tiles.h"

namespace erwin::ui {

inline constexpr int heads_beside = 4;  // at most

// "off": none; "four": the group of four that holds the shown head, which is worked out later and is empty here; or one
// to four different heads with commas. Raises Error{Config}.
std::vector<int> heads_from(const std::string& text);

// The heads that a state shows side by side in a layer with so many heads, of the mean of all the first four; empty
// where one picture is shown. Raises nothing: heads that the layer lacks are left out.
std::vector<int> shown_heads(const SceneState& state, int layer_heads);

// A state with the colours of attention in this head.
SceneState state_of_head(const SceneState& state, int head);

// The pictures, one per head; titles name the head, and say where the rows are those of a what-if. What there is no
// room for is left out, and so are the missed blocks of other heads than the shown one.
std::vector<Tile> head_tiles(const SceneData& data, const SceneState& shown, const HeadRows& rows);

}  // namespace erwin::ui
