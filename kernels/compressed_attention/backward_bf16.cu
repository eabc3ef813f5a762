// The compressed branch backward in bf16. Probabilities come back from q, k and lse. Two kernels, so that nothing needs
// atomics: one goes over the keys for tiles of rows (dQ), one over the rows for tiles of keys (dK, dV; the rows are cut
// into parts whose sums are added in order).

#include "kernels/compressed_attention/tiles_bf16.cuh"

namespace erwin::kernels {

namespace {

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

template <int D>
__global__ void __launch_bounds__(Bf16Tile<D>::threads, 2)
    row_gradient_kernel(CompressedAttentionParams<Bf16> params, const Bf* grad_out, Bf* grad_q, BackwardMemory memory,
                        float scale) {
  using Tile = Bf16Tile<D>;
  constexpr int M = Tile::m_tiles;
  alignas(16) __shared__ KeyTile<D> tiles[2];
  const Problem problem(params.shape, params.row_offsets, params.block_offsets);
  const int tile_row = static_cast<int>(blockIdx.x) * Tile::rows;
  if (tile_row >= problem.rows) return;
  const int warp_row = tile_row + static_cast<int>(threadIdx.x) / 32 * 16 * M;
  const auto row_of = [&](int m, int half) { return warp_row + 16 * m + 8 * half + lane_group(); };
  // Where the rows of this sample and KV head begin in [G, M * H/G].
  const std::int64_t place =
      (problem.group * params.shape.rows + problem.first_row) * static_cast<std::int64_t>(problem.per_query);
  const Bf *const rows = reinterpret_cast<const Bf*>(params.q), *const memory_k =
                                                                    reinterpret_cast<const Bf*>(params.memory_k);
  MmaA q[M][Tile::steps], grad[M][Tile::steps];
  MmaD sum[M][Tile::columns];
  RowStatistics statistics[M][2];
#pragma unroll
  for (int m = 0; m < M; ++m) {
    std::int64_t at[2];
    bool real[2];
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      const int row = row_of(m, half);
      real[half] = problem.real_row(row, params.mask);
      at[half] = real[half] ? problem.entry(row) * D : 0;
      statistics[m][half] = real[half] ? memory.statistics[place + row] : RowStatistics{infinity(), 0.0f};
      const float slope = real[half] && memory_k ? memory.memory_slope[place + row] : 0.0f;
#pragma unroll
      for (int n = 0; n < Tile::columns; ++n)
#pragma unroll
        for (int i = 0; i < 2; ++i)
          sum[m][n].d[2 * half + i] =
              memory_k ? slope * to_float(memory_k[problem.group * D + 8 * n + 2 * lane_pair() + i]) : 0.0f;
    }
#pragma unroll
    for (int step = 0; step < Tile::steps; ++step) {
      q[m][step] = load_row_fragment<D>(real[0] ? rows + at[0] : nullptr, real[1] ? rows + at[1] : nullptr, step);
      grad[m][step] =
          load_row_fragment<D>(real[0] ? grad_out + at[0] : nullptr, real[1] ? grad_out + at[1] : nullptr, step);
    }
  }
  for_each_key_tile<D>(tiles, problem, reinterpret_cast<const Bf*>(params.k), reinterpret_cast<const Bf*>(params.v),
                       params.real, [&](const KeyTile<D>& tile, bool full) {
#pragma unroll 1
                         for (int first = 0; first < key_tile; first += 16) {
                           MmaD s[M][2], dp[M][2];
                           clear(s);
                           clear(dp);
                           add_products<D, M>(s, q, tile.k, first);
                           add_products<D, M>(dp, grad, tile.v, first);
                           MmaA slopes[M];
#pragma unroll
                           for (int m = 0; m < M; ++m) {
#pragma unroll
                             for (int n = 0; n < 2; ++n) {
                               if (!full) {
                                 const float2 bias =
                                     *reinterpret_cast<const float2*>(tile.bias + first + 8 * n + 2 * lane_pair());
                                 s[m][n].d[0] += bias.x;
                                 s[m][n].d[1] += bias.y;
                                 s[m][n].d[2] += bias.x;
                                 s[m][n].d[3] += bias.y;
                               }
                               to_gradients(s[m][n], dp[m][n], statistics[m][0], statistics[m][1], scale);
                             }
                             slopes[m] = accumulators_as_a(dp[m][0], dp[m][1]);
                           }
                           add_weighted<D, M>(sum, slopes, tile.k, first);
                         }
                       });
  const float factor = scale / log2_e;
#pragma unroll
  for (int m = 0; m < M; ++m)
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      const int row = row_of(m, half);
      if (row >= problem.rows) continue;
      const bool real = params.mask[problem.slot(row)];
      std::uint32_t* const out = reinterpret_cast<std::uint32_t*>(grad_q + problem.entry(row) * D);
#pragma unroll
      for (int n = 0; n < Tile::columns; ++n)
        out[4 * n + lane_pair()] =
            real ? pack_bf16(sum[m][n].d[2 * half] * factor, sum[m][n].d[2 * half + 1] * factor) : 0U;
    }
}

