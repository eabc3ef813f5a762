// dQ of the selected branch in bf16, and what the keys' gradients need of every row.

#include "kernels/common/attention_backward_bf16.cuh"
#include "kernels/selected_attention/row_gradient.cuh"

namespace erwin::kernels {

namespace {

// delta = dO . O of a row, whose columns 2t and 2t + 1 of every 8 are this lane's; all lanes of the warp take part.
template <int D>
__device__ float row_delta(const Bf* out, const Bf* grad_out, bool real) {
  float delta = 0;
  if (real) {
#pragma unroll
    for (int n = 0; n < D / 8; ++n) {
      const int column = 8 * n + 2 * lane_pair();
      const float2 value = unpack_bf16(*reinterpret_cast<const std::uint32_t*>(out + column));
      const float2 grad = unpack_bf16(*reinterpret_cast<const std::uint32_t*>(grad_out + column));
      delta = fmaf(value.x, grad.x, fmaf(value.y, grad.y, delta));
    }
  }
  return sum_over<4>(delta);
}

template <int D>
__global__ void __launch_bounds__(Bf16Tile<D>::threads, 2)
    row_gradient_kernel(SelectedAttentionParams<Bf16> params, const Bf* grad_out, Bf* grad_q, RowStatistics* statistics,
                        int tiles_of_problem, float scale) {
  using Tile = Bf16Tile<D>;
  constexpr int M = Tile::m_tiles;
  alignas(16) __shared__ KeyTile<D> tiles[2];
  __shared__ SelectedList list;
  const std::int64_t index = blockIdx.x / static_cast<unsigned>(tiles_of_problem);
  const int tile = static_cast<int>(blockIdx.x % static_cast<unsigned>(tiles_of_problem));
  list_selected(list, params.selected + index * params.selected_stride, params.mask, params.shape);
  const SelectedRows rows(params.shape, index);
  const int warp_row = (tile * static_cast<int>(blockDim.x / 32) + static_cast<int>(threadIdx.x / 32)) * 16 * M;
  const Bf* const out = reinterpret_cast<const Bf*>(params.out);
  MmaA q[M][Tile::steps], grad[M][Tile::steps];
  load_row_fragments<D>(q, rows, params.mask, reinterpret_cast<const Bf*>(params.q), warp_row);
  load_row_fragments<D>(grad, rows, params.mask, grad_out, warp_row);
  RowStatistics own[M][2];
#pragma unroll
  for (int m = 0; m < M; ++m)
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      const int row = warp_row + 16 * m + 8 * half + lane_group();
      const bool real = rows.real_row(row, params.mask);
      const std::int64_t entry = real ? rows.entry(row) : 0;
      const float delta = row_delta<D>(out + entry * D, grad_out + entry * D, real);
      own[m][half] = row_statistics(real ? params.lse[entry] : -infinity(), delta);
      if (row < rows.rows && lane_pair() == 0) statistics[index * rows.rows + row] = own[m][half];
    }
  MmaD sum[M][Tile::columns];
  clear(sum);
  __syncthreads();
  const SelectedKeys keys(list, params.shape, rows.group);
  for_each_key_tile<D>(
      tiles, keys, reinterpret_cast<const Bf*>(params.k), reinterpret_cast<const Bf*>(params.v),
      [&](const KeyTile<D>& of_keys, bool full) { add_row_gradients<D>(sum, q, grad, own, of_keys, full, scale); });
  store_row_gradients<D>(sum, rows, params.mask, warp_row, scale / log2_e, grad_q);
}

}  // namespace

int launch_row_gradients(const SelectedAttentionParams<Bf16>& params, const SelectedAttentionGradients<Bf16>& gradients,
                         RowStatistics* statistics, cudaStream_t stream) {
  return for_width(params.shape.width, [&](auto width) {
    constexpr int D = width();
    const RowGrid grid = row_grid(params.shape, 16 * Bf16Tile<D>::m_tiles, Bf16Tile<D>::warps);
    row_gradient_kernel<D><<<grid.blocks, grid.threads, 0, stream>>>(
        params, on_device(gradients.grad_out), on_device(gradients.grad_q), statistics, grid.tiles, log2_scale(D));
    return static_cast<int>(cudaGetLastError());
  });
}

}  // namespace erwin::kernels
