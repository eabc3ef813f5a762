// The compressed branch backward in float32, in the same two kernels as in bf16.

#include "kernels/common/attention_float.cuh"
#include "kernels/compressed_attention/problem.cuh"

namespace erwin::kernels {

namespace {

template <int D>
__global__ void __launch_bounds__(FloatTile<D>::threads)
    row_gradient_kernel(CompressedAttentionParams<float> params, const float* grad_out, float* grad_q,
                        BackwardMemory memory, float scale) {
  using Tile = FloatTile<D>;
  constexpr int C = Tile::columns;
  alignas(16) __shared__ FloatKeyTile<D> shared;
  const Problem problem(params.shape, params.row_offsets, params.block_offsets);
  const int tile_row = static_cast<int>(blockIdx.x) * Tile::rows;
  if (tile_row >= problem.rows) return;
  const int row = tile_row + static_cast<int>(threadIdx.x) / Tile::lanes;
  const int column = static_cast<int>(threadIdx.x) % Tile::lanes * C;
  const bool real = problem.real_row(row, params.mask);
  const std::int64_t place =
      (problem.group * params.shape.rows + problem.first_row) * static_cast<std::int64_t>(problem.per_query) + row;
  float q[C] = {}, grad[C] = {}, sum[C] = {};
  RowStatistics statistics{infinity(), 0.0f};
  if (real) {
    const std::int64_t at = problem.entry(row) * D + column;
    load_floats<C>(params.q + at, q);
    load_floats<C>(grad_out + at, grad);
    statistics = memory.statistics[place];
    if (params.memory_k) add_scaled(sum, memory.memory_slope[place], params.memory_k + problem.group * D + column);
  }
  for_each_key_tile<D>(shared, ProblemKeys(problem, params.real), params.k, params.v, [&](const FloatKeyTile<D>& tile) {
    add_row_gradients<D>(sum, q, grad, statistics, tile, column, scale);
  });
  store_row_gradient<D>(sum, problem, params.mask, row, column, scale / log2_e, grad_q);
}

constexpr int row_tile = 32;  // rows in shared memory at a time

// Blocks: (tile of keys of a sample and part of its rows, KV head, sample).
template <int D>
__global__ void __launch_bounds__(FloatTile<D>::threads)
    key_gradient_kernel(CompressedAttentionParams<float> params, const float* grad_out, BackwardMemory memory,
                        int splits, float scale) {
  using Tile = FloatTile<D>;
  constexpr int C = Tile::columns;
  alignas(16) __shared__ FloatRowTile<D, row_tile> tile;
  const Problem problem(params.shape, params.row_offsets, params.block_offsets);
  const int split = static_cast<int>(blockIdx.x) % splits;
  const int tile_key = static_cast<int>(blockIdx.x) / splits * Tile::rows;
  if (tile_key >= problem.blocks) return;
  const int per_split = (problem.rows + splits * row_tile - 1) / (splits * row_tile) * row_tile;
  const int begin = split * per_split, end = min(begin + per_split, problem.rows);
  const int key = tile_key + static_cast<int>(threadIdx.x) / Tile::lanes;
  const int column = static_cast<int>(threadIdx.x) % Tile::lanes * C;
  const bool real = problem.real_block(key, params.real);
  const RowStatistics* const statistics = memory.statistics + (problem.group * params.shape.rows + problem.first_row) *
                                                                  static_cast<std::int64_t>(problem.per_query);
  float k[C] = {}, v[C] = {}, sum_k[C] = {}, sum_v[C] = {};
  if (real) {
    load_floats<C>(params.k + problem.key(key) * D + column, k);
    load_floats<C>(params.v + problem.key(key) * D + column, v);
  }
  for (int first = begin; first < end; first += row_tile) {
    const auto pointer = [&](const float* from, int i) {
      const int row = first + i;
      return row < end && params.mask[problem.slot(row)] ? from + problem.entry(row) * D : nullptr;
    };
    __syncthreads();
    copy_rows<D>(tile.q, row_tile, [&](int i) { return pointer(params.q, i); });
    copy_rows<D>(tile.grad, row_tile, [&](int i) { return pointer(grad_out, i); });
    for (int i = static_cast<int>(threadIdx.x); i < row_tile; i += static_cast<int>(blockDim.x))
      tile.statistics[i] = first + i < end ? statistics[first + i] : RowStatistics{infinity(), 0.0f};
    __syncthreads();
#pragma unroll 2
    for (int i = 0; i < row_tile; ++i) add_row<D>(sum_k, sum_v, k, v, tile, i, column, scale);
  }
  if (key >= problem.blocks) return;
#pragma unroll
  for (int i = 0; i < C; ++i) {
    sum_k[i] = real ? sum_k[i] : 0.0f;
    sum_v[i] = real ? sum_v[i] : 0.0f;
  }
  const std::int64_t size = params.shape.blocks * params.shape.groups * D;
  float* const out = memory.key_partial + split * 2 * size + problem.key(key) * D + column;
  store_floats<C>(out, sum_k);
  store_floats<C>(out + size, sum_v);
}

}  // namespace

int compressed_attention_backward_cuda(const CompressedAttentionParams<float>& params,
                                       const CompressedAttentionGradients<float>& gradients, void* workspace,
                                       void* stream) {
  const CompressedShape& shape = params.shape;
  const BackwardPlan plan(shape, keys_per_block_float(shape.width));
  const BackwardMemory memory(shape, plan, workspace);
  const auto queue = static_cast<cudaStream_t>(stream);
  if (const int failure = launch_row_pass(params, gradients, plan, memory, stream)) return failure;
  const int failure = for_width(shape.width, [&](auto width) {
    constexpr int D = width();
    using Tile = FloatTile<D>;
    const float scale = log2_scale(D);
    dim3 grid(static_cast<unsigned>(divide_up(shape.most_rows * shape.rows_per_query(), Tile::rows)),
              static_cast<unsigned>(shape.groups), static_cast<unsigned>(shape.samples));
    row_gradient_kernel<D>
        <<<grid, Tile::threads, 0, queue>>>(params, gradients.grad_out, gradients.grad_q, memory, scale);
    static_assert(keys_per_block_float(D) == Tile::rows);
    grid.x = static_cast<unsigned>(divide_up(shape.most_blocks, keys_per_block_float(D)) * plan.splits);
    if (grid.x > 0)
      key_gradient_kernel<D><<<grid, Tile::threads, 0, queue>>>(params, gradients.grad_out, memory, plan.splits, scale);
    return static_cast<int>(cudaGetLastError());
  });
  return failure ? failure : launch_reduction(params, gradients, plan, memory, stream);
}

std::size_t compressed_attention_backward_workspace(const CompressedShape& shape) {
  const BackwardPlan wide(shape, keys_per_block_bf16(shape.width)), narrow(shape, keys_per_block_float(shape.width));
  const std::size_t a = BackwardMemory(shape, wide, nullptr).bytes, b = BackwardMemory(shape, narrow, nullptr).bytes;
  return a > b ? a : b;
}

bool compressed_attention_cuda_supports(const CompressedShape& shape) {
  const int width = shape.width;
  return (width == 8 || width == 16 || width == 32 || width == 64) && shape.groups > 0 &&
         shape.heads % shape.groups == 0 && shape.rows_per_query() <= 16 && shape.groups <= 65535 &&
         shape.samples > 0 && shape.samples <= 65535 && shape.rows > 0 &&
         shape.most_rows * shape.rows_per_query() < (std::int64_t{1} << 30) && shape.most_blocks < (1 << 30);
}

}  // namespace erwin::kernels
