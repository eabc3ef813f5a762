#pragma once
// Which points of a picture lie inside a shape that was drawn over it. No VTK here.

#include <array>
#include <cstdint>
#include <vector>

#include "ui/scene/scene_state.h"

namespace erwin::ui {

// Ascending. A point counts where its centre is inside (even-odd rule), behind others or not; points that the state
// leaves out of the picture do not. corners: pixels of a picture of this size, (0, 0) the top left corner; fewer than
// three hold nothing. world_to_clip: Scene's. Linear in points times corners, for those in the shape's box.
std::vector<std::int64_t> points_in_shape(const SceneData& data, const SceneState& state,
                                          const std::array<double, 16>& world_to_clip, double width, double height,
                                          const std::vector<std::array<double, 2>>& corners);

}  // namespace erwin::ui
