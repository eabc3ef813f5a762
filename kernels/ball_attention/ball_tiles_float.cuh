#pragma once
// Tiles of the float32 kernels of ball attention. A row is one query head of one slot: r = slot * (H/G) + head within
// the group; rows and keys belong to lanes as in kernels/common/attention_float.cuh.

#include "kernels/ball_attention/ball_problem.cuh"
#include "kernels/common/attention_float.cuh"

namespace erwin::kernels {

// What belongs to `Columns` columns of the update, or nothing.
template <int Columns>
struct UpdatePiece {
  float4 column[Columns];
  __device__ UpdatePiece(const BallAttentionParams<float>& params, int first) {
#pragma unroll
    for (int i = 0; i < Columns; ++i)
      column[i] = params.relative ? update_column(params, first + i) : make_float4(0, 0, 0, 0);
  }
  __device__ void apply(float (&x)[Columns], const float4& relative) const {
#pragma unroll
    for (int i = 0; i < Columns; ++i) x[i] += update_value(column[i], relative);
  }
};

// Columns [column, column + C) of a real slot's row of q, k or v with its update; `head` of the H + 2G heads, `place`
// where the row's head begins.
template <int D, int C>
__device__ void load_row(float (&x)[C], const BallAttentionParams<float>& params, const float* place, int head,
                         int column, int slot) {
  load_floats<C>(place + column, x);
  if (!params.relative) return;
  const float4 relative = relative_of(params, slot, static_cast<int>(params.shape.slots));
  UpdatePiece<C>(params, head * D + column).apply(x, relative);
}

// Rows of one head of `Count` slots from `first` to shared memory, updated; zeros where a slot is not real or beyond
// `end`. `from` is the head's place in the first slot, `head` its number of the H + 2G.
template <int D, int Count>
__device__ void copy_updated(float* tile, const BallAttentionParams<float>& params, const float* from,
                             std::int64_t stride, int head, int first, int end) {
  constexpr int pieces = D / 4;  // divides the number of threads
  const int column = static_cast<int>(threadIdx.x) % pieces * 4;
  const UpdatePiece<4> update(params, head * D + column);
  for (int i = static_cast<int>(threadIdx.x) / pieces; i < Count; i += static_cast<int>(blockDim.x) / pieces) {
    const int slot = first + i;
    float x[4] = {};
    if (slot < end && params.mask[slot]) {
      load_floats<4>(from + slot * stride + column, x);
      update.apply(x, relative_of(params, slot, end));
    }
    store_floats<4>(tile + i * D + column, x);
  }
}

template <int D>
struct BallFloatKeys {
  float k[slot_tile * D], v[slot_tile * D];
  float4 place[slot_tile];  // w: 0, or -infinity where there is no key
};

// Rows [first, last] of a KV head, as slots.
__device__ inline SlotRange balls_of_rows(const BallShape& shape, int first, int last) {
  const int per_slot = shape.heads / shape.groups;
  return balls_of(shape, first / per_slot, last / per_slot);
}

// Where a thread of the kernels over rows works; blocks are (tile of rows, KV head).
template <int D>
struct FloatRowBlock {
  using Tile = FloatTile<D>;
  int tile, group, first_row, row, column, slot, head;
  bool inside, real;
  SlotRange keys;  // of the whole thread block
  SlotRange warp;  // of the warp
  SlotRange own;   // of the row
  float4 place;
  float slope;  // sigma_h sqrt(D)

  __device__ explicit FloatRowBlock(const BallAttentionParams<float>& params) {
    const BallShape& shape = params.shape;
    const int per_slot = shape.heads / shape.groups, slots = static_cast<int>(shape.slots);
    tile = static_cast<int>(blockIdx.x) / shape.groups;
    group = static_cast<int>(blockIdx.x) % shape.groups;
    first_row = tile * Tile::rows;
    row = first_row + static_cast<int>(threadIdx.x) / Tile::lanes;
    column = static_cast<int>(threadIdx.x) % Tile::lanes * Tile::columns;
    slot = row / per_slot;
    head = group * per_slot + row % per_slot;
    inside = slot < slots;
    real = inside && params.mask[slot];
    constexpr int warp_rows = 32 / Tile::lanes;
    const int warp_row = first_row + static_cast<int>(threadIdx.x) / 32 * warp_rows;
    keys = balls_of_rows(shape, first_row, first_row + Tile::rows - 1);
    warp = warp_row < slots * per_slot ? balls_of_rows(shape, warp_row, warp_row + warp_rows - 1) : SlotRange{0, 0};
    own = inside ? balls_of(shape, slot, slot) : SlotRange{0, 0};
    place = place_of(params, slot, slots, 0.0f);
    slope = params.sigma && inside ? params.sigma[head] * sqrtf(static_cast<float>(D)) : 0.0f;
  }
};

// Goes over the keys of the balls that hold a thread block's rows: body(tile, first).
template <int D, typename Body>
__device__ void for_each_key_tile(BallFloatKeys<D>& tile, const BallAttentionParams<float>& params,
                                  const SlotRange& range, int group, const Body& body) {
  const BallShape& shape = params.shape;
  for (int first = range.begin; first < range.end; first += slot_tile) {
    __syncthreads();
    copy_updated<D, slot_tile>(tile.k, params, params.k + group * D, params.k_stride, shape.heads + group, first,
                               range.end);
    copy_updated<D, slot_tile>(tile.v, params, params.v + group * D, params.v_stride,
                               shape.heads + shape.groups + group, first, range.end);
    for (int i = static_cast<int>(threadIdx.x); i < slot_tile; i += static_cast<int>(blockDim.x))
      tile.place[i] = place_of(params, first + i, range.end, -infinity());
    __syncthreads();
    body(tile, first);
  }
}

// Lanes of a warp may belong to several small balls and meet the keys of all; what is not a lane's own leaves no trace,
// not even NaN.
__device__ inline bool lies_in(const SlotRange& range, int slot) {
  return slot >= range.begin && slot < range.end;
}

}  // namespace erwin::kernels
