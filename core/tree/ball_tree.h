#pragma once
// The ball tree: an order of the points in which every ball of every level is a contiguous run of slots.
// A median-split k-d tree on the widest axis (Erwin, arXiv 2502.17019, section 3), with ties made total and sizes that
// need no power of two. One build serves the networks, the overlays, picking and level of detail.

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "core/base/job.h"

namespace erwin {

enum class Padding {
  Masked,    // K = ceil(n / unit) units; padding slots are keys for nobody
  Duplicate  // a power of two of slots; copies are real keys and queries (the authors' construction)
};

struct TreeOptions {
  int unit = 128;  // slots of a unit, a power of two
  Padding padding = Padding::Masked;
  bool nodes = true;  // compute TreeLevel data (centre, radius, box); the networks need none of it
};

// All nodes of one level, in slot order; together they cover every slot once. A node without points is all zeros.
struct TreeLevel {
  std::vector<std::int64_t> slot_begin;            // [nodes + 1]
  std::vector<std::int32_t> point_count;           // [nodes] real points
  std::vector<std::int8_t> split_axis;             // [nodes] axis the node splits on, -1 where no two points part
  std::vector<std::array<double, 3>> centre;       // [nodes] mean of the real points
  std::vector<double> radius;                      // [nodes] largest distance of a real point to the centre
  std::vector<std::array<double, 3>> box_minimum;  // [nodes] tight box of the real points
  std::vector<std::array<double, 3>> box_maximum;
  std::int64_t size() const { return static_cast<std::int64_t>(point_count.size()); }
};

struct BallTree {
  std::int64_t point_count = 0;
  std::int64_t slot_count = 0;
  std::int64_t unit_count = 0;  // K
  int unit = 0;                 // slots of a unit
  int dimension = 3;
  std::vector<std::int32_t> slot_point;  // [slots] point id; padding holds the id of the even slot (8.1)
  std::vector<std::uint8_t> slot_mask;   // [slots] 1: real
  std::vector<std::int32_t> point_slot;  // [n] the slot that really holds the point
  std::vector<TreeLevel> levels;         // level 0 is the root; empty without TreeOptions::nodes

  // Level whose nodes all have `slots` slots (a power of two, at most unit); the unit level is ceil(log2 K).
  int level_of(int slots) const;
};

using BallTreePtr = std::shared_ptr<const BallTree>;

// How many units and slots the tree of a number of points has. Raises Error{Config} (unit not a power of two; n <= unit
// / 2 with Duplicate), Error{Format} (no point), Error{Memory} (more slots than a tree can have).
struct TreeShape {
  std::int64_t units = 0, slots = 0;
  std::int64_t split_unit = 0;  // slots that halve all the way down: the unit, or with Duplicate all of them
};
TreeShape tree_shape(std::int64_t points, const TreeOptions& options);

// positions: [n, dimension] float64 (float32 widened exactly). Deterministic, a function of the set of points; uses all
// threads of the pool within one cloud. Raises Error{Config} (unit not a power of two; n <= unit / 2 with Duplicate),
// Error{Format} (non-finite coordinate, no point).
BallTree build_ball_tree(std::span<const double> positions, int dimension, const TreeOptions& options,
                         const Job& job = {});

// Fills tree.levels of a tree built without node data (or read from the cache). positions: those it was built from.
void compute_levels(BallTree& tree, std::span<const double> positions, const Job& job = {});

// R of 8.1, row by row: [dimension, dimension].
std::vector<double> rotation_matrix(int dimension, double degrees);

// y = x R of 8.1 in float64, in the stated order and without fused multiply-add: 3-D with R = Rz(a) Ry(a) Rx(a) from
// the right, 2-D in its plane. positions, result: [n, dimension].
std::vector<double> rotate_positions(std::span<const double> positions, int dimension, double degrees);

}  // namespace erwin
