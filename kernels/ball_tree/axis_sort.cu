// Stable radix sorts chained so that each leaves the ties of the next in order: by x, z, y, x, z with three axes. The
// last three are the complete orders (y, z, x, id), (x, y, z, id) and (z, x, y, id).

#include <cuda_runtime.h>

#include <cub/device/device_radix_sort.cuh>

#include "kernels/ball_tree/axis_sort_cuda.h"
#include "kernels/ball_tree/batch_search.cuh"
#include "kernels/common/launch.cuh"

namespace erwin::kernels {

namespace {

constexpr int threads = 256;

unsigned blocks_for(std::int64_t count) {
  return static_cast<unsigned>(divide_up(count, threads));
}

int bits_of(std::int64_t value) {
  int bits = 0;
  while (value >> bits) ++bits;
  return bits;
}

using Key = std::uint64_t;

// Unsigned integers in the order of the numbers; both zeros are one.
__device__ Key key_of(double x) {
  const Key bits = static_cast<Key>(__double_as_longlong(x == 0 ? 0.0 : x));
  return bits >> 63 ? ~bits : bits | Key{1} << 63;
}
__device__ Key key_of(float x) {
  const std::uint32_t bits = __float_as_uint(x == 0 ? 0.0F : x);
  return bits >> 31 ? ~bits : bits | 1U << 31;
}

enum class KeyKind { Float32, CloudAndFloat32, Float64, Cloud };

// ids: the order so far, or null before the first sort, which then starts from 0, 1, 2, ...
__global__ void make_keys(AxisSortParams params, KeyKind kind, int axis, Key* keys, std::int32_t* ids, bool first) {
  const std::int64_t i = std::int64_t{blockIdx.x} * threads + threadIdx.x;
  if (i >= params.points) return;
  const std::int32_t id = first ? static_cast<std::int32_t>(i) : ids[i];
  if (first) ids[i] = id;
  Key key = 0;
  if (kind != KeyKind::Cloud) {
    const double x = params.positions[std::int64_t{id} * params.dimension + axis];
    key = kind == KeyKind::Float64 ? key_of(x) : key_of(static_cast<float>(x));
  }
  if (kind == KeyKind::Cloud || kind == KeyKind::CloudAndFloat32) {
    const Key cloud = cloud_of(params.point_begin, static_cast<std::int32_t>(params.clouds), id);
    key |= kind == KeyKind::Cloud ? cloud : cloud << 32;
  }
  keys[i] = key;
}

__global__ void keep_order(const std::int32_t* ids, std::int64_t points, std::int32_t* order, std::int32_t* rank) {
  const std::int64_t i = std::int64_t{blockIdx.x} * threads + threadIdx.x;
  if (i >= points) return;
  order[i] = ids[i];
  rank[ids[i]] = static_cast<std::int32_t>(i);
}

struct Buffers {
  Key* keys[2];
  std::int32_t* ids[2];
  char* temporary;
  std::size_t temporary_bytes, bytes;
};

int cut(void* memory, std::int64_t points, Buffers& buffers) {
  Workspace workspace(memory);
  for (auto& keys : buffers.keys) keys = workspace.take<Key>(points);
  for (auto& ids : buffers.ids) ids = workspace.take<std::int32_t>(points);
  cub::DoubleBuffer<Key> keys(buffers.keys[0], buffers.keys[1]);
  cub::DoubleBuffer<std::int32_t> ids(buffers.ids[0], buffers.ids[1]);
  buffers.temporary_bytes = 0;
  const int error =
      cub::DeviceRadixSort::SortPairs(nullptr, buffers.temporary_bytes, keys, ids, static_cast<int>(points), 0, 64);
  buffers.temporary = workspace.take<char>(static_cast<std::int64_t>(buffers.temporary_bytes));
  buffers.bytes = workspace.size();
  return error;
}

class Sorter {
public:
  Sorter(const AxisSortParams& params, cudaStream_t stream) : params_(params), stream_(stream) {
    error_ = cut(params.workspace, params.points, buffers_);
    keys_ = {buffers_.keys[0], buffers_.keys[1]};
    ids_ = {buffers_.ids[0], buffers_.ids[1]};
  }

  // Stable, by one coordinate, or by the cloud and one coordinate.
  void sort(int axis, bool by_cloud) {
    const int cloud_bits = by_cloud ? bits_of(params_.clouds - 1) : 0;
    if (params_.float32_values)
      return pass(cloud_bits ? KeyKind::CloudAndFloat32 : KeyKind::Float32, axis, 32 + cloud_bits);
    pass(KeyKind::Float64, axis, 64);
    if (cloud_bits) pass(KeyKind::Cloud, axis, cloud_bits);
  }

  void keep(int axis) {
    if (error_ != cudaSuccess) return;
    keep_order<<<blocks_for(params_.points), threads, 0, stream_>>>(ids_.Current(), params_.points,
                                                                    params_.orders[axis], params_.ranks[axis]);
    error_ = cudaGetLastError();
  }

  int error() const { return error_; }

private:
  void pass(KeyKind kind, int axis, int bits) {
    if (error_ != cudaSuccess) return;
    make_keys<<<blocks_for(params_.points), threads, 0, stream_>>>(params_, kind, axis, keys_.Current(), ids_.Current(),
                                                                   first_);
    first_ = false;
    error_ = cudaGetLastError();
    if (error_ != cudaSuccess) return;
    error_ = cub::DeviceRadixSort::SortPairs(buffers_.temporary, buffers_.temporary_bytes, keys_, ids_,
                                             static_cast<int>(params_.points), 0, bits, stream_);
  }

  AxisSortParams params_;
  cudaStream_t stream_;
  Buffers buffers_{};
  cub::DoubleBuffer<Key> keys_;
  cub::DoubleBuffer<std::int32_t> ids_;
  bool first_ = true;
  int error_ = cudaSuccess;
};

}  // namespace

int axis_sort_workspace(std::int64_t points, std::size_t* bytes) {
  Buffers buffers{};
  const int error = cut(nullptr, points, buffers);
  *bytes = buffers.bytes;
  return error;
}

int axis_sort_cuda(const AxisSortParams& params, void* stream) {
  Sorter sorter(params, static_cast<cudaStream_t>(stream));
  const int d = params.dimension;
  for (int step = 0; step < 2 * d - 1; ++step) {
    const int axis = (2 * d - step) % d;  // 0, d - 1, ..., 1, 0, d - 1, ..., 1 less the last
    const bool complete = step >= d - 1;
    sorter.sort(axis, complete);
    if (complete) sorter.keep(axis);
  }
  return sorter.error();
}

}  // namespace erwin::kernels
