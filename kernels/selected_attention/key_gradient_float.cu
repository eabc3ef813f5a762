// The selected branch backward in float32: dK and dV by the items of the transposed list, in the same way as in bf16.

#include "kernels/common/attention_float.cuh"
#include "kernels/selected_attention/backward.cuh"

namespace erwin::kernels {

namespace {

template <int D, int B>
struct KeyTiling {
  using Tile = FloatTile<D>;
  static constexpr int threads = 128, per_part = B * Tile::lanes;
  static constexpr int row_parts = threads / per_part;  // threads with the same key
  static constexpr int rows = 32;                       // in shared memory at a time
  static_assert(row_parts >= 1 && rows % row_parts == 0);
};

template <int D, int B>
union KeyShared {
  FloatRowTile<D, KeyTiling<D, B>::rows> tile;
  float sums[KeyTiling<D, B>::row_parts][2][B][D];
};

template <int D, int Count>
__device__ void copy_item_rows(FloatRowTile<D, Count>& tile, const ItemRows& rows, const float* q,
                               const float* grad_out, int first) {
  constexpr int pieces = D / 4;
  for (int i = static_cast<int>(threadIdx.x); i < Count * pieces; i += static_cast<int>(blockDim.x)) {
    const int at = i / pieces, piece = i % pieces;
    const ItemRows::Row row = rows.row(first + at);
    float values[4] = {}, slopes[4] = {};
    if (row.real) {
      load_floats<4>(q + row.entry * D + 4 * piece, values);
      load_floats<4>(grad_out + row.entry * D + 4 * piece, slopes);
    }
    store_floats<4>(tile.q + 4 * i, values);
    store_floats<4>(tile.grad + 4 * i, slopes);
    if (piece == 0) tile.statistics[at] = rows.statistics(row);
  }
}

template <int D, int B>
__global__ void __launch_bounds__(KeyTiling<D, B>::threads)
    key_gradient_kernel(SelectedAttentionParams<float> params, const float* grad_out, float* grad_k, float* grad_v,
                        SelectedBackward memory, float scale) {
  using Tile = FloatTile<D>;
  using Keys = KeyTiling<D, B>;
  constexpr int C = Tile::columns;
  alignas(16) __shared__ KeyShared<D, B> shared;
  __shared__ ItemBlocks blocks;
  if (static_cast<int>(blockIdx.x) >= memory.list.places[memory.list.keys].items) return;
  const ListItem item = memory.list.items[blockIdx.x];
  list_item_blocks(blocks, item, memory.list, params.mask, B);
  const int row_part = static_cast<int>(threadIdx.x) / Keys::per_part;
  const int key = static_cast<int>(threadIdx.x) % Keys::per_part / Tile::lanes;
  const int column = static_cast<int>(threadIdx.x) % Tile::lanes * C;
  const BlockKeys keys(params.shape, params.mask, item.key);
  const ItemRows rows(params.shape, item, blocks, memory);
  float k[C] = {}, v[C] = {}, sum_k[C] = {}, sum_v[C] = {};
  if (keys.real(key)) {
    load_floats<C>(params.k + keys.entry(key) * D + column, k);
    load_floats<C>(params.v + keys.entry(key) * D + column, v);
  }
  for (int first = 0; first < rows.rows; first += Keys::rows) {
    __syncthreads();
    copy_item_rows<D>(shared.tile, rows, params.q, grad_out, first);
    __syncthreads();
#pragma unroll 2
    for (int i = row_part; i < Keys::rows; i += Keys::row_parts)
      add_row<D>(sum_k, sum_v, k, v, shared.tile, i, column, scale);
  }
  __syncthreads();  // the sums take the place of the tile
  store_floats<C>(&shared.sums[row_part][0][key][column], sum_k);
  store_floats<C>(&shared.sums[row_part][1][key][column], sum_v);
  __syncthreads();
  finish_item<D, B, Keys::row_parts>(&shared.sums[0][0][0][0], memory, item, keys, scale / log2_e, grad_k, grad_v);
}

}  // namespace

int selected_attention_backward_cuda(const SelectedAttentionParams<float>& params,
                                     const SelectedAttentionGradients<float>& gradients, void* workspace,
                                     void* stream) {
  return run_backward(params, gradients, workspace, stream, [&](auto width, auto size, const auto& memory) {
    constexpr int D = width(), B = size();
    key_gradient_kernel<D, B><<<static_cast<unsigned>(memory.list.most_items), KeyTiling<D, B>::threads, 0,
                                static_cast<cudaStream_t>(stream)>>>(params, gradients.grad_out, gradients.grad_k,
                                                                     gradients.grad_v, memory, log2_scale(D));
  });
}

std::size_t selected_attention_backward_workspace(const SelectedShape& shape) {
  return SelectedBackward(shape, nullptr).bytes;
}

}  // namespace erwin::kernels
