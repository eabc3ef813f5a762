// Ball attention forward in float32.

#include "kernels/ball_attention/ball_tiles_float.cuh"

namespace erwin::kernels {

namespace {

template <int D>
__global__ void __launch_bounds__(FloatTile<D>::threads)
    forward_kernel(BallAttentionParams<float> params, float scale) {
  using Tile = FloatTile<D>;
  constexpr int C = Tile::columns;
  __shared__ BallFloatKeys<D> shared;
  const FloatRowBlock<D> block(params);
  FloatRow<C> state;
#pragma unroll
  for (int i = 0; i < C; ++i) state.q[i] = state.out[i] = 0;
  if (block.real)
    load_row<D>(state.q, params, params.q + block.slot * params.q_stride + block.head * D, block.head, block.column,
                block.slot);
  for_each_key_tile<D>(shared, params, block.keys, block.group, [&](const BallFloatKeys<D>& tile, int first) {
    constexpr int together = 4;
    const SlotRange part = part_of(block.warp, first, slot_tile);
#pragma unroll 1
    for (int at = part.begin; at < part.end; at += together) {
      float logits[together];
#pragma unroll
      for (int j = 0; j < together; ++j) {
        const float4 place = tile.place[at + j];
        logits[j] = sum_of_row<Tile::lanes>(dot<C>(state.q, tile.k + (at + j) * D + block.column)) +
                    fmaf(distance_of(block.place, place), block.slope, place.w);
      }
      if (!lies_in(block.own, first + at)) continue;
      state.raise(fmaxf(fmaxf(logits[0], logits[1]), fmaxf(logits[2], logits[3])), scale);
#pragma unroll
      for (int j = 0; j < together; ++j) state.add(logits[j], tile.v + (at + j) * D + block.column, scale);
    }
  });
  if (!block.inside) return;
  const std::int64_t entry = std::int64_t{block.slot} * params.shape.heads + block.head;
  const float inverse = state.sum != 0 ? 1.0f / state.sum : 0.0f;
#pragma unroll
  for (int i = 0; i < C; ++i) state.out[i] = block.real ? state.out[i] * inverse : 0.0f;
  store_floats<C>(params.out + entry * D + block.column, state.out);
  if (block.column == 0) params.lse[entry] = block.real ? state.shift * ln_2 + logf(state.sum) : -infinity();
}

}  // namespace

int ball_attention_cuda(const BallAttentionParams<float>& params, void* stream) {
  const BallShape& shape = params.shape;
  return for_width(shape.width, [&](auto width) {
    constexpr int D = width();
    const std::int64_t blocks = divide_up(shape.slots * shape.heads_per_group(), FloatTile<D>::rows) * shape.groups;
    forward_kernel<D><<<static_cast<unsigned>(blocks), FloatTile<D>::threads, 0, static_cast<cudaStream_t>(stream)>>>(
        params, log2_scale(D));
    return static_cast<int>(cudaGetLastError());
  });
}

}  // namespace erwin::kernels
