// The compressed branch forward in bf16: every warp keeps 16 or 32 rows in registers and goes once over the sample's
// keys. The exponentials bound it: everything else per logit is one product, one comparison and one multiply-add.

#include "kernels/common/reduce.cuh"
#include "kernels/compressed_attention/tiles_bf16.cuh"

namespace erwin::kernels {

namespace {

// The maximum of a row is only raised when a logit exceeds it by so many powers of two: weights stay below 2^8.
constexpr float slack = 8.0f;

// Rows g and g + 8 of `M` tiles of 16 rows: their shifts and sums.
template <int D>
struct RowState {
  static constexpr int M = Bf16Tile<D>::m_tiles;
  MmaD out[M][Bf16Tile<D>::columns];
  MmaD sum[M];  // of the weights, in every column
  float highest[M][2];
  float shift[M][2];  // highest * scale, 0 while there was no key

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
  const MmaB ones{{0x3f803f80U, 0x3f803f80U}};
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
      for (int c = 0; c < groups; ++c)
#pragma unroll
        for (int n = 0; n < 2; ++n) {
          const float2 bias = *reinterpret_cast<const float2*>(tile.bias + first + 16 * c + 8 * n + 2 * lane_pair());
#pragma unroll
          for (int m = 0; m < M; ++m) {
            s[c][m][n].d[0] += bias.x;
            s[c][m][n].d[1] += bias.y;
            s[c][m][n].d[2] += bias.x;
            s[c][m][n].d[3] += bias.y;
          }
        }
    }
    float most[M][2];
    bool above = false;
#pragma unroll
    for (int m = 0; m < M; ++m)
#pragma unroll
      for (int half = 0; half < 2; ++half) {
        float x = fmaxf(s[0][m][0].d[2 * half], s[0][m][0].d[2 * half + 1]);
#pragma unroll
        for (int c = 0; c < groups; ++c)
#pragma unroll
          for (int n = 0; n < 2; ++n) x = fmaxf(x, fmaxf(s[c][m][n].d[2 * half], s[c][m][n].d[2 * half + 1]));
        most[m][half] = x;
        above = above || fmaf(x - state.highest[m][half], scale, -slack) > 0;
      }
    if (__any_sync(all_lanes, above)) {
#pragma unroll
      for (int m = 0; m < M; ++m) {
        state.raise(m, 0, most[m][0], scale);
        state.raise(m, 1, most[m][1], scale);
      }
    }
#pragma unroll
    for (int c = 0; c < groups; ++c) {
      MmaA weights[M];
#pragma unroll
      for (int m = 0; m < M; ++m) {
#pragma unroll
        for (int n = 0; n < 2; ++n)
#pragma unroll
          for (int i = 0; i < 4; ++i) s[c][m][n].d[i] = exp2_fast(fmaf(s[c][m][n].d[i], scale, -state.shift[m][i / 2]));
        weights[m] = accumulators_as_a(s[c][m][0], s[c][m][1]);
        mma(state.sum[m], weights[m], ones);
      }
      add_weighted<D, M>(state.out, weights, tile.v, first + 16 * c);
    }
  }
}

// The memory slot as the first key; without one the row begins empty.
template <int D>
__device__ void begin(RowState<D>& state, const MmaA (&q)[Bf16Tile<D>::m_tiles][Bf16Tile<D>::steps], const Bf* memory_k,
                      const Bf* memory_v, float scale) {
  constexpr int M = Bf16Tile<D>::m_tiles;
  clear(state.out);
#pragma unroll
  for (int m = 0; m < M; ++m) {
    state.sum[m] = mma_zero();
    state.highest[m][0] = state.highest[m][1] = -infinity();
    state.shift[m][0] = state.shift[m][1] = 0;
  }
  if (memory_k == nullptr) return;
  float logit[M][2] = {};
#pragma unroll
  for (int n = 0; n < D / 8; ++n) {  // columns 8 n to 8 n + 7
    const float2 key = unpack_bf16(*reinterpret_cast<const std::uint32_t*>(memory_k + 8 * n + 2 * lane_pair()));
#pragma unroll
    for (int m = 0; m < M; ++m)
#pragma unroll
      for (int half = 0; half < 2; ++half) {
        const float2 query = unpack_bf16(q[m][n / 2].a[n % 2 * 2 + half]);
        logit[m][half] = fmaf(query.x, key.x, fmaf(query.y, key.y, logit[m][half]));
      }
  }
#pragma unroll
  for (int m = 0; m < M; ++m)
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      const float highest = sum_over<4>(logit[m][half]);
      const float shift = highest == -infinity() ? 0.0f : highest * scale;
      const float weight = exp2_fast(fmaf(highest, scale, -shift));  // 1; NaN as in softmax, 0 for -infinity
      state.highest[m][half] = highest;
      state.shift[m][half] = shift;
      state.sum[m].d[2 * half] = state.sum[m].d[2 * half + 1] = weight;
#pragma unroll
      for (int n = 0; n < D / 8; ++n) {
        const float2 value = unpack_bf16(*reinterpret_cast<const std::uint32_t*>(memory_v + 8 * n + 2 * lane_pair()));
        state.out[m][n].d[2 * half] = weight * value.x;
        state.out[m][n].d[2 * half + 1] = weight * value.y;
      }
    }
}

