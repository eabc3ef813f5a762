#pragma once
// Where the thread blocks of ball attention work, and what they read besides q, k and v. Balls are closed: rows of a
// tile meet the keys of the balls that hold them, a range of slots.

#include "kernels/ball_attention/ball_attention.h"
#include "kernels/common/attention.cuh"

namespace erwin::kernels {

constexpr int slot_tile = 64;  // slots in shared memory at a time

struct SlotRange {
  int begin, end;
};

// The slots of the balls that hold the slots first to last.
__device__ inline SlotRange balls_of(const BallShape& shape, int first, int last) {
  last = min(last, static_cast<int>(shape.slots) - 1);
  return {first & -shape.ball_size, (last & -shape.ball_size) + shape.ball_size};
}

// The part of a tile of slots [first, first + count) that lies in `range`, counted from `first`.
__device__ inline SlotRange part_of(const SlotRange& range, int first, int count) {
  return {max(range.begin - first, 0), min(range.end - first, count)};
}

// A slot's row of positions or relative positions [M, d], and `last`.
__device__ inline float4 vector_of(const float* rows, int slot, int dimension, float last) {
  const float* const row = rows + std::int64_t{slot} * dimension;
  return make_float4(row[0], row[1], dimension > 2 ? row[2] : 0.0f, last);
}

// Position of a slot; w: `absent` where there is no real slot or it is beyond `end`, else 0. Without a distance term
// positions are 0. What a masked slot holds is read and dropped: then nothing waits for the mask.
template <typename T>
__device__ float4 place_of(const BallAttentionParams<T>& params, int slot, int end, float absent) {
  const int from = min(slot, end - 1);
  const bool real = slot < end && params.mask[from];
  const float4 place =
      params.sigma ? vector_of(params.positions, from, params.shape.dimension, 0.0f) : make_float4(0, 0, 0, 0);
  return real ? place : make_float4(0, 0, 0, absent);
}

// Relative position of a slot and 1, or zeros where there is no real slot or no update.
template <typename T>
__device__ float4 relative_of(const BallAttentionParams<T>& params, int slot, int end) {
  if (!params.relative) return make_float4(0, 0, 0, 0);
  const int from = min(slot, end - 1);
  const bool real = slot < end && params.mask[from];
  const float4 relative = vector_of(params.relative, from, params.shape.dimension, 1.0f);
  return real ? relative : make_float4(0, 0, 0, 0);
}

// A column of the update, (H + 2G) D of them: its row of the matrix and its offset.
template <typename T>
__device__ float4 update_column(const BallAttentionParams<T>& params, int column) {
  return vector_of(params.matrix, column, params.shape.dimension, params.offset[column]);
}
__device__ inline float update_value(const float4& column, const float4& relative) {
  return fmaf(column.x, relative.x, fmaf(column.y, relative.y, fmaf(column.z, relative.z, column.w * relative.w)));
}

__device__ inline float distance_of(const float4& a, const float4& b) {
  const float x = a.x - b.x, y = a.y - b.y, z = a.z - b.z;
  return sqrt_fast(fmaf(x, x, fmaf(y, y, z * z)));
}

// ---- The backward pass: one kernel goes over the keys for tiles of rows (dQ, and sums for sigma), one over the rows
// for tiles of keys (dK, dV; where there are few tiles, the heads of a group are cut into parts). ----

struct BallPlan {
  std::int64_t row_tiles;  // thread blocks of the first kernel for one head
  int splits;              // parts of the heads in the second

  // row_tile, key_tile: slots (or rows of slots and heads) and keys of a thread block; most_splits: parts there can be.
  BallPlan(const BallShape& shape, std::int64_t rows, int row_tile, int key_tile, int groups_together, int most_splits)
      : row_tiles(divide_up(rows, row_tile)) {
    // As many parts as run at once (one more would wait for the others to end), and no more than make the longest
    // short.
    constexpr std::int64_t at_once = 528;  // thread blocks: 4 on each of 132 multiprocessors
    const std::int64_t blocks = divide_up(shape.slots, key_tile) * (shape.groups / groups_together);
    const std::int64_t room = at_once / (blocks > 0 ? blocks : 1);
    const std::int64_t most = room < 1 ? 1 : room < most_splits ? room : most_splits;
    splits = static_cast<int>(divide_up(most_splits, divide_up(most_splits, most)));
  }
};

struct BallMemory {
  RowStatistics* statistics;  // [H, M], or [G, M * H/G] in float32
  float* sigma_partial;       // [H, row tiles]
  float* key_partial;         // [splits, 2, M * G * D] dK, dV; none where there is one part
  std::size_t bytes;

  BallMemory(const BallShape& shape, const BallPlan& plan, void* workspace) {
    Workspace pieces(workspace);
    statistics = pieces.take<RowStatistics>(shape.slots * shape.heads);
    sigma_partial = pieces.take<float>(shape.heads * plan.row_tiles);
    key_partial = pieces.take<float>(plan.splits > 1 ? plan.splits * 2 * shape.slots * shape.groups * shape.width : 0);
    bytes = pieces.size();
  }
};

// Adds up sigma's sums and the parts of dK and dV, in order.
template <typename T>
int launch_ball_reduction(const BallShape& shape, const BallAttentionGradients<T>& gradients, const BallPlan& plan,
                          const BallMemory& memory, void* stream);

BallPlan ball_plan_bf16(const BallShape& shape);
BallPlan ball_plan_float(const BallShape& shape);

}  // namespace erwin::kernels
