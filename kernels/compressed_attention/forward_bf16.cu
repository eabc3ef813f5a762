// The compressed branch forward in bf16.

#include "kernels/common/attention_forward_bf16.cuh"
#include "kernels/compressed_attention/problem.cuh"

namespace erwin::kernels {

namespace {

// The memory slot as the first key; without one the row begins empty.
template <int D>
__device__ void begin(RowState<D>& state, const MmaA (&q)[Bf16Tile<D>::m_tiles][Bf16Tile<D>::steps], const Bf* memory_k,
                      const Bf* memory_v, float scale) {
  constexpr int M = Bf16Tile<D>::m_tiles;
  state.begin();
  if (memory_k == nullptr) return;
  float logit[M][2] = {};
#pragma unroll
  for (int n = 0; n < D / 8; ++n) {  // columns 8 n to 8 n + 7
    const float2 key = unpack_bf16(*reinterpret_cast<const std::uint32_t*>(memory_k + 8 * n + 2 * lane_pair()));
#pragma unroll
    for (int m = 0; m < M; ++m)
#pragma unroll
      for (int half = 0; half < 2; ++half) {
        const float2 query = unpack_bf16(q[m][n / 2].a[n % 2 * 2 + half]);
        logit[m][half] = fmaf(query.x, key.x, fmaf(query.y, key.y, logit[m][half]));
      }
  }
#pragma unroll
  for (int m = 0; m < M; ++m)
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      const float highest = sum_over<4>(logit[m][half]);
      const float shift = highest == -infinity() ? 0.0f : highest * scale;
      const float weight = exp2_fast(fmaf(highest, scale, -shift));  // 1; NaN as in softmax, 0 for -infinity
      state.highest[m][half] = highest;
      state.shift[m][half] = shift;
      state.sum[m].d[2 * half] = state.sum[m].d[2 * half + 1] = weight;
#pragma unroll
      for (int n = 0; n < D / 8; ++n) {
        const float2 value = unpack_bf16(*reinterpret_cast<const std::uint32_t*>(memory_v + 8 * n + 2 * lane_pair()));
        state.out[m][n].d[2 * half] = weight * value.x;
        state.out[m][n].d[2 * half + 1] = weight * value.y;
      }
    }
}

template <int D>
__global__ void __launch_bounds__(Bf16Tile<D>::threads, 2)
    forward_kernel(CompressedAttentionParams<Bf16> params, float scale) {
  using Tile = Bf16Tile<D>;
  constexpr int M = Tile::m_tiles;
  alignas(16) __shared__ KeyTile<D> tiles[2];
  const Problem problem(params.shape, params.row_offsets, params.block_offsets);
  const int tile_row = static_cast<int>(blockIdx.x) * Tile::rows;
  if (tile_row >= problem.rows) return;
  const int warp_row = tile_row + static_cast<int>(threadIdx.x) / 32 * 16 * M;
  MmaA q[M][Tile::steps];
  load_row_fragments<D>(q, problem, params.mask, reinterpret_cast<const Bf*>(params.q), warp_row);
  RowState<D> state;
  const bool memory = params.memory_k != nullptr;
  begin<D>(state, q, memory ? reinterpret_cast<const Bf*>(params.memory_k) + problem.group * D : nullptr,
           memory ? reinterpret_cast<const Bf*>(params.memory_v) + problem.group * D : nullptr, scale);
  for_each_key_tile<D>(tiles, ProblemKeys(problem, params.real), reinterpret_cast<const Bf*>(params.k),
                       reinterpret_cast<const Bf*>(params.v),
                       [&](const KeyTile<D>& tile, bool full) { attend<D>(state, q, tile, full, scale); });
  store_rows<D>(state, problem, params.mask, warp_row, reinterpret_cast<Bf*>(params.out), params.lse);
}

}  // namespace

int compressed_attention_cuda(const CompressedAttentionParams<Bf16>& params, void* stream) {
  const CompressedShape& shape = params.shape;
  return for_width(shape.width, [&](auto width) {
    constexpr int D = width();
    const std::int64_t tiles = divide_up(shape.most_rows * shape.rows_per_query(), Bf16Tile<D>::rows);
    const dim3 grid(static_cast<unsigned>(tiles), static_cast<unsigned>(shape.groups),
                    static_cast<unsigned>(shape.samples));
    forward_kernel<D>
        <<<grid, Bf16Tile<D>::threads, 0, static_cast<cudaStream_t>(stream)>>>(params, log2_scale(shape.width));
    return static_cast<int>(cudaGetLastError());
  });
}

}  // namespace erwin::kernels
