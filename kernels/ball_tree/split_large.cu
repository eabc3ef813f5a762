// One level of large nodes: every axis' order is cut into left and right points by a stable partition. A point goes to
// the right when it does not come before the node's middle point in the order of the split axis; as that order is
// total, the places in the sorted axes, known from the start, decide.

#include <cuda_runtime.h>

#include "kernels/ball_tree/split_cuda.h"
#include "kernels/common/reduce.cuh"

namespace erwin::kernels {

namespace {

constexpr int threads = 256;
constexpr int warps = threads / 32;
constexpr int tile_points = BallTreePlan::tile_points;
constexpr int tile_words = tile_points / 32;

// The axis across which the node is widest, the lowest on ties. All threads get it.
__device__ int widest(const SplitLargeParams& params, const BallTreePlan::LargeNode& node, double (&extents)[3]) {
  if (threadIdx.x < static_cast<unsigned>(params.dimension)) {
    const int a = static_cast<int>(threadIdx.x);
    const auto coordinate = [&](std::int32_t place) {
      return params.positions[std::int64_t{params.from[a][place]} * params.dimension + a];
    };
    extents[a] = coordinate(node.begin + node.count - 1) - coordinate(node.begin);
  }
  __syncthreads();
  int axis = 0;
  for (int a = 1; a < params.dimension; ++a)
    if (extents[a] > extents[axis]) axis = a;
  return axis;
}

// A block per tile and axis marks and counts the points that go to the right.
__global__ void __launch_bounds__(threads) mark_rights(SplitLargeParams params) {
  __shared__ double extents[3];
  __shared__ int rights;
  const std::int64_t tile_index = blockIdx.x;
  const BallTreePlan::Tile tile = params.tiles[tile_index];
  const BallTreePlan::LargeNode node = params.nodes[tile.node];
  const int a = static_cast<int>(blockIdx.y);
  if (threadIdx.x == 0) rights = 0;
  const int axis = widest(params, node, extents);
  const std::int32_t pivot = params.ranks[axis][params.from[axis][node.begin + node.half]];
  if (a == 0 && tile.first == 0 && threadIdx.x == 0) {
    params.splits[2 * std::int64_t{tile.node}] = axis;
    params.splits[2 * std::int64_t{tile.node} + 1] = pivot;
  }
  if (a == axis) return;  // cut as it stands
  const int warp = static_cast<int>(threadIdx.x) / 32, lane = static_cast<int>(threadIdx.x) % 32;
  std::uint32_t* const words = params.bits + (a * params.tile_count + tile_index) * tile_words;
  int own = 0;
  for (int word = warp; word < tile_words; word += warps) {
    const std::int32_t i = tile.first + 32 * word + lane;
    const bool right = i < node.count && params.ranks[axis][params.from[a][node.begin + i]] >= pivot;
    const std::uint32_t bits = __ballot_sync(all_lanes, right);
    if (lane == 0) words[word] = bits;
    own += __popc(bits);
  }
  if (lane == 0) atomicAdd(&rights, own);
  __syncthreads();
  if (threadIdx.x == 0) params.rights[a * params.tile_count + tile_index] = rights;
}

// The same blocks then move them.
__global__ void __launch_bounds__(threads) move_points(SplitLargeParams params) {
  __shared__ std::uint32_t words[tile_words];
  __shared__ std::int32_t before[tile_words];  // points to the right before each word, within the node
  __shared__ int base;
  const std::int64_t tile_index = blockIdx.x;
  const BallTreePlan::Tile tile = params.tiles[tile_index];
  const BallTreePlan::LargeNode node = params.nodes[tile.node];
  const int a = static_cast<int>(blockIdx.y);
  const std::int32_t* const from = params.from[a] + node.begin;
  std::int32_t* const to = params.to[a] + node.begin;
  const int warp = static_cast<int>(threadIdx.x) / 32, lane = static_cast<int>(threadIdx.x) % 32;
  if (a == params.splits[2 * std::int64_t{tile.node}]) {
    for (std::int32_t i = tile.first + static_cast<std::int32_t>(threadIdx.x);
         i < min(node.count, tile.first + tile_points); i += threads)
      to[i] = from[i];
    return;
  }
  if (threadIdx.x == 0) base = 0;
  __syncthreads();
  // The node's earlier tiles lie just before this one.
  const std::int32_t* const counts = params.rights + a * params.tile_count + tile_index;
  int own = 0;
  for (std::int32_t t = static_cast<std::int32_t>(threadIdx.x) + 1; t <= tile.first / tile_points; t += threads)
    own += counts[-t];
  if (own > 0) atomicAdd(&base, own);
  if (threadIdx.x < tile_words)
    words[threadIdx.x] = params.bits[(a * params.tile_count + tile_index) * tile_words + threadIdx.x];
  __syncthreads();
  if (warp == 0) {  // two words a lane
    static_assert(tile_words == 64);
    const int first = __popc(words[2 * lane]), both = first + __popc(words[2 * lane + 1]);
    int sum = both;
    for (int step = 1; step < 32; step *= 2) {
      const int other = __shfl_up_sync(all_lanes, sum, static_cast<unsigned>(step));
      if (lane >= step) sum += other;
    }
    before[2 * lane] = base + sum - both;
    before[2 * lane + 1] = base + sum - both + first;
  }
  __syncthreads();
  for (int word = warp; word < tile_words; word += warps) {
    const std::int32_t i = tile.first + 32 * word + lane;
    if (i >= node.count) break;
    const std::int32_t rights = before[word] + __popc(words[word] & ((1U << lane) - 1));
    to[words[word] >> lane & 1 ? node.half + rights : i - rights] = from[i];
  }
}

}  // namespace

int split_large_cuda(const SplitLargeParams& params, void* stream) {
  const dim3 blocks(static_cast<unsigned>(params.tile_count), static_cast<unsigned>(params.dimension));
  mark_rights<<<blocks, threads, 0, static_cast<cudaStream_t>(stream)>>>(params);
  if (const int error = cudaGetLastError(); error != cudaSuccess) return error;
  move_points<<<blocks, threads, 0, static_cast<cudaStream_t>(stream)>>>(params);
  return cudaGetLastError();
}

}  // namespace erwin::kernels
