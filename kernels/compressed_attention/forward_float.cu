// The compressed branch forward in float32.

#include "kernels/common/attention_float.cuh"
#include "kernels/compressed_attention/problem.cuh"

namespace erwin::kernels {

namespace {

template <int D>
__global__ void __launch_bounds__(FloatTile<D>::threads)
    forward_kernel(CompressedAttentionParams<float> params, float scale) {
  using Tile = FloatTile<D>;
  constexpr int C = Tile::columns;
  alignas(16) __shared__ FloatKeyTile<D> shared;
  const Problem problem(params.shape, params.row_offsets, params.block_offsets);
  const int tile_row = static_cast<int>(blockIdx.x) * Tile::rows;
  if (tile_row >= problem.rows) return;
  const int row = tile_row + static_cast<int>(threadIdx.x) / Tile::lanes;
  const int column = static_cast<int>(threadIdx.x) % Tile::lanes * C;
  const bool real = problem.real_row(row, params.mask);
  FloatRow<C> state;
#pragma unroll
  for (int i = 0; i < C; ++i) state.q[i] = state.out[i] = 0;
  if (real) load_floats<C>(params.q + problem.entry(row) * D + column, state.q);
  if (params.memory_k) {
    const int place = problem.group * D + column;
    const float logit = sum_of_row<Tile::lanes>(dot<C>(state.q, params.memory_k + place));
    state.raise(logit, scale);
    state.add(logit, params.memory_v + place, scale);
  }
  for_each_key_tile<D>(shared, ProblemKeys(problem, params.real), params.k, params.v,
                       [&](const FloatKeyTile<D>& tile) { attend<D>(state, tile, column, scale); });
  store_row<D>(state, problem, params.mask, row, column, params.out, params.lse);
}

}  // namespace

int compressed_attention_cuda(const CompressedAttentionParams<float>& params, void* stream) {
  const CompressedShape& shape = params.shape;
  return for_width(shape.width, [&](auto width) {
    constexpr int D = width();
    const std::int64_t tiles = divide_up(shape.most_rows * shape.rows_per_query(), FloatTile<D>::rows);
    const dim3 grid(static_cast<unsigned>(tiles), static_cast<unsigned>(shape.groups),
                    static_cast<unsigned>(shape.samples));
    forward_kernel<D>
        <<<grid, FloatTile<D>::threads, 0, static_cast<cudaStream_t>(stream)>>>(params, log2_scale(shape.width));
    return static_cast<int>(cudaGetLastError());
  });
}

}  // namespace erwin::kernels
