#pragma once
// Every axis sorted once, in a total order: what the tree's splits then keep by stable partition.

#include <cstdint>
#include <vector>

#include "kernels/ball_tree/ball_tree.h"

namespace erwin::kernels {

// orders[a]: ids 0..points-1 by (coordinate a, the other axes cyclically, id). False when stopped.
bool sort_axes(const double* positions, std::int64_t points, int dimension, const StopQuestion& stop,
               std::vector<std::int32_t> (&orders)[3]);

}  // namespace erwin::kernels
