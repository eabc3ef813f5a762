#include <cuda_runtime.h>

#include "kernels/ball_tree/axis_sort_cuda.h"
#include "kernels/ball_tree/ball_tree_cuda.h"
#include "kernels/ball_tree/batch_search.cuh"
#include "kernels/ball_tree/split_cuda.h"
#include "kernels/common/launch.cuh"

namespace erwin::kernels {

namespace {

constexpr int threads = 256;

unsigned blocks_for(std::int64_t count) {
  return static_cast<unsigned>(divide_up(count, threads));
}

struct Scratch {
  std::int32_t* orders[2][3] = {};
  std::int32_t* ranks[3] = {};
  std::uint32_t* bits;
  std::int32_t *rights, *splits;
  std::uint16_t* local_of;
  char* sorting;
  std::size_t bytes;
};

int cut(void* memory, const BallTreePlan& plan, int dimension, Scratch& scratch) {
  Workspace workspace(memory);
  for (auto& buffer : scratch.orders)
    for (int a = 0; a < dimension; ++a) buffer[a] = workspace.take<std::int32_t>(plan.points);
  for (int a = 0; a < dimension; ++a) scratch.ranks[a] = workspace.take<std::int32_t>(plan.points);
  const std::int64_t tiles = 3 * plan.most_tiles();
  scratch.bits = workspace.take<std::uint32_t>(tiles * BallTreePlan::tile_points / 32);
  scratch.rights = workspace.take<std::int32_t>(tiles);
  scratch.splits = workspace.take<std::int32_t>(2 * plan.large_nodes);
  scratch.local_of = workspace.take<std::uint16_t>(plan.points);
  std::size_t sorting = 0;
  const int error = axis_sort_workspace(plan.points, &sorting);
  scratch.sorting = workspace.take<char>(static_cast<std::int64_t>(sorting));
  scratch.bytes = workspace.size();
  return error;
}

// Padding holds the point of the even slot of its pair; in an empty pair that of the cloud's first occupied slot.
__global__ void fill_padding(std::int32_t* slot_point, const std::uint8_t* slot_mask, std::int64_t slots,
                             const std::int32_t* slot_begin, const std::int32_t* first_slot, std::int32_t clouds) {
  const std::int64_t slot = std::int64_t{blockIdx.x} * threads + threadIdx.x;
  if (slot >= slots || slot_mask[slot]) return;
  const std::int32_t cloud = cloud_of(slot_begin, clouds, static_cast<std::int32_t>(slot));
  const bool odd = (slot - slot_begin[cloud]) % 2 == 1;
  slot_point[slot] = slot_point[odd && slot_mask[slot - 1] ? slot - 1 : first_slot[cloud]];
}

__global__ void rotate_points(RotatePointsParams params) {
  const std::int64_t i = std::int64_t{blockIdx.x} * threads + threadIdx.x;
  if (i >= params.points) return;
  const int d = params.dimension;
  double x[3] = {0, 0, 0};
  for (int a = 0; a < d; ++a) x[a] = params.positions[i * d + a];
  for (int k = 0; k < d; ++k) {
    double y = __dadd_rn(__dmul_rn(x[0], params.matrix[k]), __dmul_rn(x[1], params.matrix[d + k]));
    if (d == 3) y = __dadd_rn(y, __dmul_rn(x[2], params.matrix[2 * d + k]));
    params.rotated[i * d + k] = y;
  }
}

}  // namespace

int ball_tree_workspace(const BallTreePlan& plan, int dimension, std::size_t* bytes) {
  Scratch scratch{};
  const int error = cut(nullptr, plan, dimension, scratch);
  *bytes = scratch.bytes;
  return error;
}

int ball_tree_cuda(const BallTreePlan& plan, const BallTreeCudaParams& params, void* stream) {
  const auto cuda_stream = static_cast<cudaStream_t>(stream);
  Scratch scratch{};
  if (const int error = cut(params.workspace, plan, params.dimension, scratch)) return error;
  if (params.lexical_rank) scratch.ranks[0] = params.lexical_rank;

  AxisSortParams sort;
  sort.positions = params.positions;
  sort.points = plan.points;
  sort.dimension = params.dimension;
  sort.float32_values = params.float32_values;
  sort.point_begin = params.table + plan.point_begin_at();
  sort.clouds = plan.clouds;
  sort.workspace = scratch.sorting;
  SplitLargeParams split;
  split.positions = params.positions;
  split.dimension = params.dimension;
  split.nodes = reinterpret_cast<const BallTreePlan::LargeNode*>(params.table + plan.large_nodes_at());
  split.bits = scratch.bits;
  split.rights = scratch.rights;
  split.splits = scratch.splits;
  FinishSmallParams finish;
  finish.positions = params.positions;
  finish.dimension = params.dimension;
  finish.nodes = reinterpret_cast<const BallTreePlan::SmallNode*>(params.table + plan.small_nodes_at());
  finish.node_count = plan.small_nodes;
  finish.local_of = scratch.local_of;
  finish.slot_point = params.slot_point;
  finish.slot_mask = params.slot_mask;
  finish.point_slot = params.point_slot;
  for (int a = 0; a < params.dimension; ++a) {
    sort.orders[a] = scratch.orders[0][a];
    sort.ranks[a] = scratch.ranks[a];
    split.ranks[a] = scratch.ranks[a];
    for (int buffer = 0; buffer < 2; ++buffer) finish.orders[buffer][a] = scratch.orders[buffer][a];
  }

  if (const int error = axis_sort_cuda(sort, stream)) return error;
  for (std::size_t depth = 0; depth < plan.levels.size(); ++depth) {
    for (int a = 0; a < params.dimension; ++a) {
      split.from[a] = scratch.orders[depth % 2][a];
      split.to[a] = scratch.orders[1 - depth % 2][a];
    }
    split.tiles =
        reinterpret_cast<const BallTreePlan::Tile*>(params.table + plan.tiles_at()) + plan.levels[depth].first_tile;
    split.tile_count = plan.levels[depth].tiles;
    if (const int error = split_large_cuda(split, stream)) return error;
  }
  if (const int error = cudaMemsetAsync(params.slot_mask, 0, static_cast<std::size_t>(plan.slots), cuda_stream))
    return error;
  if (const int error = finish_small_cuda(finish, stream)) return error;
  fill_padding<<<blocks_for(plan.slots), threads, 0, cuda_stream>>>(
      params.slot_point, params.slot_mask, plan.slots, params.table + plan.slot_begin_at(),
      params.table + plan.first_slot_at(), static_cast<std::int32_t>(plan.clouds));
  return cudaGetLastError();
}

int rotate_points_cuda(const RotatePointsParams& params, void* stream) {
  if (params.points == 0) return cudaSuccess;
  rotate_points<<<blocks_for(params.points), threads, 0, static_cast<cudaStream_t>(stream)>>>(params);
  return cudaGetLastError();
}

}  // namespace erwin::kernels
