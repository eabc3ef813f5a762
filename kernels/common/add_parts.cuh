#pragma once
// Ordered sums of partial results: what kernels use instead of atomics.

#include <cstdint>

#include "kernels/common/numbers.cuh"

namespace erwin::kernels {

// out[i] = factor * sum over `parts` of partial[part * stride + i], in order.
template <typename T>
__global__ void __launch_bounds__(256)
    add_parts_kernel(const float* partial, int parts, std::int64_t stride, std::int64_t size, float factor, T* out) {
  const std::int64_t step = std::int64_t{gridDim.x} * blockDim.x;
  for (std::int64_t i = std::int64_t{blockIdx.x} * blockDim.x + threadIdx.x; i < size; i += step) {
    float sum = 0;
#pragma unroll 8
    for (int part = 0; part < parts; ++part) sum += partial[part * stride + i];
    out[i] = from_float<T>(factor * sum);
  }
}

}  // namespace erwin::kernels
