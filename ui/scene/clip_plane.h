#pragma once
// The plane that cuts the picture open. No VTK here.

#include <vector>

#include "ui/scene/scene_state.h"

namespace erwin::ui {

// [n] 1: beyond the plane.
std::vector<char> clipped_points(const PointCloud& cloud, const ClipPlane& clip, std::int64_t frame);

// Through the camera's focus, facing it: cuts the nearer half away.
ClipPlane plane_of_view(const Camera& camera, const PointCloud& cloud);

}  // namespace erwin::ui
