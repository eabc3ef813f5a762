#pragma once
// Tiles of the float32 attention kernels, which use the multiply-add units: a row (or key) belongs to D / 16
// neighbouring lanes, each with 16 columns (8 for D = 8) in registers; what it meets goes by in shared memory.

#include "kernels/common/attention.cuh"
#include "kernels/common/reduce.cuh"

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
template <int D, typename Keys, typename Body>
__device__ void for_each_key_tile(FloatKeyTile<D>& tile, const Keys& keys, const float* k, const float* v,
                                  const Body& body) {
  for (int first = 0; first < keys.count; first += key_tile) {
    const auto pointer = [&](const float* from, int i) {
      const std::int64_t place = keys.place(first + i);
      return place < 0 ? nullptr : from + place * D;
    };
    __syncthreads();
    copy_rows<D>(tile.k, key_tile, [&](int i) { return pointer(k, i); });
    copy_rows<D>(tile.v, key_tile, [&](int i) { return pointer(v, i); });
    for (int i = static_cast<int>(threadIdx.x); i < key_tile; i += static_cast<int>(blockDim.x))
      tile.bias[i] = keys.place(first + i) >= 0 ? 0.0f : -infinity();
    __syncthreads();
    body(tile);
  }
}

// ---- Forward. ----

template <int Columns>
struct FloatRow {
  float q[Columns], out[Columns];
  float highest = -infinity(), shift = 0, sum = 0;

  __device__ void raise(float logit, float scale) {
    if (!((logit - highest) * scale > slack)) return;
    const float next_shift = logit * scale, factor = exp2_fast(fmaf(highest, scale, -next_shift));
    highest = logit;
    shift = next_shift;
    sum *= factor;
#pragma unroll
    for (int i = 0; i < Columns; ++i) out[i] *= factor;
  }

  __device__ void add(float logit, const float* value, float scale) {
    const float weight = exp2_fast(fmaf(logit, scale, -shift));
    sum += weight;
    add_scaled(out, weight, value);
  }
};

// All keys of a tile.
template <int D>
__device__ void attend(FloatRow<FloatTile<D>::columns>& state, const FloatKeyTile<D>& tile, int column, float scale) {
  constexpr int together = 4;
#pragma unroll 1
  for (int first = 0; first < key_tile; first += together) {
    float logits[together];
#pragma unroll
    for (int j = 0; j < together; ++j)
      logits[j] =
          sum_of_row<FloatTile<D>::lanes>(dot(state.q, tile.k + (first + j) * D + column)) + tile.bias[first + j];
    state.raise(fmaxf(fmaxf(logits[0], logits[1]), fmaxf(logits[2], logits[3])), scale);
#pragma unroll
    for (int j = 0; j < together; ++j) state.add(logits[j], tile.v + (first + j) * D + column, scale);
  }
}

// out and lse of a row; zeros and -infinity where it is masked or has no key.
template <int D, typename Rows>
__device__ void store_row(FloatRow<FloatTile<D>::columns>& state, const Rows& rows, const bool* mask, int row,
                          int column, float* out, float* lse) {
  constexpr int C = FloatTile<D>::columns;
  if (row >= rows.rows) return;
  const bool real = mask[rows.slot(row)];
  const std::int64_t entry = rows.entry(row);
  const float inverse = state.sum != 0 ? 1.0f / state.sum : 0.0f;
#pragma unroll
  for (int i = 0; i < C; ++i) state.out[i] = real ? state.out[i] * inverse : 0.0f;
  store_floats<C>(out + entry * D + column, state.out);
  if (column == 0) lse[entry] = real ? state.shift * ln_2 + logf(state.sum) : -infinity();
}

// ---- Backward. ----

// dQ of a row += dS K for all keys of a tile.
template <int D>
__device__ void add_row_gradients(float (&sum)[FloatTile<D>::columns], const float (&q)[FloatTile<D>::columns],
                                  const float (&grad)[FloatTile<D>::columns], const RowStatistics& statistics,
                                  const FloatKeyTile<D>& tile, int column, float scale) {
#pragma unroll 2
  for (int j = 0; j < key_tile; ++j) {
    const float logit = sum_of_row<FloatTile<D>::lanes>(dot(q, tile.k + j * D + column)) + tile.bias[j];
    const float slope = sum_of_row<FloatTile<D>::lanes>(dot(grad, tile.v + j * D + column));
    const float weight = exp2_fast(fmaf(logit, scale, -statistics.shift));
    add_scaled(sum, weight * (slope - statistics.delta), tile.k + j * D + column);
  }
}

template <int D, typename Rows>
__device__ void store_row_gradient(float (&sum)[FloatTile<D>::columns], const Rows& rows, const bool* mask, int row,
                                   int column, float factor, float* grad_q) {
  constexpr int C = FloatTile<D>::columns;
  if (row >= rows.rows) return;
  const bool real = mask[rows.slot(row)];
#pragma unroll
  for (int i = 0; i < C; ++i) sum[i] = real ? sum[i] * factor : 0.0f;
  store_floats<C>(grad_q + rows.entry(row) * D + column, sum);
}

// Rows on their way to the keys' gradients.
template <int D, int Count>
struct FloatRowTile {
  float q[Count * D], grad[Count * D];
  RowStatistics statistics[Count];
};

// The gradients of a key and its value (its columns from `column`) += what row i of the tile gives them.
template <int D, int Count>
__device__ void add_row(float (&sum_k)[FloatTile<D>::columns], float (&sum_v)[FloatTile<D>::columns],
                        const float (&k)[FloatTile<D>::columns], const float (&v)[FloatTile<D>::columns],
                        const FloatRowTile<D, Count>& tile, int i, int column, float scale) {
  const float *const q = tile.q + i * D + column, *const grad = tile.grad + i * D + column;
  const float logit = sum_of_row<FloatTile<D>::lanes>(dot(k, q));
  const float slope = sum_of_row<FloatTile<D>::lanes>(dot(v, grad));
  const float weight = exp2_fast(fmaf(logit, scale, -tile.statistics[i].shift));
  add_scaled(sum_v, weight, grad);
  add_scaled(sum_k, weight * (slope - tile.statistics[i].delta), q);
}

}  // namespace erwin::kernels
