#pragma once
// Partial sums of many thread blocks added up in a fixed order, for several results in one launch: gradients of weights
// without atomics.

#include "kernels/common/launch.cuh"
#include "kernels/common/numbers.cuh"

namespace erwin::kernels {

// out[i] = factor * sum over part < parts of partial[part * stride + i], for i < size.
template <typename T>
struct OrderedSum {
  const float* partial = nullptr;
  std::int64_t parts = 0, stride = 0, size = 0;
  T* out = nullptr;  // null: left out
  float factor = 1;
};

template <typename T, int Count>
struct OrderedSums {
  OrderedSum<T> all[Count];
};

constexpr int sum_columns = 32, sum_lanes = 8;
constexpr int sum_together = 8;  // loads of a thread that are under way at once

// Thread blocks: (32 values of the result, which result). Eight threads share a value: part p is thread p % 8's.
template <typename T, int Count>
__global__ void __launch_bounds__(sum_columns* sum_lanes) ordered_sums_kernel(OrderedSums<T, Count> sums) {
  __shared__ float shared[sum_lanes][sum_columns];
  const OrderedSum<T> sum = sums.all[blockIdx.y];
  const int column = static_cast<int>(threadIdx.x) % sum_columns, lane = static_cast<int>(threadIdx.x) / sum_columns;
  const std::int64_t i = std::int64_t{blockIdx.x} * sum_columns + column;
  const bool inside = sum.out && i < sum.size;
  float total = 0;
  if (inside) {
    for (std::int64_t first = lane; first < sum.parts; first += sum_together * sum_lanes) {
      float values[sum_together];
#pragma unroll
      for (int n = 0; n < sum_together; ++n) {
        const std::int64_t part = first + n * sum_lanes;
        values[n] = part < sum.parts ? sum.partial[part * sum.stride + i] : 0.0f;
      }
#pragma unroll
      for (const float value : values) total += value;
    }
  }
  shared[lane][column] = total;
  __syncthreads();
  if (!inside || lane != 0) return;
  total = 0;
#pragma unroll
  for (int other = 0; other < sum_lanes; ++other) total += shared[other][column];
  sum.out[i] = from_float<T>(sum.factor * total);
}

template <typename T, int Count>
int launch_ordered_sums(const OrderedSums<T, Count>& sums, cudaStream_t stream) {
  std::int64_t most = 0;
  for (const OrderedSum<T>& sum : sums.all) most = sum.size > most ? sum.size : most;
  if (most == 0) return cudaSuccess;
  const dim3 grid(static_cast<unsigned>(divide_up(most, sum_columns)), Count);
  ordered_sums_kernel<T, Count><<<grid, sum_columns * sum_lanes, 0, stream>>>(sums);
  return cudaGetLastError();
}

}  // namespace erwin::kernels
