#pragma once
// Attention forward in bf16: every warp keeps 16 or 32 rows in registers and goes once over the problem's keys. The
// exponentials bound it: everything else per logit is one product, one comparison and one multiply-add.

#include "kernels/common/attention_bf16.cuh"
#include "kernels/common/reduce.cuh"

namespace erwin::kernels {

// Rows g and g + 8 of `M` tiles of 16 rows: their shifts and sums.
template <int D, int M = Bf16Tile<D>::m_tiles>
struct RowState {
  MmaD out[M][Bf16Tile<D>::columns];
  MmaD sum[M];  // of the weights, in every column
  float highest[M][2];
  float shift[M][2];  // highest * scale, 0 while there was no key

  __device__ void begin() {
    clear(out);
#pragma unroll
    for (int m = 0; m < M; ++m) {
      sum[m] = mma_zero();
      highest[m][0] = highest[m][1] = -infinity();
      shift[m][0] = shift[m][1] = 0;
    }
  }

  // `Groups` times 16 keys with logits s * scale in powers of two (-infinity: no key), whose values are the rows of
  // `values` from `first`, those of each group `step` rows further, those of tile m `Next` m elements behind.
  template <int Groups, int Next = 0>
  __device__ void add(MmaD (&s)[Groups][M][2], const Bf* values, int first, float scale, int step = 16) {
    raise_where_needed(s, scale);
    const MmaB ones{{0x3f803f80U, 0x3f803f80U}};
#pragma unroll
    for (int c = 0; c < Groups; ++c) {
      MmaA weights[M];
#pragma unroll
      for (int m = 0; m < M; ++m) {
#pragma unroll
        for (int n = 0; n < 2; ++n)
#pragma unroll
          for (int i = 0; i < 4; ++i) s[c][m][n].d[i] = exp2_fast(fmaf(s[c][m][n].d[i], scale, -shift[m][i / 2]));
        weights[m] = accumulators_as_a(s[c][m][0], s[c][m][1]);
        mma(sum[m], weights[m], ones);
      }
      add_weighted<D, M, Next>(out, weights, values, first + step * c);
    }
  }

  // out and lse of a row; zeros and -infinity where it is masked or has no key.
  __device__ void store(int m, int half, bool real, Bf* row, float* lse) const {
    const float total = sum[m].d[2 * half], inverse = real && total != 0 ? 1.0f / total : 0.0f;
    if (lane_pair() == 0) *lse = real ? (shift[m][half] + log2_fast(total)) * ln_2 : -infinity();
    std::uint32_t* const words = reinterpret_cast<std::uint32_t*>(row);
#pragma unroll
    for (int n = 0; n < Bf16Tile<D>::columns; ++n) {
      const float low = out[m][n].d[2 * half], high = out[m][n].d[2 * half + 1];
      words[4 * n + lane_pair()] = real ? pack_bf16(low * inverse, high * inverse) : 0U;
    }
  }

private:
  template <int Groups>
  __device__ void raise_where_needed(const MmaD (&s)[Groups][M][2], float scale) {
    float most[M][2];
    bool above = false;
#pragma unroll
    for (int m = 0; m < M; ++m)
#pragma unroll
      for (int half = 0; half < 2; ++half) {
        float x = fmaxf(s[0][m][0].d[2 * half], s[0][m][0].d[2 * half + 1]);
#pragma unroll
        for (int c = 0; c < Groups; ++c)
#pragma unroll
          for (int n = 0; n < 2; ++n) x = fmaxf(x, fmaxf(s[c][m][n].d[2 * half], s[c][m][n].d[2 * half + 1]));
        most[m][half] = x;
        above = above || fmaf(x - highest[m][half], scale, -slack) > 0;
      }
    if (!__any_sync(all_lanes, above)) return;
#pragma unroll
    for (int m = 0; m < M; ++m) {
      raise(m, 0, most[m][0], scale);
      raise(m, 1, most[m][1], scale);
    }
  }

  __device__ void raise(int m, int half, float candidate, float scale) {
    const float next = fmaxf(highest[m][half], max_over<4>(candidate));
    const float next_shift = next == -infinity() ? 0.0f : next * scale;
    const float factor = exp2_fast(fmaf(highest[m][half], scale, -next_shift));
    highest[m][half] = next;
    shift[m][half] = next_shift;
#pragma unroll
    for (int n = 0; n < Bf16Tile<D>::columns; ++n) {
      out[m][n].d[2 * half] *= factor;
      out[m][n].d[2 * half + 1] *= factor;
    }
    sum[m].d[2 * half] *= factor;
    sum[m].d[2 * half + 1] *= factor;
  }
};

// 32 keys of a tile at a time.
template <int D>
__device__ void attend(RowState<D>& state, const MmaA (&q)[Bf16Tile<D>::m_tiles][Bf16Tile<D>::steps],
                       const KeyTile<D>& tile, bool full, float scale) {
  constexpr int M = Bf16Tile<D>::m_tiles, groups = 2;  // of 16 keys
#pragma unroll
  for (int first = 0; first < key_tile; first += 16 * groups) {
    MmaD s[groups][M][2];
#pragma unroll
    for (int c = 0; c < groups; ++c) {
      clear(s[c]);
      add_products<D, M>(s[c], q, tile.k, first + 16 * c);
    }
    if (!full) {
#pragma unroll
      for (int c = 0; c < groups; ++c) add_bias<D, M>(s[c], tile, first + 16 * c);
    }
    state.add(s, tile.v, first, scale);
  }
}

// out and lse of the warp's rows; zeros and -infinity where a row is masked or has no key.
template <int D, typename Rows>
__device__ void store_rows(const RowState<D>& state, const Rows& rows, const bool* mask, int warp_row, Bf* all_out,
                           float* all_lse) {
#pragma unroll
  for (int m = 0; m < Bf16Tile<D>::m_tiles; ++m)
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      const int row = warp_row + 16 * m + 8 * half + lane_group();
      if (row >= rows.rows) continue;
      const bool real = mask[rows.slot(row)];
      const std::int64_t entry = rows.entry(row);
      state.store(m, half, real, all_out + entry * D, all_lse + entry);
    }
}

}  // namespace erwin::kernels
