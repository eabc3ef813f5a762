#pragma once
// Where a point is among the slots of a tree.

#include <cstdint>

#include "core/tree/slot_points.h"

namespace erwin {

// The first slot that holds the point, or -1 where none does. Looks at every entry.
std::int64_t slot_of_point(const SlotPoints& slots, std::int64_t point);

}  // namespace erwin