template <int D>
__global__ void __launch_bounds__(Bf16Tile<D>::threads, 2)
    forward_kernel(CompressedAttentionParams<Bf16> params, float scale) {
  using Tile = Bf16Tile<D>;
  constexpr int M = Tile::m_tiles;
  alignas(16) __shared__ KeyTile<D> tiles[2];
  const Problem problem(params.shape, params.row_offsets, params.block_offsets);
  const int tile_row = static_cast<int>(blockIdx.x) * Tile::rows;
  if (tile_row >= problem.rows) return;
  const int warp_row = tile_row + static_cast<int>(threadIdx.x) / 32 * 16 * M;
  const auto row_of = [&](int m, int half) { return warp_row + 16 * m + 8 * half + lane_group(); };
  const Bf* const rows = reinterpret_cast<const Bf*>(params.q);
  MmaA q[M][Tile::steps];
#pragma unroll
  for (int m = 0; m < M; ++m) {
    const auto pointer = [&](int row) {
      return problem.real_row(row, params.mask) ? rows + problem.entry(row) * D : nullptr;
    };
    const Bf *const upper = pointer(row_of(m, 0)), *const lower = pointer(row_of(m, 1));
#pragma unroll
    for (int step = 0; step < Tile::steps; ++step) q[m][step] = load_row_fragment<D>(upper, lower, step);
  }
  RowState<D> state;
  const bool memory = params.memory_k != nullptr;
  begin<D>(state, q, memory ? reinterpret_cast<const Bf*>(params.memory_k) + problem.group * D : nullptr,
           memory ? reinterpret_cast<const Bf*>(params.memory_v) + problem.group * D : nullptr, scale);
  for_each_key_tile<D>(tiles, problem, reinterpret_cast<const Bf*>(params.k), reinterpret_cast<const Bf*>(params.v),
                       params.real, [&](const KeyTile<D>& tile, bool full) { attend<D>(state, q, tile, full, scale); });
#pragma unroll
  for (int m = 0; m < M; ++m)
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      const int row = row_of(m, half);
      if (row >= problem.rows) continue;
      const bool real = params.mask[problem.slot(row)];
      const std::int64_t entry = problem.entry(row);
      const float sum = state.sum[m].d[2 * half], inverse = real && sum != 0 ? 1.0f / sum : 0.0f;
      if (lane_pair() == 0) params.lse[entry] = real ? (state.shift[m][half] + log2_fast(sum)) * ln_2 : -infinity();
      std::uint32_t* const out = reinterpret_cast<std::uint32_t*>(params.out + entry * D);
#pragma unroll
      for (int n = 0; n < Tile::columns; ++n) {
        const float low = state.out[m][n].d[2 * half], high = state.out[m][n].d[2 * half + 1];
        out[4 * n + lane_pair()] = real ? pack_bf16(low * inverse, high * inverse) : 0U;
      }
    }
}

}  // namespace

int compressed_attention_cuda(const CompressedAttentionParams<Bf16>& params, void* stream) {
  const CompressedShape& shape = params.shape;
  return for_width(shape.width, [&](auto width) {
    constexpr int D = width();
    const std::int64_t tiles = divide_up(shape.most_rows * shape.rows_per_query(), Bf16Tile<D>::rows);
    const dim3 grid(static_cast<unsigned>(tiles), static_cast<unsigned>(shape.groups),
                    static_cast<unsigned>(shape.samples));
    forward_kernel<D>
        <<<grid, Bf16Tile<D>::threads, 0, static_cast<cudaStream_t>(stream)>>>(params, log2_scale(shape.width));
    return static_cast<int>(cudaGetLastError());
  });
}

}  // namespace erwin::kernels
