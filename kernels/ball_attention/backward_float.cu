// Ball attention backward in float32, in the same two kernels as in bf16.

#include "kernels/ball_attention/ball_tiles_float.cuh"

namespace erwin::kernels {

namespace {

// dO . O and lse of a thread's row, for both kernels.
template <int D, int C>
__device__ RowStatistics find_statistics(const BallAttentionParams<float>& params, const FloatRowBlock<D>& block,
                                         const float (&grad)[C], std::int64_t entry) {
  float delta =
      sum_of_row<FloatTile<D>::lanes>(block.real ? dot<C>(grad, params.out + entry * D + block.column) : 0.0f);
  const float lse = block.real ? params.lse[entry] : -infinity();
  return row_statistics(lse, delta);
}

template <int D>
__global__ void __launch_bounds__(FloatTile<D>::threads)
    row_gradient_kernel(BallAttentionParams<float> params, const float* grad_out, float* grad_q, BallMemory memory,
                        std::int64_t row_tiles, float scale) {
  using Tile = FloatTile<D>;
  constexpr int C = Tile::columns;
  __shared__ BallFloatKeys<D> shared;
  __shared__ float sigma[Tile::rows];
  const FloatRowBlock<D> block(params);
  const int per_slot = params.shape.heads / params.shape.groups;
  const std::int64_t entry = std::int64_t{block.slot} * params.shape.heads + block.head;
  float q[C] = {}, grad[C] = {}, sum[C] = {}, sigma_sum = 0;
  if (block.real) {
    load_row<D>(q, params, params.q + block.slot * params.q_stride + block.head * D, block.head, block.column,
                block.slot);
    load_floats<C>(grad_out + entry * D + block.column, grad);
  }
  const RowStatistics statistics = find_statistics<D>(params, block, grad, entry);
  if (block.inside && block.column == 0)
    memory.statistics[block.group * params.shape.slots * per_slot + block.row] = statistics;
  for_each_key_tile<D>(shared, params, block.keys, block.group, [&](const BallFloatKeys<D>& tile, int first) {
    const SlotRange part = part_of(block.warp, first, slot_tile);
#pragma unroll 2
    for (int j = part.begin; j < part.end; ++j) {
      const float4 place = tile.place[j];
      const float distance = distance_of(block.place, place);
      const float logit =
          sum_of_row<Tile::lanes>(dot<C>(q, tile.k + j * D + block.column)) + fmaf(distance, block.slope, place.w);
      const float slope = sum_of_row<Tile::lanes>(dot<C>(grad, tile.v + j * D + block.column));
      if (!lies_in(block.own, first + j)) continue;
      const float weight = exp2_fast(fmaf(logit, scale, -statistics.shift));
      const float ds = weight * (slope - statistics.delta);
      sigma_sum = fmaf(ds, distance, sigma_sum);
      add_scaled(sum, ds, tile.k + j * D + block.column);
    }
  });
  if (block.inside) {
#pragma unroll
    for (int i = 0; i < C; ++i) sum[i] = block.real ? sum[i] * (scale / log2_e) : 0.0f;
    store_floats<C>(grad_q + entry * D + block.column, sum);
  }
  if (block.column == 0) sigma[block.row - block.first_row] = block.real ? sigma_sum : 0.0f;
  __syncthreads();
  const int head = static_cast<int>(threadIdx.x);  // of the group
  if (head >= per_slot) return;
  float total = 0;
  for (int i = 0; i < Tile::rows; ++i)
    if ((block.first_row + i) % per_slot == head) total += sigma[i];
  memory.sigma_partial[(block.group * per_slot + head) * row_tiles + block.tile] = total;
}

constexpr int row_tile = 32;  // rows in shared memory at a time

template <int D>
struct FloatRows {
  float q[row_tile * D], grad[row_tile * D];
  float4 place[row_tile];  // w: the slope of the row's head
  RowStatistics statistics[row_tile];
};

// Rows [first, first + row_tile) of a KV head, zeros where they are not real or beyond `end`.
template <int D>
__device__ void copy_row_tile(FloatRows<D>& tile, const BallAttentionParams<float>& params, const float* grad_out,
                              const RowStatistics* statistics, int group, int first, int end) {
  const BallShape& shape = params.shape;
  const int per_slot = shape.heads / shape.groups, slots = static_cast<int>(shape.slots);
  for (int i = static_cast<int>(threadIdx.x); i < row_tile * (D / 4); i += static_cast<int>(blockDim.x)) {
    const int row = first + i / (D / 4), column = i % (D / 4) * 4;
    const int slot = row / per_slot, head = group * per_slot + row % per_slot;
    float q[4] = {}, grad[4] = {};
    if (row < end && params.mask[slot]) {
      load_row<D>(q, params, params.q + slot * params.q_stride + head * D, head, column, slot);
      load_floats<4>(grad_out + (std::int64_t{slot} * shape.heads + head) * D + column, grad);
    }
    store_floats<4>(tile.q + i / (D / 4) * D + column, q);
    store_floats<4>(tile.grad + i / (D / 4) * D + column, grad);
  }
  for (int i = static_cast<int>(threadIdx.x); i < row_tile; i += static_cast<int>(blockDim.x)) {
    const int row = first + i, head = group * per_slot + row % per_slot;
    tile.place[i] = place_of(params, row < end ? row / per_slot : slots, slots, 0.0f);
    tile.place[i].w = params.sigma ? params.sigma[head] * sqrtf(static_cast<float>(D)) : 0.0f;
    tile.statistics[i] = row < end ? statistics[row] : RowStatistics{infinity(), 0.0f};
  }
}

// Blocks: (tile of keys, KV head, part of the rows).
template <int D>
__global__ void __launch_bounds__(FloatTile<D>::threads)
    key_gradient_kernel(BallAttentionParams<float> params, BallAttentionGradients<float> gradients, BallMemory memory,
                        int splits, float scale) {
  using Tile = FloatTile<D>;
  constexpr int C = Tile::columns, warp_keys = 32 / Tile::lanes;
  __shared__ FloatRows<D> tile;
  const BallShape& shape = params.shape;
  const int per_slot = shape.heads / shape.groups, slots = static_cast<int>(shape.slots);
  const int split = static_cast<int>(blockIdx.x) % splits, rest = static_cast<int>(blockIdx.x) / splits;
  const int group = rest % shape.groups, first_key = rest / shape.groups * Tile::rows;
  const int key = first_key + static_cast<int>(threadIdx.x) / Tile::lanes;
  const int column = static_cast<int>(threadIdx.x) % Tile::lanes * C;
  const int warp_key = first_key + static_cast<int>(threadIdx.x) / 32 * warp_keys;
  const bool inside = key < slots, real = inside && params.mask[key];
  // Slots whose rows are met: by the block, the warp, the key.
  const SlotRange all = balls_of(shape, first_key, first_key + Tile::rows - 1);
  const SlotRange warp = warp_key < slots ? balls_of(shape, warp_key, warp_key + warp_keys - 1) : SlotRange{0, 0};
  const SlotRange own = inside ? balls_of(shape, key, key) : SlotRange{0, 0};
  const SlotRange own_rows{own.begin * per_slot, own.end * per_slot};
  const int rows = (all.end - all.begin) * per_slot;
  const int per_split = (rows + splits * row_tile - 1) / (splits * row_tile) * row_tile;
  const int begin = all.begin * per_slot + split * per_split, end = min(begin + per_split, all.end * per_slot);
  const RowStatistics* const statistics = memory.statistics + group * shape.slots * per_slot;
  const float4 place = place_of(params, key, slots, 0.0f);
  float k[C] = {}, v[C] = {}, sum_k[C] = {}, sum_v[C] = {};
  if (real) {
    load_row<D>(k, params, params.k + key * params.k_stride + group * D, shape.heads + group, column, key);
    load_row<D>(v, params, params.v + key * params.v_stride + group * D, shape.heads + shape.groups + group, column,
                key);
  }
  for (int first = begin; first < end; first += row_tile) {
    __syncthreads();
    copy_row_tile<D>(tile, params, gradients.grad_out, statistics, group, first, end);
    __syncthreads();
    const SlotRange part = part_of({warp.begin * per_slot, warp.end * per_slot}, first, row_tile);
#pragma unroll 2
    for (int i = part.begin; i < part.end; ++i) {
      const float4 other = tile.place[i];
      const float logit =
          sum_of_row<Tile::lanes>(dot<C>(k, tile.q + i * D + column)) + distance_of(place, other) * other.w;
      const float slope = sum_of_row<Tile::lanes>(dot<C>(v, tile.grad + i * D + column));
      if (!lies_in(own_rows, first + i)) continue;
      const float weight = exp2_fast(fmaf(logit, scale, -tile.statistics[i].shift));
      add_scaled(sum_v, weight, tile.grad + i * D + column);
      add_scaled(sum_k, weight * (slope - tile.statistics[i].delta), tile.q + i * D + column);
    }
  }
  if (!inside) return;
  const float factor = splits > 1 ? 1.0f : scale / log2_e;  // parts are scaled when they are added up
#pragma unroll
  for (int i = 0; i < C; ++i) {
    sum_k[i] = real ? sum_k[i] * factor : 0.0f;
    sum_v[i] = real ? sum_v[i] : 0.0f;
  }
  const std::int64_t size = shape.slots * shape.groups * D,
                     at = (std::int64_t{key} * shape.groups + group) * D + column;
  store_floats<C>((splits > 1 ? memory.key_partial + split * 2 * size : gradients.grad_k) + at, sum_k);
  store_floats<C>((splits > 1 ? memory.key_partial + split * 2 * size + size : gradients.grad_v) + at, sum_v);
}

// Rows or keys of a thread block.
int rows_per_block(int width) {
  int rows = 0;
  for_width(width, [&](auto d) {
    rows = FloatTile<d()>::rows;
    return 0;
  });
  return rows;
}

}  // namespace

BallPlan ball_plan_float(const BallShape& shape) {
  const int rows = rows_per_block(shape.width);
  return {shape, shape.slots * shape.heads_per_group(), rows, rows, 1, shape.heads_per_group()};
}

int ball_attention_backward_cuda(const BallAttentionParams<float>& params,
                                 const BallAttentionGradients<float>& gradients, void* workspace, void* stream) {
  const BallShape& shape = params.shape;
  const BallPlan plan = ball_plan_float(shape);
  const BallMemory memory(shape, plan, workspace);
  const auto queue = static_cast<cudaStream_t>(stream);
  const int failure = for_width(shape.width, [&](auto width) {
    constexpr int D = width();
    using Tile = FloatTile<D>;
    row_gradient_kernel<D><<<static_cast<unsigned>(plan.row_tiles * shape.groups), Tile::threads, 0, queue>>>(
        params, gradients.grad_out, gradients.grad_q, memory, plan.row_tiles, log2_scale(D));
    const std::int64_t blocks = divide_up(shape.slots, Tile::rows) * shape.groups * plan.splits;
    key_gradient_kernel<D><<<static_cast<unsigned>(blocks), Tile::threads, 0, queue>>>(params, gradients, memory,
                                                                                       plan.splits, log2_scale(D));
    return static_cast<int>(cudaGetLastError());
  });
  return failure ? failure : launch_ball_reduction(shape, gradients, plan, memory, stream);
}

}  // namespace erwin::kernels
