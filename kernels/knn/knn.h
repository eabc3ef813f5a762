#pragma once
// Exact k nearest neighbours of every point of a batch of clouds, on the device, through their ball trees: the edges of
// build_knn_graph (core/tree/knn.h), in its order. Present only in builds with CUDA (ERWINSCOPE_CUDA), but for the
// plan.

#include <cstddef>
#include <cstdint>
#include <vector>

#include "kernels/ball_tree/batch_plan.h"

namespace erwin::kernels {

// Edges of a cloud. Every point has `others` neighbours, itself not among them, and before those itself with self
// loops.
struct KnnCloud {
  std::int64_t edge_begin;
  std::int32_t point_begin;
  std::int32_t others;
};

struct KnnPlan {
  static constexpr int most_others = 32;
  int others = 0;  // of the largest cloud
  bool self_loop = false;
  std::int64_t points = 0, edges = 0;
  std::vector<KnnCloud> clouds;  // to be copied to the device as it is
};

// k edges per point as in build_knn_graph: with self_loop the point itself and k - 1 others, else k others; fewer where
// a cloud has fewer points. points: of each cloud.
KnnPlan plan_knn(const std::vector<std::int64_t>& points, int k, bool self_loop);

// Neighbours are nearest first by (squared distance in float64, coordinates, id); points that coincide with the point
// come before all others.
struct KnnCudaParams {
  const double* positions = nullptr;  // [points, dimension], magnitudes below 1e150
  int dimension = 3;                  // 1 to 3
  // The trees of these very positions (ball_tree_cuda): shared unit or not, their slots are whole units of `nodes`.
  const std::int32_t* slot_point = nullptr;     // [slots]
  const std::uint8_t* slot_mask = nullptr;      // [slots]
  const std::int32_t* lexical_rank = nullptr;   // [points]
  const BallNodesPlan::Cloud* trees = nullptr;  // nodes.clouds
  const KnnCloud* clouds = nullptr;             // plan.clouds
  std::int64_t* source = nullptr;               // [edges] out, ids within the batch
  std::int64_t* receiver = nullptr;             // [edges] out, ascending
  void* workspace = nullptr;                    // of knn_workspace bytes, aligned to 256
};

std::size_t knn_workspace(const KnnPlan& plan, const BallNodesPlan& nodes);

// Pointers are device memory; `stream` is a cudaStream_t. Returns after its launches, without waiting or allocating;
// the value is a cudaError_t: cudaErrorInvalidValue for more than most_others neighbours.
int knn_cuda(const KnnPlan& plan, const BallNodesPlan& nodes, const KnnCudaParams& params, void* stream);

}  // namespace erwin::kernels
