#pragma once
// Attention backward in bf16: probabilities come back from q, k and lse. Rows meet the keys tile by tile (dQ), and keys
// meet the rows tile by tile (dK, dV).

#include "kernels/common/attention_bf16.cuh"

namespace erwin::kernels {

// P = 2^(S scale - shift), dS = P (dP - delta), in place of S and dP; one shift and delta per row of the accumulators.
__device__ inline void to_gradients(MmaD& s, MmaD& dp, const RowStatistics& upper, const RowStatistics& lower,
                                    float scale) {
#pragma unroll
  for (int i = 0; i < 4; ++i) {
    const RowStatistics& row = i < 2 ? upper : lower;
    s.d[i] = exp2_fast(fmaf(s.d[i], scale, -row.shift));
    dp.d[i] = s.d[i] * (dp.d[i] - row.delta);
  }
}

// dQ += dS K for the warp's rows and all keys of a tile.
template <int D, int M>
__device__ void add_row_gradients(MmaD (&sum)[M][Bf16Tile<D>::columns], const MmaA (&q)[M][Bf16Tile<D>::steps],
                                  const MmaA (&grad)[M][Bf16Tile<D>::steps], const RowStatistics (&statistics)[M][2],
                                  const KeyTile<D>& tile, bool full, float scale) {
#pragma unroll 1
  for (int first = 0; first < key_tile; first += 16) {
    MmaD s[M][2], dp[M][2];
    clear(s);
    clear(dp);
    add_products<D, M>(s, q, tile.k, first);
    add_products<D, M>(dp, grad, tile.v, first);
    if (!full) add_bias<D, M>(s, tile, first);
    MmaA slopes[M];
#pragma unroll
    for (int m = 0; m < M; ++m) {
#pragma unroll
      for (int n = 0; n < 2; ++n) to_gradients(s[m][n], dp[m][n], statistics[m][0], statistics[m][1], scale);
      slopes[m] = accumulators_as_a(dp[m][0], dp[m][1]);
    }
    add_weighted<D, M>(sum, slopes, tile.k, first);
  }
}

// grad_q of the warp's rows: `factor` times the sums, zeros where a row is masked.
template <int D, int M, typename Rows>
__device__ void store_row_gradients(const MmaD (&sum)[M][Bf16Tile<D>::columns], const Rows& rows, const bool* mask,
                                    int warp_row, float factor, Bf* grad_q) {
#pragma unroll
  for (int m = 0; m < M; ++m)
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      const int row = warp_row + 16 * m + 8 * half + lane_group();
      if (row >= rows.rows) continue;
      const bool real = mask[rows.slot(row)];
      std::uint32_t* const out = reinterpret_cast<std::uint32_t*>(grad_q + rows.entry(row) * D);
#pragma unroll
      for (int n = 0; n < Bf16Tile<D>::columns; ++n)
        out[4 * n + lane_pair()] =
            real ? pack_bf16(sum[m][n].d[2 * half] * factor, sum[m][n].d[2 * half + 1] * factor) : 0U;
    }
}

// Rows on their way to the keys' gradients.
template <int D, int Count>
struct RowTile {
  Bf q[Count * Bf16Tile<D>::stride];
  Bf grad[Count * Bf16Tile<D>::stride];
  RowStatistics statistics[Count];
};

// dV += P^T dO and dK += dS^T Q for the warp's keys and 16 rows of a tile. The products are made transposed, keys as
// rows, so that P^T and dS^T need not leave the registers.
template <int D, int M, int Count>
__device__ void add_rows(MmaD (&sum_k)[M][Bf16Tile<D>::columns], MmaD (&sum_v)[M][Bf16Tile<D>::columns],
                         const MmaA (&k)[M][Bf16Tile<D>::steps], const MmaA (&v)[M][Bf16Tile<D>::steps],
                         const RowTile<D, Count>& tile, int first, float scale) {
  MmaD s[M][2], dp[M][2];
  clear(s);
  clear(dp);
  add_products<D, M>(s, k, tile.q, first);
  add_products<D, M>(dp, v, tile.grad, first);
  MmaA weights[M], slopes[M];
#pragma unroll
  for (int n = 0; n < 2; ++n) {
    // shift and delta of the rows of columns 2t and 2t + 1
    const float4 pair = *reinterpret_cast<const float4*>(tile.statistics + first + 8 * n + 2 * lane_pair());
#pragma unroll
    for (int m = 0; m < M; ++m)
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        const bool second = i % 2 == 1;
        s[m][n].d[i] = exp2_fast(fmaf(s[m][n].d[i], scale, -(second ? pair.z : pair.x)));
        dp[m][n].d[i] = s[m][n].d[i] * (dp[m][n].d[i] - (second ? pair.w : pair.y));
      }
  }
#pragma unroll
  for (int m = 0; m < M; ++m) {
    weights[m] = accumulators_as_a(s[m][0], s[m][1]);
    slopes[m] = accumulators_as_a(dp[m][0], dp[m][1]);
  }
  add_weighted<D, M>(sum_v, weights, tile.grad, first);
  add_weighted<D, M>(sum_k, slopes, tile.q, first);
}

}  // namespace erwin::kernels
