// Ball attention backward in bf16, over the rows: dQ, the sums for sigma's gradient, and the rows' statistics for the
// keys' kernel. Probabilities come back from q, k and lse.

#include "kernels/ball_attention/backward_bf16.cuh"
#include "kernels/ball_attention/ball_tiles_bf16.cuh"
#include "kernels/common/reduce.cuh"

namespace erwin::kernels {

namespace {

// What a warp keeps of its 16 slots of the heads of a round.
template <typename Set>
struct Rows {
  MmaA q[Set::heads][Set::steps], grad[Set::heads][Set::steps];
  MmaD sum[Set::heads][Set::columns];
  RowStatistics statistics[Set::heads][2];
  float slopes[Set::heads], sigma[Set::heads];
};

// dO . O of the lane's two rows.
template <typename Set>
__device__ void find_deltas(float (&delta)[2], const MmaA (&grad)[Set::steps], const MmaA (&out)[Set::steps]) {
  delta[0] = delta[1] = 0;
#pragma unroll
  for (int step = 0; step < Set::steps; ++step)
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      const float2 a = unpack_bf16(grad[step].a[i]), b = unpack_bf16(out[step].a[i]);
      delta[i % 2] = fmaf(a.x, b.x, fmaf(a.y, b.y, delta[i % 2]));
    }
  delta[0] = sum_over<4>(delta[0]);
  delta[1] = sum_over<4>(delta[1]);
}

template <typename Set>
__device__ void load_rows(Rows<Set>& rows, const BallAttentionParams<Bf16>& params, const Bf* grad_out,
                          const LaneSlots& slots, int head, RowStatistics* statistics) {
  const std::int64_t stride = std::int64_t{params.shape.heads} * Set::D;
#pragma unroll
  for (int h = 0; h < Set::heads; ++h) {
    load_fragments<Set>(rows.q[h], slots, on_device(params.q), params.q_stride, head + h);
    load_fragments<Set>(rows.grad[h], slots, grad_out, stride, head + h);
    MmaA out[Set::steps];
    load_fragments<Set>(out, slots, on_device(params.out), stride, head + h);
    float delta[2];
    find_deltas<Set>(delta, rows.grad[h], out);
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      const int slot = slots.slot[half];
      const float lse = params.lse[std::int64_t{slots.from[half]} * params.shape.heads + head + h];
      RowStatistics& row = rows.statistics[h][half];
      row = row_statistics(slots.real[half] ? lse : -infinity(), delta[half]);
      if (lane_pair() == 0 && slot < params.shape.slots) statistics[(head + h) * params.shape.slots + slot] = row;
    }
#pragma unroll
    for (int n = 0; n < Set::columns; ++n) rows.sum[h][n] = mma_zero();
    rows.sigma[h] = 0;
  }
}

// The 16 keys of a tile from `at`.
template <typename Set>
__device__ void add_keys(Rows<Set>& rows, const LaneDistances& distances, const BallKeyTile<Set>& tile, int at,
                         float scale) {
  MmaD s[Set::heads][2], dp[Set::heads][2];  // dP - delta
#pragma unroll
  for (int h = 0; h < Set::heads; ++h)
#pragma unroll
    for (int n = 0; n < 2; ++n)
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        s[h][n].d[i] = fmaf(distances.to[n][i], rows.slopes[h], distances.last[n][i % 2]);
        dp[h][n].d[i] = -rows.statistics[h][i / 2].delta;
      }
  add_products<Set::D, Set::heads, Set::next_key>(s, rows.q, tile.k, at);
  add_products<Set::D, Set::heads, Set::next_key>(dp, rows.grad, tile.v, at);
  MmaA ds[Set::heads];
#pragma unroll
  for (int h = 0; h < Set::heads; ++h) {
#pragma unroll
    for (int n = 0; n < 2; ++n)
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        dp[h][n].d[i] *= exp2_fast(fmaf(s[h][n].d[i], scale, -rows.statistics[h][i / 2].shift));
        rows.sigma[h] = fmaf(dp[h][n].d[i], distances.to[n][i], rows.sigma[h]);
      }
    ds[h] = accumulators_as_a(dp[h][0], dp[h][1]);
  }
  add_weighted<Set::D, Set::heads, Set::next_key>(rows.sum, ds, tile.k, at);
}