constexpr int row_tile = 64;  // rows in shared memory at a time
constexpr int key_warps = 4, key_threads = 32 * key_warps;

template <int D>
struct RowTile {
  Bf q[row_tile * Bf16Tile<D>::stride];
  Bf grad[row_tile * Bf16Tile<D>::stride];
  RowStatistics statistics[row_tile];
};

template <int D>
__device__ void copy_row_tile(RowTile<D>& tile, const Problem& problem, const Bf* q, const Bf* grad_out,
                              const bool* mask, const RowStatistics* statistics, int first, int end) {
  const auto pointer = [&](const Bf* from, int row) {
    return row < end && mask[problem.slot(row)] ? from + problem.entry(row) * D : nullptr;
  };
  copy_rows<D>(tile.q, row_tile, q, [&](int i) { return pointer(q, first + i); });
  copy_rows<D>(tile.grad, row_tile, grad_out, [&](int i) { return pointer(grad_out, first + i); });
  commit_copies();
  for (int i = static_cast<int>(threadIdx.x); i < row_tile; i += static_cast<int>(blockDim.x))
    tile.statistics[i] = first + i < end ? statistics[first + i] : RowStatistics{infinity(), 0.0f};
}

// dV += P^T dO and dK += dS^T Q for the warp's keys and 16 rows of a tile. The products are made transposed, keys as
// rows, so that P^T and dS^T need not leave the registers.
template <int D, int M>
__device__ void add_rows(MmaD (&sum_k)[M][Bf16Tile<D>::columns], MmaD (&sum_v)[M][Bf16Tile<D>::columns],
                         const MmaA (&k)[M][Bf16Tile<D>::steps], const MmaA (&v)[M][Bf16Tile<D>::steps],
                         const RowTile<D>& tile, int first, float scale) {
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

// Blocks: (tile of keys of a sample and part of its rows, KV head, sample).
template <int D>
__global__ void __launch_bounds__(key_threads, 2)
    key_gradient_kernel(CompressedAttentionParams<Bf16> params, const Bf* grad_out, BackwardMemory memory, int splits,
                        float scale) {
  using Tile = Bf16Tile<D>;
  constexpr int M = Tile::m_tiles;
  alignas(16) __shared__ RowTile<D> tiles[2];
  const Problem problem(params.shape, params.row_offsets, params.block_offsets);
  const int split = static_cast<int>(blockIdx.x) % splits;
  const int tile_key = static_cast<int>(blockIdx.x) / splits * (16 * M * key_warps);
  if (tile_key >= problem.blocks) return;
  const int per_split = (problem.rows + splits * row_tile - 1) / (splits * row_tile) * row_tile;
  const int begin = split * per_split, end = min(begin + per_split, problem.rows);
  const int warp_key = tile_key + static_cast<int>(threadIdx.x) / 32 * 16 * M;
  const auto key_of = [&](int m, int half) { return warp_key + 16 * m + 8 * half + lane_group(); };
  const Bf *const keys = reinterpret_cast<const Bf*>(params.k), *const values = reinterpret_cast<const Bf*>(params.v),
                  *const queries = reinterpret_cast<const Bf*>(params.q);
  MmaA k[M][Tile::steps], v[M][Tile::steps];
#pragma unroll
  for (int m = 0; m < M; ++m) {
    const auto pointer = [&](const Bf* from, int key) {
      return problem.real_block(key, params.real) ? from + problem.key(key) * D : nullptr;
    };
#pragma unroll
    for (int step = 0; step < Tile::steps; ++step) {
      k[m][step] = load_row_fragment<D>(pointer(keys, key_of(m, 0)), pointer(keys, key_of(m, 1)), step);
      v[m][step] = load_row_fragment<D>(pointer(values, key_of(m, 0)), pointer(values, key_of(m, 1)), step);
    }
  }
  MmaD sum_k[M][Tile::columns], sum_v[M][Tile::columns];
  clear(sum_k);
  clear(sum_v);
  const RowStatistics* const statistics = memory.statistics + (problem.group * params.shape.rows + problem.first_row) *
                                                                  static_cast<std::int64_t>(problem.per_query);
  const bool busy = warp_key < problem.blocks;
  if (begin < end) copy_row_tile<D>(tiles[0], problem, queries, grad_out, params.mask, statistics, begin, end);
  for (int first = begin, turn = 0; first < end; first += row_tile, turn ^= 1) {
    wait_for_copies<0>();
    __syncthreads();
    if (first + row_tile < end)
      copy_row_tile<D>(tiles[turn ^ 1], problem, queries, grad_out, params.mask, statistics, first + row_tile, end);
    if (!busy) continue;
#pragma unroll 1
    for (int i = 0; i < row_tile; i += 16) add_rows<D, M>(sum_k, sum_v, k, v, tiles[turn], i, scale);
  }
  const std::int64_t size = params.shape.blocks * params.shape.groups * D;
  float* const partial = memory.key_partial + split * 2 * size;
#pragma unroll
  for (int m = 0; m < M; ++m)
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      const int key = key_of(m, half);
      if (key >= problem.blocks) continue;
      const bool real = params.real[problem.first_block + key];
      float* const out = partial + problem.key(key) * D + 2 * lane_pair();
#pragma unroll
      for (int n = 0; n < Tile::columns; ++n) {
        const int i = 2 * half;
        const float2 zero = make_float2(0, 0);
        *reinterpret_cast<float2*>(out + 8 * n) = real ? make_float2(sum_k[m][n].d[i], sum_k[m][n].d[i + 1]) : zero;
        *reinterpret_cast<float2*>(out + size + 8 * n) =
            real ? make_float2(sum_v[m][n].d[i], sum_v[m][n].d[i + 1]) : zero;
      }
    }
}

}  // namespace

