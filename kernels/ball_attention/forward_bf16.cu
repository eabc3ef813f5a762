// Ball attention forward in bf16: every warp keeps 16 slots of one, two or four heads in registers and goes once over
// the keys of their ball. The distance term and the mask are what the accumulators of q.k begin with, so they cost one
// multiply-add.

#include "kernels/ball_attention/ball_tiles_bf16.cuh"
#include "kernels/common/attention_forward_bf16.cuh"

namespace erwin::kernels {

namespace {

template <typename Set>
struct Rows {
  MmaA q[Set::heads][Set::steps];
  float slopes[Set::heads];
  RowState<Set::D, Set::heads> state;
};

template <typename Set>
__device__ void attend(Rows<Set> (&rounds)[Set::rounds], const LaneSlots& slots, const BallKeyTile<Set>& tile,
                       const SlotRange& part, float scale) {
  constexpr int groups = 2;  // of 16 keys
  // A ball of 16 has one group; as the other one stands the same again, with no weight: not the neighbour's keys, whose
  // values may be NaN.
  const bool single = part.end - part.begin == 16;
  const int step = single ? 0 : 16;
  const float outside = single ? -infinity() : 0.0f;
#pragma unroll 1
  for (int at = part.begin; at < part.end; at += 16 * groups) {
    LaneDistances distances[groups] = {{slots, tile.place, at}, {slots, tile.place, at + step}};
#pragma unroll
    for (int n = 0; n < 2; ++n) {
      distances[1].last[n][0] += outside;
      distances[1].last[n][1] += outside;
    }
#pragma unroll
    for (Rows<Set>& rows : rounds) {
      MmaD s[groups][Set::heads][2];
#pragma unroll
      for (int c = 0; c < groups; ++c) {
#pragma unroll
        for (int h = 0; h < Set::heads; ++h)
#pragma unroll
          for (int n = 0; n < 2; ++n)
#pragma unroll
            for (int i = 0; i < 4; ++i)
              s[c][h][n].d[i] = fmaf(distances[c].to[n][i], rows.slopes[h], distances[c].last[n][i % 2]);
        add_products<Set::D, Set::heads, Set::next_key>(s[c], rows.q, tile.k, at + step * c);
      }
      rows.state.template add<groups, Set::next_key>(s, tile.v, at, scale, step);
    }
  }
}

template <typename Set>
__global__ void __launch_bounds__(Set::row_threads, Set::row_blocks)
    forward_kernel(BallAttentionParams<Bf16> params, float scale) {
  extern __shared__ __align__(16) unsigned char memory[];
  auto& shared = *reinterpret_cast<BallShared<BallKeyTile<Set>, Set>*>(memory);
  const RowBlock<Set> block(params.shape);
  LaneSlots slots;
  Rows<Set> rounds[Set::rounds];
  const auto load_rows = [&] {
    put_all_columns<Set>(shared.columns, params, block.head, Set::all_heads, block.group);
    slots = LaneSlots(params, block.warp_slot);
#pragma unroll
    for (int r = 0; r < Set::rounds; ++r) {
      Rows<Set>& rows = rounds[r];
      const int first = r * Set::heads;  // of the thread block's heads
      load_slopes<Set>(rows.slopes, params.sigma, block.head + first);
#pragma unroll
      for (int h = 0; h < Set::heads; ++h) {
        load_fragments<Set>(rows.q[h], slots, on_device(params.q), params.q_stride, block.head + first + h);
        if (params.relative) update_fragments<Set>(rows.q[h], slots, shared.columns.q() + (first + h) * Set::D);
      }
      rows.state.begin();
    }
  };
  for_each_key_tile<Set>(shared, params, block.keys, block.group, load_rows,
                         [&](const BallKeyTile<Set>& tile, int first) {
                           attend<Set>(rounds, slots, tile, part_of(block.own, first, slot_tile), scale);
                         });
  if (block.warp_slot >= params.shape.slots) return;
#pragma unroll
  for (int r = 0; r < Set::rounds; ++r)
#pragma unroll
    for (int h = 0; h < Set::heads; ++h)
#pragma unroll
      for (int half = 0; half < 2; ++half) {
        const std::int64_t entry =
            std::int64_t{slots.slot[half]} * params.shape.heads + block.head + r * Set::heads + h;
        rounds[r].state.store(h, half, slots.real[half], on_device(params.out) + entry * Set::D, params.lse + entry);
      }
}

}  // namespace

int ball_attention_cuda(const BallAttentionParams<Bf16>& params, void* stream) {
  return for_head_set(params.shape, [&](auto set) {
    using Set = decltype(set);
    const std::int64_t blocks = divide_up(params.shape.slots, Set::row_slots) * (params.shape.heads / Set::all_heads);
    return launch(forward_kernel<Set>, blocks, Set::row_threads,
                  shared_bytes<BallKeyTile<Set>, Set>(params.relative != nullptr, Set::all_heads), stream, params,
                  log2_scale(Set::D));
  });
}

}  // namespace erwin::kernels
