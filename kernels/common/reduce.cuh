#pragma once
// Sums and maxima over the lanes of a warp, always in the same order. Every lane gets the result; all lanes of the warp
// must take part.

#include <cuda_runtime.h>

namespace erwin::kernels {

constexpr unsigned all_lanes = 0xffffffffU;

// Over the 2^k lanes whose numbers agree but for the lowest k bits; Lanes = 2, 4, ... 32. Four: a quad, which holds one
// row of an accumulator of mma.cuh.
template <int Lanes>
__device__ inline float sum_over(float x) {
#pragma unroll
  for (int step = Lanes / 2; step > 0; step /= 2) x += __shfl_xor_sync(all_lanes, x, step);
  return x;
}
template <int Lanes>
__device__ inline float max_over(float x) {
#pragma unroll
  for (int step = Lanes / 2; step > 0; step /= 2) x = fmaxf(x, __shfl_xor_sync(all_lanes, x, step));
  return x;
}

// Over the lanes with the same number modulo Stride: the rows of an accumulator's column (Stride 4).
template <int Stride>
__device__ inline float sum_across(float x) {
#pragma unroll
  for (int step = Stride; step < 32; step *= 2) x += __shfl_xor_sync(all_lanes, x, step);
  return x;
}

}  // namespace erwin::kernels
