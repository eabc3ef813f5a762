#pragma once
// Level of detail: an order of the points in which every prefix is a fair subsample of the cloud.

#include <cstdint>
#include <vector>

#include "core/tree/ball_tree.h"

namespace erwin {

// The points in bit-reversed slot order (method 8.1), padding left out: [n] point ids, each once. Draw the first m of
// them while the camera moves.
std::vector<std::int32_t> level_of_detail_order(const BallTree& tree);

}  // namespace erwin
