#pragma once
// Tiles of the float32 kernels, which use the multiply-add units: a row (or key) belongs to D / 16 neighbouring lanes,
// each with 16 columns (8 for D = 8) in registers; what it meets goes by in shared memory.

#include "kernels/common/reduce.cuh"
#include "kernels/compressed_attention/problem.cuh"

namespace erwin::kernels {

template <int D>
struct FloatTile {
  static constexpr int columns = D < 16 ? D : 16;  // of a lane
  static constexpr int lanes = D / columns;        // of a row
  static constexpr int threads = 128, rows = threads / lanes;
};

template <int Columns>
__device__ float dot(const float (&a)[Columns], const float* b) {
  float values[Columns];
  load_floats<Columns>(b, values);
  float even = 0, odd = 0;
#pragma unroll
  for (int i = 0; i < Columns; i += 2) {
    even = fmaf(a[i], values[i], even);
    odd = fmaf(a[i + 1], values[i + 1], odd);
  }
  return even + odd;
}

template <int Columns>
__device__ void add_scaled(float (&sum)[Columns], float factor, const float* b) {
  float values[Columns];
  load_floats<Columns>(b, values);
#pragma unroll
  for (int i = 0; i < Columns; ++i) sum[i] = fmaf(factor, values[i], sum[i]);
}

template <int Lanes>
__device__ float sum_of_row(float x) {
  if constexpr (Lanes > 1) return sum_over<Lanes>(x);
  return x;
}

// `count` rows of D values to shared memory; row(i) is where row i begins, or null: zeros.
template <int D, typename Row>
__device__ void copy_rows(float* tile, int count, const Row& row) {
  for (int i = static_cast<int>(threadIdx.x); i < count * (D / 4); i += static_cast<int>(blockDim.x)) {
    const float* const from = row(i / (D / 4));
    const float4 zero = make_float4(0, 0, 0, 0);
    reinterpret_cast<float4*>(tile)[i] = from ? reinterpret_cast<const float4*>(from)[i % (D / 4)] : zero;
  }
}

template <int D>
struct FloatKeyTile {
  float k[key_tile * D], v[key_tile * D];
  float bias[key_tile];  // 0, or -infinity where there is no key
};

// Runs body(tile) over the problem's keys.
template <int D, typename Body>
__device__ void for_each_key_tile(FloatKeyTile<D>& tile, const Problem& problem, const float* k, const float* v,
                                  const bool* real, const Body& body) {
  for (int first = 0; first < problem.blocks; first += key_tile) {
    const auto pointer = [&](const float* from, int i) {
      return problem.real_block(first + i, real) ? from + problem.key(first + i) * D : nullptr;
    };
    __syncthreads();
    copy_rows<D>(tile.k, key_tile, [&](int i) { return pointer(k, i); });
    copy_rows<D>(tile.v, key_tile, [&](int i) { return pointer(v, i); });
    for (int i = static_cast<int>(threadIdx.x); i < key_tile; i += static_cast<int>(blockDim.x))
      tile.bias[i] = problem.real_block(first + i, real) ? 0.0f : -infinity();
    __syncthreads();
    body(tile);
  }
}

}  // namespace erwin::kernels
