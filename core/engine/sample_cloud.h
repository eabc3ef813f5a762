#pragma once
// A small cloud that the program makes itself, so that there is something to look at before any file is opened.

#include <cstdint>

#include "core/data/point_cloud.h"

namespace erwin {

// Points spread evenly over a car-like body (rounded boxes for hull and cabin, four wheels); x along the car with the
// nose at -x, y across, z up; metres. Field "pressure" is a made-up smooth function of position and surface normal, for
// trying the program out: it is not the result of any flow simulation. The same seed gives the same cloud.
// Raises Error{Config} where points lies outside [64, 10'000'000].
PointCloudPtr make_sample_cloud(std::int64_t points = 4096, std::uint64_t seed = 1);

}  // namespace erwin
