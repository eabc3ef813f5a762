// Ball attention backward in bf16, over the keys: dK and dV. Every warp keeps 16 keys in registers and goes over the
// rows of their ball, for every query head of the KV head. The products are made transposed, keys as rows, so that P^T
// and dS^T need not leave the registers.

#include "kernels/ball_attention/backward_bf16.cuh"

namespace erwin::kernels {

namespace {

template <typename Set>
struct Keys {
  MmaA k[Set::heads][Set::steps], v[Set::heads][Set::steps];  // of each query head's KV head
  MmaD sum_k[Set::keys][Set::columns], sum_v[Set::keys][Set::columns];
};

template <typename Set>
__device__ void load_keys(Keys<Set>& keys, const BallAttentionParams<Bf16>& params, const LaneSlots& slots, int group,
                          UpdateColumns<Set>& columns) {
  clear(keys.sum_k);
  clear(keys.sum_v);
#pragma unroll
  for (int h = 0; h < Set::heads; ++h) {
    const int n = Set::keys > 1 ? h : 0;
    load_fragments<Set>(keys.k[h], slots, on_device(params.k), params.k_stride, group + n);
    load_fragments<Set>(keys.v[h], slots, on_device(params.v), params.v_stride, group + n);
    if (!params.relative) continue;
    update_fragments<Set>(keys.k[h], slots, columns.k + n * Set::D);
    update_fragments<Set>(keys.v[h], slots, columns.v + n * Set::D);
  }
}

// sums += weights X, where the heads may share their sums.
template <typename Set>
__device__ void add_to_keys(MmaD (&sums)[Set::keys][Set::columns], const MmaA (&weights)[Set::heads], const Bf* tile,
                            int at) {
  if constexpr (Set::keys == Set::heads) {
    add_weighted<Set::D, Set::heads, Set::next_head>(sums, weights, tile, at);
  } else {
#pragma unroll
    for (int h = 0; h < Set::heads; ++h) {
      const MmaA one[1] = {weights[h]};
      add_weighted<Set::D, 1>(sums, one, tile + h * Set::next_head, at);
    }
  }
}

// The 16 rows from `at` of the heads of a round in a tile.
template <typename Set>
__device__ void add_rows(Keys<Set>& keys, const LaneDistances& distances, const float (&slopes)[Set::heads],
                         const BallRowTile<Set>& tile, int round, int at, float scale) {
  const Bf *const q = tile.q + round * Set::heads * Set::tile, *const grad = tile.grad + round * Set::heads * Set::tile;
  MmaD s[Set::heads][2], dp[Set::heads][2];  // dP - delta
  float shift[Set::heads][2][2];             // of the rows of columns 2t and 2t + 1
#pragma unroll
  for (int h = 0; h < Set::heads; ++h)
#pragma unroll
    for (int n = 0; n < 2; ++n) {
      const float4 pair =
          *reinterpret_cast<const float4*>(tile.statistics[round * Set::heads + h] + at + 8 * n + 2 * lane_pair());
      shift[h][n][0] = pair.x;
      shift[h][n][1] = pair.z;
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        s[h][n].d[i] = distances.to[n][i] * slopes[h];
        dp[h][n].d[i] = i % 2 == 0 ? -pair.y : -pair.w;
      }
    }
  add_products<Set::D, Set::heads, Set::next_head>(s, keys.k, q, at);
  add_products<Set::D, Set::heads, Set::next_head>(dp, keys.v, grad, at);
  MmaA weights[Set::heads], ds[Set::heads];
#pragma unroll
  for (int h = 0; h < Set::heads; ++h) {
#pragma unroll
    for (int n = 0; n < 2; ++n)
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        s[h][n].d[i] = exp2_fast(fmaf(s[h][n].d[i], scale, -shift[h][n][i % 2]));
        dp[h][n].d[i] *= s[h][n].d[i];
      }
    weights[h] = accumulators_as_a(s[h][0], s[h][1]);
    ds[h] = accumulators_as_a(dp[h][0], dp[h][1]);
  }
  add_to_keys<Set>(keys.sum_v, weights, grad, at);
  add_to_keys<Set>(keys.sum_k, ds, q, at);
}

