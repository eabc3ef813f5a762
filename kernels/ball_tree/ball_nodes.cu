// Node data from the leaves up, one launch per level; then all radii of all levels in one pass over the points. Sums
// are added in the order of the CPU's, products are not fused, largest distances are found with integer atomics: the
// same bits on every run and on the CPU.

#include <cuda_runtime.h>

#include "kernels/ball_tree/ball_tree_cuda.h"
#include "kernels/common/launch.cuh"
#include "kernels/common/reduce.cuh"

namespace erwin::kernels {

namespace {

constexpr int threads = 256;

unsigned blocks_for(std::int64_t count) {
  return static_cast<unsigned>(divide_up(count, threads));
}

__device__ std::int64_t thread_index() {
  return std::int64_t{blockIdx.x} * threads + threadIdx.x;
}

// What the kernels need of a BallNodesPlan.
struct Shape {
  std::int64_t slots;
  int unit_height, most_levels, clouds;
  explicit Shape(const BallNodesPlan& plan)
      : slots(plan.slots),
        unit_height(plan.unit_height),
        most_levels(plan.most_levels),
        clouds(static_cast<int>(plan.clouds.size())) {}
  __host__ __device__ std::int64_t height_at(int height) const { return 2 * slots - (2 * slots >> height); }
};

// The units of node i of a level above the units: [first, first + count), counted from the cloud's first.
struct Units {
  std::int32_t first, count;
};
__device__ Units units_of(const BallNodesPlan::Cloud& cloud, int level, std::int32_t i) {
  Units units{0, cloud.units};
  for (int bit = level - 1; bit >= 0; --bit) {
    const std::int32_t left = units.count / 2;
    units = i >> bit & 1 ? Units{units.first + left, units.count - left} : Units{units.first, left};
  }
  return units;
}

__global__ void fill_leaves(BallNodesCudaParams params, std::int64_t slots) {
  const std::int64_t i = thread_index();
  if (i >= slots) return;
  const bool real = params.slot_mask[i] != 0;
  params.point_count[i] = real;
  params.split_axis[i] = -1;
  for (int a = 0; a < 3; ++a) {
    const double x = real && a < params.dimension
                         ? params.positions[std::int64_t{params.slot_point[i]} * params.dimension + a]
                         : 0.0;
    params.centre[3 * i + a] = params.box_minimum[3 * i + a] = params.box_maximum[3 * i + a] = x;
  }
}

// Node `to` from its one or two children; `centre` holds sums until the end.
__device__ void merge(const BallNodesCudaParams& params, std::int64_t to, std::int64_t child, int children) {
  std::int32_t count = 0;
  double sum[3] = {0, 0, 0}, low[3] = {0, 0, 0}, high[3] = {0, 0, 0};
  for (std::int64_t c = child; c < child + children; ++c) {
    if (params.point_count[c] == 0) continue;
    for (int a = 0; a < 3; ++a) {
      const double child_low = params.box_minimum[3 * c + a], child_high = params.box_maximum[3 * c + a];
      sum[a] += params.centre[3 * c + a];
      low[a] = count && low[a] <= child_low ? low[a] : child_low;
      high[a] = count && high[a] >= child_high ? high[a] : child_high;
    }
    count += params.point_count[c];
  }
  int axis = 0;
  for (int a = 1; a < params.dimension; ++a)
    if (high[a] - low[a] > high[axis] - low[axis]) axis = a;
  params.point_count[to] = count;
  params.split_axis[to] = static_cast<std::int8_t>(children > 1 && count > 1 ? axis : -1);
  for (int a = 0; a < 3; ++a) {
    params.centre[3 * to + a] = sum[a];
    params.box_minimum[3 * to + a] = low[a];
    params.box_maximum[3 * to + a] = high[a];
  }
}

__global__ void merge_below_units(BallNodesCudaParams params, Shape shape, int height) {
  const std::int64_t i = thread_index();
  if (i < shape.slots >> height) merge(params, shape.height_at(height) + i, shape.height_at(height - 1) + 2 * i, 2);
}

// Nodes `above` levels above the units, in the clouds that have them.
__global__ void merge_above_units(BallNodesCudaParams params, Shape shape, int above) {
  const std::int64_t i = thread_index();
  for (int c = static_cast<int>(blockIdx.y); c < shape.clouds; c += static_cast<int>(gridDim.y)) {
    const BallNodesPlan::Cloud cloud = params.clouds[c];
    const int level = cloud.levels - above;
    if (level < 0 || i >= std::int64_t{1} << level) continue;
    const std::int64_t to = cloud.upper_at + (std::int64_t{1} << level) - 1 + i;
    if (above > 1) {
      merge(params, to, cloud.upper_at + (std::int64_t{2} << level) - 1 + 2 * i, 2);
    } else {
      const Units units = units_of(cloud, level, static_cast<std::int32_t>(i));
      merge(params, to, shape.height_at(shape.unit_height) + cloud.unit_begin + units.first, units.count);
    }
  }
}

__global__ void sums_to_means(BallNodesCudaParams params, std::int64_t nodes) {
  const std::int64_t i = thread_index();
  if (i >= nodes || params.point_count[i] == 0) return;
  for (int a = 0; a < 3; ++a) params.centre[3 * i + a] /= params.point_count[i];
}

// What a thread knows of its slot: a real point, or nothing.
struct Point {
  double x[3];
  bool real;
  // Squared distance to a node's centre; 0 without a point.
  __device__ double squared(const BallNodesCudaParams& params, std::int64_t node) const {
    if (!real) return 0;
    double d[3];
    for (int a = 0; a < 3; ++a) d[a] = x[a] - params.centre[3 * node + a];
    return __dadd_rn(__dadd_rn(__dmul_rn(d[0], d[0]), __dmul_rn(d[1], d[1])), __dmul_rn(d[2], d[2]));
  }
};

__device__ double largest_of(double value, int lanes) {
  for (int step = 1; step < lanes; step *= 2) value = fmax(value, __shfl_xor_sync(all_lanes, value, step));
  return value;
}

// Doubles that are not negative are in the order of their bits. The first look spares most of the atomics.
__device__ void raise(double* to, double value) {
  if (value > __ldcg(to))
    atomicMax(reinterpret_cast<unsigned long long*>(to), static_cast<unsigned long long>(__double_as_longlong(value)));
}

// Squared radii; final radii where a node lies within a warp. A thread per slot, whole warps.
__global__ void find_reaches(BallNodesCudaParams params, Shape shape) {
  const std::int64_t slot = thread_index();
  const int lane = static_cast<int>(threadIdx.x) % 32;
  const bool there = slot < shape.slots;
  Point point{{0, 0, 0}, there && params.slot_mask[slot] != 0};
  if (point.real)
    for (int a = 0; a < params.dimension; ++a)
      point.x[a] = params.positions[std::int64_t{params.slot_point[slot]} * params.dimension + a];
  for (int height = 1; height <= shape.unit_height; ++height) {
    const std::int64_t node = shape.height_at(height) + (slot >> height);
    const double own = there ? point.squared(params, node) : 0;
    const double largest = largest_of(own, height < 5 ? 1 << height : 32);
    if (height <= 5) {
      if (there && lane % (1 << height) == 0) params.radius[node] = params.point_count[node] > 1 ? sqrt(largest) : 0.0;
    } else if (there && lane == 0) {
      raise(params.radius + node, largest);
    }
  }
  // Above the units a warp may hold slots of several nodes and clouds.
  const auto unit = static_cast<std::int32_t>((there ? slot : shape.slots - 1) >> shape.unit_height);
  std::int32_t low = 0, high = shape.clouds;
  while (high - low > 1) {
    const std::int32_t middle = (low + high) / 2;
    (params.clouds[middle].unit_begin <= unit ? low : high) = middle;
  }
  const BallNodesPlan::Cloud cloud = params.clouds[low];
  Units units{0, cloud.units};
  std::int64_t i = 0;
  for (int level = 0; level < shape.most_levels; ++level) {
    const bool has = level < cloud.levels;
    const std::int64_t node = has ? cloud.upper_at + (std::int64_t{1} << level) - 1 + i : -1;
    const double own = there && has ? point.squared(params, node) : 0;
    int together = 0;
    __match_all_sync(all_lanes, node, &together);
    if (together) {
      const double largest = largest_of(own, 32);
      if (has && lane == 0) raise(params.radius + node, largest);
    } else if (has) {
      raise(params.radius + node, own);
    }
    const std::int32_t left = units.count / 2;
    const bool right = unit - cloud.unit_begin >= units.first + left;
    units = right ? Units{units.first + left, units.count - left} : Units{units.first, left};
    i = 2 * i + right;
  }
}

__global__ void roots_of_squares(BallNodesCudaParams params, std::int64_t first, std::int64_t nodes) {
  const std::int64_t i = first + thread_index();
  if (i < nodes) params.radius[i] = params.point_count[i] > 1 ? sqrt(params.radius[i]) : 0.0;
}

void find_radii(const BallNodesPlan& plan, const BallNodesCudaParams& params, cudaStream_t stream) {
  find_reaches<<<blocks_for(plan.slots), threads, 0, stream>>>(params, Shape(plan));
  // Nodes of up to 32 slots are finished.
  const std::int64_t first = plan.unit_height > 5 ? plan.height_at(6) : plan.upper_at();
  if (first < plan.nodes)
    roots_of_squares<<<blocks_for(plan.nodes - first), threads, 0, stream>>>(params, first, plan.nodes);
}

}  // namespace

int ball_nodes_cuda(const BallNodesPlan& plan, const BallNodesCudaParams& params, void* stream) {
  const auto cuda_stream = static_cast<cudaStream_t>(stream);
  const Shape shape(plan);
  if (params.radius)
    if (const int error =
            cudaMemsetAsync(params.radius, 0, static_cast<std::size_t>(plan.nodes) * sizeof(double), cuda_stream))
      return error;
  fill_leaves<<<blocks_for(plan.slots), threads, 0, cuda_stream>>>(params, plan.slots);
  for (int height = 1; height <= plan.unit_height; ++height)
    merge_below_units<<<blocks_for(plan.slots >> height), threads, 0, cuda_stream>>>(params, shape, height);
  constexpr int most_rows = 65535;
  for (int above = 1; above <= plan.most_levels; ++above) {
    const dim3 blocks(blocks_for(std::int64_t{1} << (plan.most_levels - above)),
                      static_cast<unsigned>(shape.clouds < most_rows ? shape.clouds : most_rows));
    merge_above_units<<<blocks, threads, 0, cuda_stream>>>(params, shape, above);
  }
  sums_to_means<<<blocks_for(plan.nodes), threads, 0, cuda_stream>>>(params, plan.nodes);
  if (params.radius) find_radii(plan, params, cuda_stream);
  return cudaGetLastError();
}

}  // namespace erwin::kernels
