// The selected branch forward in float32.

#include "kernels/common/attention_float.cuh"
#include "kernels/selected_attention/problem.cuh"

namespace erwin::kernels {

namespace {

template <int D>
__global__ void __launch_bounds__(FloatTile<D>::threads)
    forward_kernel(SelectedAttentionParams<float> params, int tiles_of_problem, float scale) {
  using Tile = FloatTile<D>;
  constexpr int C = Tile::columns;
  alignas(16) __shared__ FloatKeyTile<D> shared;
  __shared__ SelectedList list;
  const std::int64_t index = blockIdx.x / static_cast<unsigned>(tiles_of_problem);
  const int tile = static_cast<int>(blockIdx.x % static_cast<unsigned>(tiles_of_problem));
  list_selected(list, params.selected + index * params.selected_stride, params.mask, params.shape);
  const SelectedRows rows(params.shape, index);
  const int row = (tile * static_cast<int>(blockDim.x) + static_cast<int>(threadIdx.x)) / Tile::lanes;
  const int column = static_cast<int>(threadIdx.x) % Tile::lanes * C;
  FloatRow<C> state;
#pragma unroll
  for (int i = 0; i < C; ++i) state.q[i] = state.out[i] = 0;
  if (rows.real_row(row, params.mask)) load_floats<C>(params.q + rows.entry(row) * D + column, state.q);
  __syncthreads();
  const SelectedKeys keys(list, params.shape, rows.group);
  for_each_key_tile<D>(shared, keys, params.k, params.v,
                       [&](const FloatKeyTile<D>& of_keys) { attend<D>(state, of_keys, column, scale); });
  store_row<D>(state, rows, params.mask, row, column, params.out, params.lse);
}

}  // namespace

int selected_attention_cuda(const SelectedAttentionParams<float>& params, void* stream) {
  return for_width(params.shape.width, [&](auto width) {
    constexpr int D = width();
    const RowGrid grid = row_grid(params.shape, 32 / FloatTile<D>::lanes, FloatTile<D>::threads / 32);
    forward_kernel<D>
        <<<grid.blocks, grid.threads, 0, static_cast<cudaStream_t>(stream)>>>(params, grid.tiles, log2_scale(D));
    return static_cast<int>(cudaGetLastError());
  });
}

bool selected_attention_cuda_supports(const SelectedShape& shape) {
  const int width = shape.width, size = shape.block_size;
  if (width != 8 && width != 16 && width != 32 && width != 64) return false;
  if ((size != 16 && size != 32) || shape.slots <= 0 || shape.slots % size != 0) return false;
  if (shape.groups < 1 || shape.heads % shape.groups != 0) return false;
  const int per_slot = shape.rows_per_slot();
  constexpr std::int64_t most = std::int64_t{1} << 28;  // numbers of entries, items and thread blocks are 32 bits
  return per_slot >= 1 && per_slot <= 16 && shape.columns >= 1 && shape.columns <= most_columns &&
         shape.blocks() * shape.groups * shape.columns < most;
}

}  // namespace erwin::kernels