// The rows of `part` of a tile.
template <typename Set>
__device__ void add_rows(Keys<Set>& keys, const LaneSlots& slots, const float (&slopes)[Set::rounds][Set::heads],
                         const BallRowTile<Set>& tile, const SlotRange& part, float scale) {
#pragma unroll 1
  for (int at = part.begin; at < part.end; at += 16) {
    const LaneDistances distances(slots, tile.place, at);
#pragma unroll
    for (int r = 0; r < Set::rounds; ++r) add_rows<Set>(keys, distances, slopes[r], tile, r, at, scale);
  }
}

template <typename Set>
__device__ void copy_row_tile(BallRowTile<Set>& tile, const BallAttentionParams<Bf16>& params, const Bf* grad_out,
                              const RowStatistics* statistics, int head, int first, int end) {
  const std::int64_t stride = std::int64_t{params.shape.heads} * Set::D;
  copy_heads<Set, key_threads, Set::all_heads>(tile.q, tile.grad, on_device(params.q), params.q_stride, grad_out,
                                               stride, head, params.mask, first, end);
  copy_places<key_threads>(tile, params, first, end, 0.0f);
  // Those of a masked slot say that it takes no part.
#pragma unroll
  for (int at = 0; at < Set::all_heads * slot_tile; at += key_threads) {
    const int i = (at + static_cast<int>(threadIdx.x)) % slot_tile,
              h = (at + static_cast<int>(threadIdx.x)) / slot_tile;
    if (h >= Set::all_heads) break;
    const int slot = min(first + i, end - 1);
    copy_async_8(&tile.statistics[h][i], statistics + (head + h) * params.shape.slots + slot);
  }
  commit_copies();
}

// body(n, half, place) for the lane's two keys of the set's KV heads that there are; place: where the key lies in
// grad_k and grad_v.
template <typename Set, typename Body>
__device__ void for_each_key(const BallShape& shape, const LaneSlots& slots, int group, const Body& body) {
#pragma unroll
  for (int n = 0; n < Set::keys; ++n)
#pragma unroll
    for (int half = 0; half < 2; ++half)
      if (slots.slot[half] < shape.slots)
        body(n, half, (std::int64_t{slots.slot[half]} * shape.groups + group + n) * Set::D);
}

// The lane's row of sums to a part of dK or dV that is added up later, zeros where it is not real.
template <typename Set>
__device__ void store_part(float* to, const MmaD (&sum)[Set::columns], int half, bool real) {
#pragma unroll
  for (int n = 0; n < Set::columns; ++n)
    *reinterpret_cast<float2*>(to + 8 * n + 2 * lane_pair()) =
        real ? make_float2(sum[n].d[2 * half], sum[n].d[2 * half + 1]) : make_float2(0, 0);
}

// Narrow heads leave room for four thread blocks on a multiprocessor, as many as a plan asks for; wide ones would
// spill.
template <typename Set>
constexpr int key_blocks = Set::D <= 16 && Set::rounds == 1 ? 4 : 3;

