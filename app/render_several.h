#pragma once
// Several pictures in one of `erwinscope render`: four heads of the query, or another sample beside the shown one.

#include "app/render_picture.h"

namespace erwin::app {

// Does the state ask for heads or for another sample beside the picture?
bool is_several(const ui::SceneState& state);

// To options.out, with linked cameras and one range of colours: another sample's box is laid on the shown one's. The
// scene holds the first picture afterwards, and shown.state its camera. Raises Error{Config}: both were asked for,
// there is no attention, no such head or sample, no room.
void write_several(const RenderOptions& options, Shown& shown, ui::OffscreenScene& offscreen);

}  // namespace erwin::app
