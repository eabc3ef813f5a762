#pragma once
// A cloud that a command writes: one frame, with what was computed on it.

#include <cstdint>
#include <span>
#include <vector>

#include "core/data/point_cloud.h"

namespace erwin {

// The frame with these fields in the place of its own; cells, ids and source stay.
PointCloudPtr result_cloud(const PointCloud& cloud, std::int64_t frame, std::vector<Field> fields);
// With its points at these places, [n, 3] relative to the cloud's origin.
PointCloudPtr result_cloud(const PointCloud& cloud, std::span<const float> positions, std::vector<Field> fields);

}  // namespace erwin