// Blocks: (tile of keys, set of KV heads, part of the query heads of a KV head).
template <typename Set>
__global__ void __launch_bounds__(key_threads, key_blocks<Set>)
    key_gradient_kernel(BallAttentionParams<Bf16> params, BallAttentionGradients<Bf16> gradients, BallMemory memory,
                        int splits, float scale) {
  extern __shared__ __align__(16) unsigned char dynamic[];
  auto& shared = *reinterpret_cast<BallShared<BallRowTile<Set>, Set>*>(dynamic);
  const BallShape& shape = params.shape;
  const int sets = shape.groups / Set::keys, per_group = shape.heads / shape.groups;
  const int split = static_cast<int>(blockIdx.x) % splits, rest = static_cast<int>(blockIdx.x) / splits;
  const int group = rest % sets * Set::keys, first_key = rest / sets * key_slots;
  const int warp_key = first_key + static_cast<int>(threadIdx.x) / 32 * 16;
  const SlotRange range = balls_of(shape, first_key, first_key + key_slots - 1);
  const SlotRange own = warp_key < shape.slots ? balls_of(shape, warp_key, warp_key) : SlotRange{0, 0};
  // Query heads in turns of Set::all_heads; with two KV heads there is one turn. Tiles follow each other across turns.
  const int turns = Set::keys > 1 ? 1 : per_group / Set::all_heads;
  const int first_turn = split * turns / splits, last_turn = (split + 1) * turns / splits;
  const int first_head = group * per_group + first_turn * Set::all_heads, tiles = tile_count(range);
  const int shift = __ffs(tiles) - 1;  // tiles of a turn are a power of two, as m is
  const auto turn_of = [&](int i) { return (i >> shift) * Set::all_heads; };  // its first head, counted from first_head
  const auto first_of = [&](int i) { return range.begin + (i & (tiles - 1)) * slot_tile; };
  LaneSlots slots;
  Keys<Set> keys;
  for_each_tile(
      shared.tiles, (last_turn - first_turn) * tiles, params.relative != nullptr,
      [&](BallRowTile<Set>& tile, int i) {
        copy_row_tile<Set>(tile, params, on_device(gradients.grad_out), memory.statistics, first_head + turn_of(i),
                           first_of(i), range.end);
      },
      [&] {
        put_all_columns<Set>(shared.columns, params, first_head, (last_turn - first_turn) * Set::all_heads, group);
        slots = LaneSlots(params, warp_key);
        load_keys<Set>(keys, params, slots, group, shared.columns);
      },
      [&](BallRowTile<Set>& tile, int i) {
        update_heads<Set, Set::all_heads>(tile.q, tile.relative, shared.columns.q() + turn_of(i) * Set::D);
      },
      [&](const BallRowTile<Set>& tile, int i) {
        float slopes[Set::rounds][Set::heads];
#pragma unroll
        for (int r = 0; r < Set::rounds; ++r)
          load_slopes<Set>(slopes[r], params.sigma, first_head + turn_of(i) + r * Set::heads);
        add_rows<Set>(keys, slots, slopes, tile, part_of(own, first_of(i), slot_tile), scale);
      });
  if (splits > 1) {
    const std::int64_t size = shape.slots * shape.groups * Set::D;
    float* const part = memory.key_partial + split * 2 * size;
    for_each_key<Set>(shape, slots, group, [&](int n, int half, std::int64_t place) {
      store_part<Set>(part + place, keys.sum_k[n], half, slots.real[half]);
      store_part<Set>(part + size + place, keys.sum_v[n], half, slots.real[half]);
    });
  } else {
    for_each_key<Set>(shape, slots, group, [&](int n, int half, std::int64_t place) {
      store_gradient<Set>(on_device(gradients.grad_k) + place, keys.sum_k[n], half, slots.real[half], scale / log2_e);
      store_gradient<Set>(on_device(gradients.grad_v) + place, keys.sum_v[n], half, slots.real[half], 1.0f);
    });
  }
}

}  // namespace

BallPlan ball_plan_bf16(const BallShape& shape) {
  const HeadCounts counts = heads_together(shape);
  const int per_turn = counts.heads / counts.keys * counts.rounds;
  return {shape, shape.slots, counts.row_slots(), key_slots, counts.keys, shape.heads_per_group() / per_turn};
}

int launch_key_gradients(const BallAttentionParams<Bf16>& params, const BallAttentionGradients<Bf16>& gradients,
                         const BallPlan& plan, const BallMemory& memory, void* stream) {
  return for_head_set(params.shape, [&](auto set) {
    using Set = decltype(set);
    const std::int64_t blocks =
        divide_up(params.shape.slots, key_slots) * (params.shape.groups / Set::keys) * plan.splits;
    const int heads = Set::keys * params.shape.heads_per_group();  // at most
    return launch(key_gradient_kernel<Set>, blocks, key_threads,
                  shared_bytes<BallRowTile<Set>, Set>(params.relative != nullptr, heads), stream, params, gradients,
                  memory, plan.splits, log2_scale(Set::D));
  });
}

int ball_attention_backward_cuda(const BallAttentionParams<Bf16>& params, const BallAttentionGradients<Bf16>& gradients,
                                 void* workspace, void* stream) {
  const BallPlan plan = ball_plan_bf16(params.shape);
  const BallMemory memory(params.shape, plan, workspace);
  if (const int failure = launch_row_gradients(params, gradients, plan, memory, stream)) return failure;
  if (const int failure = launch_key_gradients(params, gradients, plan, memory, stream)) return failure;
  return launch_ball_reduction(params.shape, gradients, plan, memory, stream);
}

}  // namespace erwin::kernels
