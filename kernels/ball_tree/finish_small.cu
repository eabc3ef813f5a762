// A node of at most 1024 points, from sorted axes to single slots, by one thread block with one thread per place. All
// its descendants of one depth are split at once, and a node is known by the place where it begins.

#include <cuda_runtime.h>

#include "kernels/ball_tree/ball_tree.h"
#include "kernels/ball_tree/split_cuda.h"
#include "kernels/common/reduce.cuh"

namespace erwin::kernels {

namespace {

constexpr int threads = BallTreePlan::small_points;
constexpr int warps = threads / 32;

__host__ __device__ inline std::int32_t left_of(std::int32_t slots, std::int32_t unit) {
  return slots > unit ? slots / unit / 2 * unit : slots / 2;
}

struct Shared {
  double x[3][threads];             // by local point
  std::uint16_t order[3][threads];  // by place: local point
  std::uint8_t right[threads];      // by local point: goes to the right
  // By the place where a node begins.
  std::uint16_t count[threads];  // points; 0 when the node is done
  std::uint16_t half[threads];   // points of its left child
  std::uint8_t axis[threads];    // it splits across
  std::uint16_t base[threads];   // points of other nodes before it that go to the right
  std::int32_t slot[threads], slots[threads];
  std::int32_t before[3][warps];  // by axis: points that go to the right before the places of a warp
};

// What all steps need: the node and the block's memory.
struct Node {
  const FinishSmallParams& params;
  const BallTreePlan::SmallNode& node;
  Shared& shared;

  __device__ void put(std::int32_t slot, int local) const {
    const std::int32_t point = params.orders[node.buffer][0][node.begin + local];
    params.slot_point[slot] = point;
    params.slot_mask[slot] = 1;
    params.point_slot[point] = slot;
  }

  // A point alone in a node: it goes right while nodes have more than two slots, then to the even slot.
  __device__ void put_alone(int place) const {
    std::int32_t slot = shared.slot[place], slots = shared.slots[place];
    while (slots > 2) {
      const std::int32_t left = left_of(slots, node.unit);
      slot += left;
      slots -= left;
    }
    put(slot, shared.order[0][place]);
  }

  __device__ int widest(int place) const {
    int axis = 0;
    double best = 0;
    for (int a = 0; a < params.dimension; ++a) {
      const std::uint16_t* const order = shared.order[a] + place;
      const double width = shared.x[a][order[shared.count[place] - 1]] - shared.x[a][order[0]];
      if (a == 0 || width > best) best = width, axis = a;
    }
    return axis;
  }

  // Finishes the node that begins at a place, or decides its split; true for a split.
  __device__ bool decide(int place) const {
    if (shared.count[place] == 0) return false;
    if (shared.count[place] == 1) {
      put_alone(place);
      shared.count[place] = 0;
      return false;
    }
    const int axis = widest(place);
    const std::int32_t slot = shared.slot[place], slots = shared.slots[place];
    if (slots == 2) {
      put(slot, shared.order[axis][place]);
      put(slot + 1, shared.order[axis][place + 1]);
      shared.count[place] = 0;
      return false;
    }
    shared.axis[place] = static_cast<std::uint8_t>(axis);
    shared.half[place] =
        static_cast<std::uint16_t>(std::int64_t{shared.count[place]} * left_of(slots, node.unit) / slots);
    return true;
  }

  // The node that begins at a place gives way to its children; without points on the left only the right one is kept.
  __device__ void replace(int place, int half) const {
    const std::int32_t slot = shared.slot[place], slots = shared.slots[place], left = left_of(slots, node.unit);
    const int count = shared.count[place];
    shared.slot[place + half] = slot + left;
    shared.slots[place + half] = slots - left;
    shared.count[place + half] = static_cast<std::uint16_t>(count - half);
    if (half == 0) return;
    shared.slots[place] = left;
    shared.count[place] = static_cast<std::uint16_t>(half);
  }
};

__global__ void __launch_bounds__(threads) finish_small(FinishSmallParams params) {
  __shared__ Shared shared;
  const BallTreePlan::SmallNode small = params.nodes[blockIdx.x];
  const Node node{params, small, shared};
  const int place = static_cast<int>(threadIdx.x), warp = place / 32, lane = place % 32;
  const int d = params.dimension;
  const bool used = place < small.count;
  if (used) {
    const std::int32_t point = params.orders[small.buffer][0][small.begin + place];
    params.local_of[point] = static_cast<std::uint16_t>(place);
    for (int a = 0; a < d; ++a) shared.x[a][place] = params.positions[std::int64_t{point} * d + a];
  }
  if (place == 0) {
    shared.count[0] = static_cast<std::uint16_t>(small.count);
    shared.slot[0] = small.slot;
    shared.slots[0] = small.slots;
  }
  __syncthreads();
  if (used)
    for (int a = 0; a < d; ++a)
      shared.order[a][place] = params.local_of[params.orders[small.buffer][a][small.begin + place]];
  __syncthreads();

  int begin = 0;  // of the node that holds this place
  while (true) {
    const bool splits = used && begin == place && node.decide(place);
    if (!__syncthreads_or(splits)) return;
    const bool moves = used && shared.count[begin] > 0;
    const int half = moves ? shared.half[begin] : 0;
    if (moves) shared.right[shared.order[shared.axis[begin]][place]] = place - begin >= half;
    __syncthreads();

    int local[3];
    unsigned rights[3];  // a bit per place of the warp
    for (int a = 0; a < 3; ++a) {
      local[a] = moves && a < d ? shared.order[a][place] : 0;
      rights[a] = __ballot_sync(all_lanes, moves && a < d && shared.right[local[a]] != 0);
      if (lane == 0) shared.before[a][warp] = __popc(rights[a]);
    }
    __syncthreads();
    if (warp < 3) {
      static_assert(warps == 32);
      const int own = shared.before[warp][lane];
      int sum = own;
      for (int step = 1; step < 32; step *= 2) {
        const int other = __shfl_up_sync(all_lanes, sum, static_cast<unsigned>(step));
        if (lane >= step) sum += other;
      }
      shared.before[warp][lane] = sum - own;
    }
    __syncthreads();
    int rights_before[3];
    for (int a = 0; a < 3; ++a) rights_before[a] = shared.before[a][warp] + __popc(rights[a] & ((1U << lane) - 1));
    // Every axis' order has as many points that go to the right in the same nodes: one base serves all.
    if (moves && begin == place) shared.base[place] = static_cast<std::uint16_t>(rights_before[0]);
    __syncthreads();
    if (moves) {
      for (int a = 0; a < d; ++a) {
        const int own = rights_before[a] - shared.base[begin];
        const int to = rights[a] >> lane & 1 ? begin + half + own : place - own;
        shared.order[a][to] = static_cast<std::uint16_t>(local[a]);
      }
      if (begin == place) node.replace(place, half);
      if (place - begin >= half) begin += half;
    }
    __syncthreads();
  }
}

}  // namespace

int finish_small_cuda(const FinishSmallParams& params, void* stream) {
  finish_small<<<static_cast<unsigned>(params.node_count), threads, 0, static_cast<cudaStream_t>(stream)>>>(params);
  return cudaGetLastError();
}

}  // namespace erwin::kernels
