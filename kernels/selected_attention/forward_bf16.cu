// The selected branch forward in bf16.

#include "kernels/common/attention_forward_bf16.cuh"
#include "kernels/selected_attention/problem.cuh"

namespace erwin::kernels {

namespace {

template <int D>
__global__ void __launch_bounds__(Bf16Tile<D>::threads, 2)
    forward_kernel(SelectedAttentionParams<Bf16> params, int tiles_of_problem, float scale) {
  using Tile = Bf16Tile<D>;
  constexpr int M = Tile::m_tiles;
  alignas(16) __shared__ KeyTile<D> tiles[2];
  __shared__ SelectedList list;
  const std::int64_t index = blockIdx.x / static_cast<unsigned>(tiles_of_problem);
  const int tile = static_cast<int>(blockIdx.x % static_cast<unsigned>(tiles_of_problem));
  list_selected(list, params.selected + index * params.selected_stride, params.mask, params.shape);
  const SelectedRows rows(params.shape, index);
  const int warp_row = (tile * static_cast<int>(blockDim.x / 32) + static_cast<int>(threadIdx.x / 32)) * 16 * M;
  MmaA q[M][Tile::steps];
  load_row_fragments<D>(q, rows, params.mask, reinterpret_cast<const Bf*>(params.q), warp_row);
  RowState<D> state;
  state.begin();
  __syncthreads();
  const SelectedKeys keys(list, params.shape, rows.group);
  for_each_key_tile<D>(tiles, keys, reinterpret_cast<const Bf*>(params.k), reinterpret_cast<const Bf*>(params.v),
                       [&](const KeyTile<D>& of_keys, bool full) { attend<D>(state, q, of_keys, full, scale); });
  store_rows<D>(state, rows, params.mask, warp_row, reinterpret_cast<Bf*>(params.out), params.lse);
}

}  // namespace

int selected_attention_cuda(const SelectedAttentionParams<Bf16>& params, void* stream) {
  return for_width(params.shape.width, [&](auto width) {
    constexpr int D = width();
    const RowGrid grid = row_grid(params.shape, 16 * Bf16Tile<D>::m_tiles, Bf16Tile<D>::warps);
    forward_kernel<D>
        <<<grid.blocks, grid.threads, 0, static_cast<cudaStream_t>(stream)>>>(params, grid.tiles, log2_scale(D));
    return static_cast<int>(cudaGetLastError());
  });
}

}  // namespace erwin::kernels