int compressed_attention_backward_cuda(const CompressedAttentionParams<Bf16>& params,
                                       const CompressedAttentionGradients<Bf16>& gradients, void* workspace,
                                       void* stream) {
  const CompressedShape& shape = params.shape;
  const BackwardPlan plan(shape, keys_per_block_bf16(shape.width));
  const BackwardMemory memory(shape, plan, workspace);
  const auto queue = static_cast<cudaStream_t>(stream);
  if (const int failure = launch_row_pass(params, gradients, plan, memory, stream)) return failure;
  const int failure = for_width(shape.width, [&](auto width) {
    constexpr int D = width();
    using Tile = Bf16Tile<D>;
    const float scale = log2_scale(D);
    dim3 grid(static_cast<unsigned>(divide_up(shape.most_rows * shape.rows_per_query(), Tile::rows)),
              static_cast<unsigned>(shape.groups), static_cast<unsigned>(shape.samples));
    row_gradient_kernel<D><<<grid, Tile::threads, 0, queue>>>(params, on_device(gradients.grad_out),
                                                              on_device(gradients.grad_q), memory, scale);
    static_assert(keys_per_block_bf16(D) == 16 * Tile::m_tiles * key_warps);
    grid.x = static_cast<unsigned>(divide_up(shape.most_blocks, keys_per_block_bf16(D)) * plan.splits);
    if (grid.x > 0)
      key_gradient_kernel<D>
          <<<grid, key_threads, 0, queue>>>(params, on_device(gradients.grad_out), memory, plan.splits, scale);
    return static_cast<int>(cudaGetLastError());
  });
  return failure ? failure : launch_reduction(params, gradients, plan, memory, stream);
}

}  // namespace erwin::kernels
