// dQ of the selected branch in float32, and what the keys' gradients need of every row.

#include "kernels/common/attention_float.cuh"
#include "kernels/selected_attention/row_gradient.cuh"

namespace erwin::kernels {

namespace {

template <int D>
__global__ void __launch_bounds__(FloatTile<D>::threads)
    row_gradient_kernel(SelectedAttentionParams<float> params, const float* grad_out, float* grad_q,
                        RowStatistics* statistics, int tiles_of_problem, float scale) {
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
  float q[C] = {}, grad[C] = {}, sum[C] = {}, delta = 0, lse = -infinity();
  if (rows.real_row(row, params.mask)) {
    const std::int64_t entry = rows.entry(row), at = entry * D + column;
    load_floats<C>(params.q + at, q);
    load_floats<C>(grad_out + at, grad);
    delta = dot(grad, params.out + at);
    lse = params.lse[entry];
  }
  const RowStatistics own = row_statistics(lse, sum_of_row<Tile::lanes>(delta));
  if (row < rows.rows && column == 0) statistics[index * rows.rows + row] = own;
  __syncthreads();
  const SelectedKeys keys(list, params.shape, rows.group);
  for_each_key_tile<D>(shared, keys, params.k, params.v, [&](const FloatKeyTile<D>& of_keys) {
    add_row_gradients<D>(sum, q, grad, own, of_keys, column, scale);
  });
  store_row_gradient<D>(sum, rows, params.mask, row, column, scale / log2_e, grad_q);
}

}  // namespace

int launch_row_gradients(const SelectedAttentionParams<float>& params,
                         const SelectedAttentionGradients<float>& gradients, RowStatistics* statistics,
                         cudaStream_t stream) {
  return for_width(params.shape.width, [&](auto width) {
    constexpr int D = width();
    const RowGrid grid = row_grid(params.shape, 32 / FloatTile<D>::lanes, FloatTile<D>::threads / 32);
    row_gradient_kernel<D><<<grid.blocks, grid.threads, 0, stream>>>(params, gradients.grad_out, gradients.grad_q,
                                                                     statistics, grid.tiles, log2_scale(D));
    return static_cast<int>(cudaGetLastError());
  });
}

}  // namespace erwin::kernels
