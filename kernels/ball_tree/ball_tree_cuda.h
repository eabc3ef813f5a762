#pragma once
// The ball trees of a batch of unequal clouds, built on the device: the same slots as build_ball_tree_cpu gives for
// each cloud, bit for bit, and the same node data. Present only in builds with CUDA (ERWINSCOPE_CUDA).
//
// All pointers are device memory, `stream` is a cudaStream_t. Every function returns after its launches, without
// waiting and without allocating, so it can be captured into a graph; the value is a cudaError_t (0: fine).

#include <cstddef>
#include <cstdint>

#include "kernels/ball_tree/batch_plan.h"

namespace erwin::kernels {

// Point ids count through the batch, as slots do. The outputs are those of BallTreeParams, batch-wide.
struct BallTreeCudaParams {
  const double* positions = nullptr;  // [points, dimension], finite
  int dimension = 3;                  // 1 to 3
  // Every coordinate is a float32 widened: half of the sorting is then left out.
  bool float32_values = false;
  const std::int32_t* table = nullptr;   // plan.table
  std::int32_t* slot_point = nullptr;    // [slots] out
  std::uint8_t* slot_mask = nullptr;     // [slots] out
  std::int32_t* point_slot = nullptr;    // [points] out
  std::int32_t* lexical_rank = nullptr;  // [points] out, or null: places in the order (cloud, x, y, z, id)
  void* workspace = nullptr;             // of ball_tree_workspace bytes, aligned to 256
};

// Bytes of workspace, which may be used for anything else afterwards.
int ball_tree_workspace(const BallTreePlan& plan, int dimension, std::size_t* bytes);

int ball_tree_cuda(const BallTreePlan& plan, const BallTreeCudaParams& params, void* stream);

// y = x R in float64 without fused multiply-add (method 8.1). matrix: R row by row, [dimension, dimension], as the host
// computes it; dimension 2 or 3.
struct RotatePointsParams {
  const double* positions = nullptr;  // [points, dimension]
  double* rotated = nullptr;          // [points, dimension] out; may be `positions`
  std::int64_t points = 0;
  int dimension = 3;
  double matrix[9] = {};
};
int rotate_points_cuda(const RotatePointsParams& params, void* stream);

// Node data of all levels, numbered by a BallNodesPlan. Empty nodes get zeros.
struct BallNodesCudaParams {
  const double* positions = nullptr;             // [points, dimension]
  int dimension = 3;                             // 1 to 3
  const std::int32_t* slot_point = nullptr;      // [slots]
  const std::uint8_t* slot_mask = nullptr;       // [slots]
  const BallNodesPlan::Cloud* clouds = nullptr;  // plan.clouds
  std::int32_t* point_count = nullptr;           // [nodes] out
  std::int8_t* split_axis = nullptr;             // [nodes] out: widest axis, -1 for fewer than two points
  double* centre = nullptr;                      // [nodes, 3] out: mean of the real points
  double* radius = nullptr;                      // [nodes] out: largest distance to the centre; null: not computed
  double* box_minimum = nullptr;                 // [nodes, 3] out
  double* box_maximum = nullptr;                 // [nodes, 3] out
};
int ball_nodes_cuda(const BallNodesPlan& plan, const BallNodesCudaParams& params, void* stream);

}  // namespace erwin::kernels
