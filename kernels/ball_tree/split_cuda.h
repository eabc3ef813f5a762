#pragma once
// The two halves of building a batch of trees on the device from sorted axes: large nodes level by level, then every
// small node by one thread block.

#include <cstdint>

#include "kernels/ball_tree/batch_plan.h"

namespace erwin::kernels {

struct SplitLargeParams {
  const double* positions = nullptr;  // [points, dimension]
  int dimension = 3;
  const BallTreePlan::LargeNode* nodes = nullptr;  // of all levels
  const BallTreePlan::Tile* tiles = nullptr;       // of this level
  std::int64_t tile_count = 0;                     // of this level
  const std::int32_t* from[3] = {};                // [points] by axis: this level's orders
  std::int32_t* to[3] = {};                        // [points] by axis: out, the next level's
  const std::int32_t* ranks[3] = {};               // [points] place of each id in the whole batch's order
  // Scratch: for each axis and tile a bit per point (1: to the right) and their sum; the split of each large node.
  std::uint32_t* bits = nullptr;   // [3, tile_count, tile_points / 32]
  std::int32_t* rights = nullptr;  // [3, tile_count]
  std::int32_t* splits = nullptr;  // [large nodes, 2] axis, rank of the first point on the right
};

int split_large_cuda(const SplitLargeParams& params, void* stream);

struct FinishSmallParams {
  const double* positions = nullptr;  // [points, dimension]
  int dimension = 3;
  const BallTreePlan::SmallNode* nodes = nullptr;
  std::int64_t node_count = 0;
  const std::int32_t* orders[2][3] = {};  // [points] by buffer and axis
  std::uint16_t* local_of = nullptr;      // [points] scratch
  std::int32_t* slot_point = nullptr;     // [slots] out, real slots only
  std::uint8_t* slot_mask = nullptr;      // [slots] out, real slots only
  std::int32_t* point_slot = nullptr;     // [points] out
};

int finish_small_cuda(const FinishSmallParams& params, void* stream);

}  // namespace erwin::kernels
