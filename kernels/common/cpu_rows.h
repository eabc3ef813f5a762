#pragma once
// Tiles of rows of attention on the CPU: from the arrays of a problem and back. A row is one query head of one slot.
//
// `Problem` numbers its rows: bool real(std::int64_t row): it takes part; std::int64_t entry(std::int64_t row): where
// it lies in [M * H].

#include <algorithm>

#include "kernels/common/cpu_attention.h"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpsabi"

namespace erwin::kernels {

// Rows [first, first + count) times `factor`, zeros where a row takes no part and beyond.
template <int D, typename Problem>
ERWIN_INLINE void gather_rows(const Problem& problem, std::int64_t first, std::int64_t count, const float* from,
                              float factor, float* rows) {
  std::fill_n(rows, tile_rows * D, 0.0f);
  for (std::int64_t r = 0; r < count; ++r) {
    if (!problem.real(first + r)) continue;
    const float* const row = from + problem.entry(first + r) * D;
    for (int d = 0; d < D; ++d) rows[r * D + d] = factor * row[d];
  }
}

// out and lse of the rows; 0 and -infinity where a row takes no part or has no key.
template <int D, typename Problem>
ERWIN_INLINE void put_rows(const Problem& problem, std::int64_t first, std::int64_t count, const SoftmaxRows& state,
                           const float* sums, float* out, float* lse) {
  for (std::int64_t r = 0; r < count; ++r) {
    const bool real = problem.real(first + r);
    const std::int64_t entry = problem.entry(first + r);
    const float sum = state.sum[r], inverse = sum != 0 ? 1.0f / sum : 0.0f;
    for (int d = 0; d < D; ++d) out[entry * D + d] = real ? sums[r * D + d] * inverse : 0.0f;
    lse[entry] = real ? state.shift[r] * cpu_ln_2 + std::log(sum) : -cpu_infinity;
  }
}

// The rows of a tile in the backward pass; q times log2(e) / sqrt(D).
template <int D>
struct GradientTile {
  alignas(32) float q[tile_rows * D], grad[tile_rows * D], grad_q[tile_rows * D];
  float lse[tile_rows], delta[tile_rows];
  BackwardRows rows() const { return {q, grad, lse, delta}; }
};

template <int D, typename Problem>
ERWIN_INLINE void gather_gradients(const Problem& problem, std::int64_t first, std::int64_t count, const float* q,
                                   const float* out, const float* lse, const float* grad_out, GradientTile<D>& tile) {
  float outs[tile_rows * D];
  gather_rows<D>(problem, first, count, q, cpu_log2_e / std::sqrt(static_cast<float>(D)), tile.q);
  gather_rows<D>(problem, first, count, grad_out, 1.0f, tile.grad);
  gather_rows<D>(problem, first, count, out, 1.0f, outs);
  for (int r = 0; r < tile_rows; ++r) {
    const bool real = r < count && problem.real(first + r);
    const float value = real ? lse[problem.entry(first + r)] : -cpu_infinity;
    tile.lse[r] = value == -cpu_infinity ? cpu_infinity : value * cpu_log2_e;
    tile.delta[r] = 0;
    for (int d = 0; d < D; ++d) tile.delta[r] += tile.grad[r * D + d] * outs[r * D + d];
  }
  std::fill_n(tile.grad_q, tile_rows * D, 0.0f);
}

template <int D, typename Problem>
ERWIN_INLINE void put_gradients(const Problem& problem, std::int64_t first, std::int64_t count,
                                const GradientTile<D>& tile, float* grad_q) {
  const float scale = 1.0f / std::sqrt(static_cast<float>(D));
  for (std::int64_t r = 0; r < count; ++r) {
    float* const to = grad_q + problem.entry(first + r) * D;
    for (int d = 0; d < D; ++d) to[d] = problem.real(first + r) ? tile.grad_q[r * D + d] * scale : 0.0f;
  }
}

}  // namespace erwin::kernels

#pragma GCC diagnostic pop
