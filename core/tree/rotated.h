#pragma once
// Rotated trees. With masked padding that is build_ball_tree on rotated positions. With duplicate padding it is the
// authors' construction (method 1.4): the main tree's slots, copies included, are the points that are rotated and
// partitioned, and a pooled level's points are means of consecutive slots of the main tree.

#include <cstdint>
#include <span>
#include <vector>

#include "core/base/job.h"
#include "core/tree/ball_tree.h"

namespace erwin {

// The slots of a tree with duplicate padding as rotated points, in slot order: [slots, dimension]. positions: those the
// tree was built from. degrees as in rotate_positions.
std::vector<double> rotated_slots(const BallTree& main, std::span<const double> positions, double degrees);

// Means of `stride` consecutive rows, added from the first to the last: [rows / stride, dimension]. Raises
// Error{Config} where the rows do not divide.
std::vector<double> pool_slots(std::span<const double> rows, int dimension, int stride);

// The partition of such rows: a tree whose point ids are main-tree slots of that level and that has no padding. Where
// the authors stop at the ball size and leave the order inside a ball open, this goes on to single slots, so that it
// also holds every smaller block; the balls are theirs, ties apart. unit: slots of a unit at that level, at most the
// rows.
BallTree partition_slots(std::span<const double> rows, int dimension, int unit, const Job& job = {});

// All of it: the rotated tree of every level of a trunk with these strides (empty for a flat trunk: level 0 only).
// unit: the main tree's; level l has unit / prod(strides[:l]), at least 1.
std::vector<BallTree> rotated_slot_trees(const BallTree& main, std::span<const double> positions, double degrees,
                                         std::span<const int> strides, const Job& job = {});

}  // namespace erwin