// The keys of `part` of a tile.
template <typename Set>
__device__ void add_keys(Rows<Set> (&rounds)[Set::rounds], const LaneSlots& slots, const BallKeyTile<Set>& tile,
                         const SlotRange& part, float scale) {
#pragma unroll 1
  for (int at = part.begin; at < part.end; at += 16) {
    const LaneDistances distances(slots, tile.place, at);
#pragma unroll
    for (Rows<Set>& rows : rounds) add_keys<Set>(rows, distances, tile, at, scale);
  }
}

template <typename Set>
__global__ void __launch_bounds__(Set::row_threads, Set::row_blocks)
    row_gradient_kernel(BallAttentionParams<Bf16> params, const Bf* grad_out, Bf* grad_q, BallMemory memory,
                        std::int64_t row_tiles, float scale) {
  extern __shared__ __align__(16) unsigned char dynamic[];
  __shared__ float sigma[Set::all_heads][Set::row_warps];
  auto& shared = *reinterpret_cast<BallShared<BallKeyTile<Set>, Set>*>(dynamic);
  const RowBlock<Set> block(params.shape);
  LaneSlots slots;
  Rows<Set> rounds[Set::rounds];
  const auto load = [&] {
    put_all_columns<Set>(shared.columns, params, block.head, Set::all_heads, block.group);
    slots = LaneSlots(params, block.warp_slot);
#pragma unroll
    for (int r = 0; r < Set::rounds; ++r) {
      const int first = r * Set::heads;  // of the thread block's heads
      load_slopes<Set>(rounds[r].slopes, params.sigma, block.head + first);
      load_rows<Set>(rounds[r], params, grad_out, slots, block.head + first, memory.statistics);
      if (!params.relative) continue;
#pragma unroll
      for (int h = 0; h < Set::heads; ++h)
        update_fragments<Set>(rounds[r].q[h], slots, shared.columns.q() + (first + h) * Set::D);
    }
  };
  for_each_key_tile<Set>(shared, params, block.keys, block.group, load, [&](const BallKeyTile<Set>& tile, int first) {
    add_keys<Set>(rounds, slots, tile, part_of(block.own, first, slot_tile), scale);
  });
  const float factor = scale / log2_e;
#pragma unroll
  for (int head = 0; head < Set::all_heads; ++head) {
    const Rows<Set>& rows = rounds[head / Set::heads];
    const int h = head % Set::heads;
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      if (slots.slot[half] >= params.shape.slots) continue;
      const std::int64_t entry = std::int64_t{slots.slot[half]} * params.shape.heads + block.head + head;
      store_gradient<Set>(grad_q + entry * Set::D, rows.sum[h], half, slots.real[half], factor);
    }
    const float sum = sum_over<32>(rows.sigma[h]);
    if (threadIdx.x % 32 == 0) sigma[head][threadIdx.x / 32] = sum;
  }
  __syncthreads();
  if (threadIdx.x >= Set::all_heads) return;
  float sum = 0;
  for (const float x : sigma[threadIdx.x]) sum += x;
  memory.sigma_partial[(block.head + static_cast<int>(threadIdx.x)) * row_tiles + block.tile] = sum;
}

}  // namespace

int launch_row_gradients(const BallAttentionParams<Bf16>& params, const BallAttentionGradients<Bf16>& gradients,
                         const BallPlan& plan, const BallMemory& memory, void* stream) {
  return for_head_set(params.shape, [&](auto set) {
    using Set = decltype(set);
    return launch(row_gradient_kernel<Set>, plan.row_tiles * (params.shape.heads / Set::all_heads), Set::row_threads,
                  shared_bytes<BallKeyTile<Set>, Set>(params.relative != nullptr, Set::all_heads), stream, params,
                  on_device(gradients.grad_out), on_device(gradients.grad_q), memory, plan.row_tiles,
                  log2_scale(Set::D));
  });
}

}  // namespace erwin::kernels
