#pragma once

#include "core/base/job.h"
#include "core/data/point_cloud.h"
#include "core/tree/ball_tree.h"

namespace erwin {

// The ball tree of a cloud as it lies in its file, units of 128 slots, with all node data: what picking and the colours
// of balls use where no network gives its own tree. Coordinates are relative to the cloud's origin.
BallTreePtr cloud_tree(const PointCloud& cloud, std::int64_t frame = 0, const Job& job = {});

}  // namespace erwin
