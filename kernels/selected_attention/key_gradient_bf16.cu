// The selected branch backward in bf16: dK and dV by the items of the transposed list. The warps of a thread block keep
// the same keys and take different rows; their sums are added in order at the end.

#include "kernels/common/attention_backward_bf16.cuh"
#include "kernels/selected_attention/backward.cuh"

namespace erwin::kernels {

namespace {

template <int D, int B>
struct KeyTiling {
  static constexpr int warps = 4, threads = 32 * warps;
  static constexpr int m_tiles = D == 64 ? 1 : B / 16;              // tiles of 16 keys of a warp
  static constexpr int key_parts = B / 16 / m_tiles;                // warps that share the keys of the block
  static constexpr int row_parts = warps / key_parts;               // and those that share the rows
  static constexpr int rows = D == 64 ? 64 : 128;                   // in shared memory at a time
  static constexpr int blocks_wanted = D == 32 && B == 32 ? 3 : 4;  // on a multiprocessor, for the registers
};

template <int D, int B>
union KeyShared {
  RowTile<D, KeyTiling<D, B>::rows> tiles[2];
  float sums[KeyTiling<D, B>::row_parts][2][B][D];
};

template <int D, int Count>
__device__ void copy_item_rows(RowTile<D, Count>& tile, const ItemRows& rows, const Bf* q, const Bf* grad_out,
                               int first) {
  using Tile = Bf16Tile<D>;
  constexpr int pieces = Tile::width / 8;
  for (int i = static_cast<int>(threadIdx.x); i < Count * pieces; i += static_cast<int>(blockDim.x)) {
    const int at = i / pieces, piece = i % pieces;
    const ItemRows::Row row = rows.row(first + at);
    const bool real = row.real && piece < D / 8;
    const std::int64_t from = real ? row.entry * D + piece * 8 : 0;
    copy_async_16(tile.q + at * Tile::stride + piece * 8, q + from, real);
    copy_async_16(tile.grad + at * Tile::stride + piece * 8, grad_out + from, real);
    if (piece != 0) continue;
    if (row.real)
      copy_async_8(tile.statistics + at, rows.all_statistics + row.place);
    else
      tile.statistics[at] = {infinity(), 0.0f};
  }
  commit_copies();
}

// One warp's sums of [16 M keys][D] to [B][D] in shared memory.
template <int D, int M>
__device__ void put_sums(const MmaD (&sum)[M][Bf16Tile<D>::columns], float (*to)[D], int warp_key) {
#pragma unroll
  for (int m = 0; m < M; ++m)
#pragma unroll
    for (int half = 0; half < 2; ++half)
#pragma unroll
      for (int n = 0; n < Bf16Tile<D>::columns; ++n)
        *reinterpret_cast<float2*>(&to[warp_key + 16 * m + 8 * half + lane_group()][8 * n + 2 * lane_pair()]) =
            make_float2(sum[m][n].d[2 * half], sum[m][n].d[2 * half + 1]);
}

template <int D, int B>
__global__ void __launch_bounds__(KeyTiling<D, B>::threads, KeyTiling<D, B>::blocks_wanted)
    key_gradient_kernel(SelectedAttentionParams<Bf16> params, const Bf* grad_out, Bf* grad_k, Bf* grad_v,
                        SelectedBackward memory, float scale) {
  using Tile = Bf16Tile<D>;
  using Keys = KeyTiling<D, B>;
  constexpr int M = Keys::m_tiles;
  alignas(16) __shared__ KeyShared<D, B> shared;
  __shared__ ItemBlocks blocks;
  if (static_cast<int>(blockIdx.x) >= memory.list.places[memory.list.keys].items) return;
  const ListItem item = memory.list.items[blockIdx.x];
  list_item_blocks(blocks, item, memory.list, params.mask, B);
  const int warp = static_cast<int>(threadIdx.x) / 32, row_part = warp / Keys::key_parts;
  const int warp_key = warp % Keys::key_parts * 16 * M;
  const BlockKeys keys(params.shape, params.mask, item.key);
  const ItemRows rows(params.shape, item, blocks, memory);
  const Bf* const q = reinterpret_cast<const Bf*>(params.q);
  MmaA k[M][Tile::steps], v[M][Tile::steps];
  load_key_fragments<D>(k, keys, reinterpret_cast<const Bf*>(params.k), warp_key);
  load_key_fragments<D>(v, keys, reinterpret_cast<const Bf*>(params.v), warp_key);
  MmaD sum_k[M][Tile::columns], sum_v[M][Tile::columns];
  clear(sum_k);
  clear(sum_v);
  __syncthreads();
  if (rows.rows > 0) copy_item_rows<D>(shared.tiles[0], rows, q, grad_out, 0);
  for (int first = 0, turn = 0; first < rows.rows; first += Keys::rows, turn ^= 1) {
    wait_for_copies<0>();
    __syncthreads();  // also: nobody reads the other tile any more
    if (first + Keys::rows < rows.rows)
      copy_item_rows<D>(shared.tiles[turn ^ 1], rows, q, grad_out, first + Keys::rows);
#pragma unroll 1
    for (int i = 16 * row_part; i < Keys::rows; i += 16 * Keys::row_parts)
      add_rows<D>(sum_k, sum_v, k, v, shared.tiles[turn], i, scale);
  }
  __syncthreads();  // the sums take the place of the tiles
  put_sums<D>(sum_k, shared.sums[row_part][0], warp_key);
  put_sums<D>(sum_v, shared.sums[row_part][1], warp_key);
  __syncthreads();
  finish_item<D, B, Keys::row_parts>(&shared.sums[0][0][0][0], memory, item, keys, scale / log2_e, grad_k, grad_v);
}

}  // namespace

int selected_attention_backward_cuda(const SelectedAttentionParams<Bf16>& params,
                                     const SelectedAttentionGradients<Bf16>& gradients, void* workspace, void* stream) {
  return run_backward(params, gradients, workspace, stream, [&](auto width, auto size, const auto& memory) {
    constexpr int D = width(), B = size();
    key_gradient_kernel<D, B>
        <<<static_cast<unsigned>(memory.list.most_items), KeyTiling<D, B>::threads, 0,
           static_cast<cudaStream_t>(stream)>>>(params, on_device(gradients.grad_out), on_device(gradients.grad_k),
                                                on_device(gradients.grad_v), memory, log2_scale(D));
  });
}

}  // namespace erwin::kernels
