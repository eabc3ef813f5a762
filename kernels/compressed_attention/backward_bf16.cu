// The compressed branch backward in bf16. Probabilities come back from q, k and lse. Two kernels, so that nothing needs
// atomics: one goes over the keys for tiles of rows (dQ), one over the rows for tiles of keys (dK, dV; the rows are cut
// into parts whose sums are added in order).

#include "kernels/common/attention_backward_bf16.cuh"
#include "kernels/compressed_attention/problem.cuh"

namespace erwin::kernels {

namespace {

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
  // Where the rows of this sample and KV head begin in [G, M * H/G].
  const std::int64_t place =
      (problem.group * params.shape.rows + problem.first_row) * static_cast<std::int64_t>(problem.per_query);
  const Bf *const rows = reinterpret_cast<const Bf*>(params.q), *const memory_k =
                                                                    reinterpret_cast<const Bf*>(params.memory_k);
  MmaA q[M][Tile::steps], grad[M][Tile::steps];
  load_row_fragments<D>(q, problem, params.mask, rows, warp_row);
  load_row_fragments<D>(grad, problem, params.mask, grad_out, warp_row);
  MmaD sum[M][Tile::columns];
  RowStatistics statistics[M][2];
#pragma unroll
  for (int m = 0; m < M; ++m)
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      const int row = warp_row + 16 * m + 8 * half + lane_group();
      const bool real = problem.real_row(row, params.mask);
      statistics[m][half] = real ? memory.statistics[place + row] : RowStatistics{infinity(), 0.0f};
      const float slope = real && memory_k ? memory.memory_slope[place + row] : 0.0f;
#pragma unroll
      for (int n = 0; n < Tile::columns; ++n)
#pragma unroll
        for (int i = 0; i < 2; ++i)
          sum[m][n].d[2 * half + i] =
              memory_k ? slope * to_float(memory_k[problem.group * D + 8 * n + 2 * lane_pair() + i]) : 0.0f;
    }
  for_each_key_tile<D>(tiles, ProblemKeys(problem, params.real), reinterpret_cast<const Bf*>(params.k),
                       reinterpret_cast<const Bf*>(params.v), [&](const KeyTile<D>& tile, bool full) {
                         add_row_gradients<D>(sum, q, grad, statistics, tile, full, scale);
                       });
  store_row_gradients<D>(sum, problem, params.mask, warp_row, scale / log2_e, grad_q);
}

constexpr int row_tile = 64;  // rows in shared memory at a time
constexpr int key_warps = 4, key_threads = 32 * key_warps;

template <int D>
__device__ void copy_row_tile(RowTile<D, row_tile>& tile, const Problem& problem, const Bf* q, const Bf* grad_out,
                              const bool* mask, const RowStatistics* statistics, int first, int end) {
  using Tile = Bf16Tile<D>;
  constexpr int pieces = Tile::width / 8;
  for (int i = static_cast<int>(threadIdx.x); i < row_tile * pieces; i += static_cast<int>(blockDim.x)) {
    const int at = i / pieces, piece = i % pieces, row = first + at;
    const bool real = row < end && mask[problem.slot(row)], copied = real && piece < D / 8;
    const std::int64_t from = copied ? problem.entry(row) * D + piece * 8 : 0;
    copy_async_16(tile.q + at * Tile::stride + piece * 8, q + from, copied);
    copy_async_16(tile.grad + at * Tile::stride + piece * 8, grad_out + from, copied);
    if (piece != 0) continue;
    if (row < end)
      copy_async_8(tile.statistics + at, statistics + row);
    else
      tile.statistics[at] = {infinity(), 0.0f};
  }
  commit_copies();
}

// Blocks: (tile of keys of a sample and part of its rows, KV head, sample).
template <int D>
__global__ void __launch_bounds__(key_threads, 2)
    key_gradient_kernel(CompressedAttentionParams<Bf16> params, const Bf* grad_out, BackwardMemory memory, int splits,
                        float scale) {
  using Tile = Bf16Tile<D>;
  constexpr int M = Tile::m_tiles;
  alignas(16) __shared__ RowTile<D, row_tile> tiles[2];
  const Problem problem(params.shape, params.row_offsets, params.block_offsets);
  const int split = static_cast<int>(blockIdx.x) % splits;
  const int tile_key = static_cast<int>(blockIdx.x) / splits * (16 * M * key_warps);
  if (tile_key >= problem.blocks) return;
  const int per_split = (problem.rows + splits * row_tile - 1) / (splits * row_tile) * row_tile;
  const int begin = split * per_split, end = min(begin + per_split, problem.rows);
  const int warp_key = tile_key + static_cast<int>(threadIdx.x) / 32 * 16 * M;
  const auto key_of = [&](int m, int half) { return warp_key + 16 * m + 8 * half + lane_group(); };
  const Bf* const queries = reinterpret_cast<const Bf*>(params.q);
  const ProblemKeys keys(problem, params.real);
  MmaA k[M][Tile::steps], v[M][Tile::steps];
  load_key_fragments<D>(k, keys, reinterpret_cast<const Bf*>(params.k), warp_key);
  load_key_fragments<D>(v, keys, reinterpret_cast<const Bf*>(params.v), warp_key);
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
    for (int i = 0; i < row_tile; i += 16) add_rows<D>(sum_k, sum_v, k, v, tiles[turn], i, scale);
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
