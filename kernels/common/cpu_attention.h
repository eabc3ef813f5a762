#pragma once
// Softmax attention of a tile of rows on the CPU, key chunk by key chunk, forward and backward. Rows are
// [tile_rows][D], logits [tile_rows][chunk_keys] in powers of two; the calling function brings them, -infinity where
// there is no key. Inlined, see cpu_vectors.h.

#include <cmath>
#include <limits>

#include "kernels/common/cpu_vectors.h"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpsabi"

namespace erwin::kernels {

constexpr float cpu_infinity = std::numeric_limits<float>::infinity();
constexpr float cpu_log2_e = 1.4426950408889634f, cpu_ln_2 = 0.6931471805599453f;
constexpr int tile_rows = 16, chunk_keys = 256;

// Sums of the weights 2^(logit - shift) of each row so far; `highest` is -infinity while there was no key.
struct SoftmaxRows {
  float highest[tile_rows], shift[tile_rows], sum[tile_rows];
};

ERWIN_INLINE void begin_rows(SoftmaxRows& rows) {
  for (int r = 0; r < tile_rows; ++r) {
    rows.highest[r] = -cpu_infinity;
    rows.shift[r] = rows.sum[r] = 0;
  }
}

// One more chunk of `count` keys, a multiple of 16: its weights replace the logits s; out, which is to become
// the sum of weights times values, is brought to the new shifts.
template <int D>
ERWIN_INLINE void weigh_chunk(float* s, std::int64_t count, float* out, SoftmaxRows& rows) {
  for (int r = 0; r < tile_rows; ++r) {
    float* const row = s + r * chunk_keys;
    Floats most = all_of(rows.highest[r]);
    for (std::int64_t j = 0; j < count; j += vector_width) most = larger_of(load_vector(row + j), most);
    const float next = largest_of(most), shift = next == -cpu_infinity ? 0.0f : next;
    if (next > rows.highest[r] && rows.sum[r] != 0) {
      const float factor = std::exp2(rows.highest[r] - shift);
      rows.sum[r] *= factor;
      for (int d = 0; d < D; ++d) out[r * D + d] *= factor;
    }
    rows.highest[r] = next;
    rows.shift[r] = shift;
    Floats sum = all_of(0.0f);
    for (std::int64_t j = 0; j < count; j += vector_width) {
      const Floats weight = exp2_of(load_vector(row + j) - all_of(shift));
      store_vector(row + j, weight);
      sum += weight;
    }
    rows.sum[r] += sum_of(sum);
  }
}

// The same, and out += weights v.
template <int D>
ERWIN_INLINE void add_chunk(float* s, std::int64_t count, const float* v, float* out, SoftmaxRows& rows) {
  weigh_chunk<D>(s, count, out, rows);
  for (int r = 0; r < tile_rows; r += 4) add_weighted_4<D>(out + r * D, s + r * chunk_keys, chunk_keys, 1, v, count);
}

// s = rows columns, for `count` columns, a multiple of 16, each D values `stride` apart.
template <int D>
ERWIN_INLINE void chunk_products(const float* rows, const float* columns, std::int64_t stride, std::int64_t count,
                                 float* s) {
  for (std::int64_t j = 0; j < count; j += 16)
    for (int r = 0; r < tile_rows; r += 4)
      products_4x16<D>(rows + r * D, columns + j, stride, s + r * chunk_keys + j, chunk_keys);
}

// What the rows of a tile bring to the backward pass: q as it went into the logits, the gradient of out, lse in powers
// of two (+infinity: the row takes no part) and delta = grad . out.
struct BackwardRows {
  const float *q, *grad, *lse, *delta;
};

// A chunk backward: P = 2^(logits - lse) replaces the logits, dS = P (slopes - delta) replaces the slopes grad V^T.
ERWIN_INLINE void chunk_slopes(const BackwardRows& rows, float* logits, float* slopes, std::int64_t count) {
  for (int r = 0; r < tile_rows; ++r) {
    const Floats row_lse = all_of(rows.lse[r]), row_delta = all_of(rows.delta[r]);
    for (std::int64_t j = 0; j < count; j += vector_width) {
      float *const weight = logits + r * chunk_keys + j, *const slope = slopes + r * chunk_keys + j;
      const Floats p = exp2_of(load_vector(weight) - row_lse);
      store_vector(weight, p);
      store_vector(slope, p * (load_vector(slope) - row_delta));
    }
  }
}

// grad_q += dS K, sum_k += dS^T Q, sum_v += P^T grad, for `count` keys of rows k [count][D].
template <int D>
ERWIN_INLINE void add_gradients(const BackwardRows& rows, const float* weights, const float* slopes, std::int64_t count,
                                const float* k, float* grad_q, float* sum_k, float* sum_v) {
  for (int r = 0; r < tile_rows; r += 4)
    add_weighted_4<D>(grad_q + r * D, slopes + r * chunk_keys, chunk_keys, 1, k, count);
  for (std::int64_t j = 0; j < count; j += 4) {
    add_weighted_4<D>(sum_k + j * D, slopes + j, 1, chunk_keys, rows.q, tile_rows);
    add_weighted_4<D>(sum_v + j * D, weights + j, 1, chunk_keys, rows.grad, tile_rows);
  }
}

// Both for one chunk.
template <int D>
ERWIN_INLINE void chunk_gradients(const BackwardRows& rows, float* logits, float* slopes, std::int64_t count,
                                  const float* k, float* grad_q, float* sum_k, float* sum_v) {
  chunk_slopes(rows, logits, slopes, count);
  add_gradients<D>(rows, logits, slopes, count, k, grad_q, sum_k, sum_v);
}

}  // namespace erwin::kernels

#pragma GCC diagnostic pop
