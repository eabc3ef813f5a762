#pragma once
// Tiles of the bf16 kernels of ball attention. A warp works on two query heads at once where it can, so that the
// distances, and with H/G > 1 the keys too, serve both.

#include "kernels/ball_attention/ball_problem.cuh"
#include "kernels/common/attention_bf16.cuh"

namespace erwin::kernels {

// Heads of one thread block: `Heads` query heads and the `Keys` KV heads that they read.
template <int Width, int Heads, int Keys>
struct HeadSet {
  static constexpr int D = Width, heads = Heads, keys = Keys;
  static constexpr int steps = Bf16Tile<D>::steps, columns = Bf16Tile<D>::columns, stride = Bf16Tile<D>::stride;
  static constexpr int tile = slot_tile * stride;       // elements of one head's slots in shared memory
  static constexpr int next_key = Keys > 1 ? tile : 0;  // from the keys of one query head to those of the next
  static constexpr int next_head = Heads > 1 ? tile : 0;
};

struct HeadCounts {
  int heads, keys;
};
inline HeadCounts heads_together(const BallShape& shape) {
  if (shape.width == 64) return {1, 1};
  if (shape.heads_per_group() % 2 == 0) return {2, 1};
  if (shape.heads_per_group() == 1 && shape.groups % 2 == 0) return {2, 2};
  return {1, 1};
}

// Calls body(HeadSet) for the shape.
template <typename Body>
int for_head_set(const BallShape& shape, const Body& body) {
  return for_width(shape.width, [&](auto width) {
    constexpr int D = width();
    if constexpr (D < 64) {
      const HeadCounts counts = heads_together(shape);
      if (counts.keys == 2) return body(HeadSet<D, 2, 2>());
      if (counts.heads == 2) return body(HeadSet<D, 2, 1>());
    }
    return body(HeadSet<D, 1, 1>());
  });
}

// ---- Shared memory. ----

template <typename Set>
struct BallKeyTile {
  Bf k[Set::keys * Set::tile], v[Set::keys * Set::tile];
  float4 place[slot_tile];     // w: 0, or -infinity where there is no key
  float4 relative[slot_tile];  // w: 1, or all 0
};

template <typename Set>
struct BallRowTile {
  Bf q[Set::heads * Set::tile], grad[Set::heads * Set::tile];
  float4 place[slot_tile], relative[slot_tile];
  RowStatistics statistics[Set::heads][slot_tile];
};

// Columns of the update that a thread block needs.
template <typename Set>
struct UpdateColumns {
  float4 q[Set::heads * Set::D], k[Set::keys * Set::D], v[Set::keys * Set::D];
};

template <typename Tile, typename Set>
struct BallShared {
  Tile tiles[2];
  UpdateColumns<Set> columns;  // left out without an update
};
template <typename Tile, typename Set>
std::size_t shared_bytes(bool updated) {
  return updated ? sizeof(BallShared<Tile, Set>) : sizeof(BallShared<Tile, Set>::tiles);
}

// Rows of `Heads` heads from `head` of the slots [first, first + slot_tile), zeros where they are not real or beyond
// `end`.
template <typename Set, int Heads>
__device__ void copy_heads(Bf* tile, const Bf* rows, std::int64_t stride, int head, const bool* mask, int first,
                           int end) {
#pragma unroll
  for (int n = 0; n < Heads; ++n)
    copy_rows<Set::D>(tile + n * Set::tile, slot_tile, rows, [&](int i) {
      const int slot = first + i;
      return slot < end && mask[slot] ? rows + slot * stride + (head + n) * Set::D : nullptr;
    });
}

template <typename Tile>
__device__ void put_places(Tile& tile, const BallAttentionParams<Bf16>& params, int first, int end, float absent) {
  for (int i = static_cast<int>(threadIdx.x); i < slot_tile; i += static_cast<int>(blockDim.x)) {
    tile.place[i] = place_of(params, first + i, end, absent);
    tile.relative[i] = relative_of(params, first + i, end);
  }
}

template <typename Set>
__device__ void put_columns(float4* to, int count, const BallAttentionParams<Bf16>& params, int head) {
  for (int i = static_cast<int>(threadIdx.x); i < count; i += static_cast<int>(blockDim.x))
    to[i] = update_column(params, head * Set::D + i);
}

__device__ inline std::uint32_t updated_pair(std::uint32_t pair, const float4& left, const float4& right,
                                             const float4& relative) {
  const float2 x = unpack_bf16(pair);
  return pack_bf16(x.x + update_value(left, relative), x.y + update_value(right, relative));
}

// Applies the update to the rows of `Heads` heads in shared memory. Four columns belong to a thread.
template <typename Set, int Heads>
__device__ void update_heads(Bf* tile, const float4* relative, const float4* columns) {
  constexpr int pieces = Set::D / 4;  // divides the number of threads
  const int column = static_cast<int>(threadIdx.x) % pieces * 4;
#pragma unroll
  for (int n = 0; n < Heads; ++n) {
    const float4* const update = columns + n * Set::D + column;
    const float4 a = update[0], b = update[1], c = update[2], d = update[3];
    for (int i = static_cast<int>(threadIdx.x) / pieces; i < slot_tile; i += static_cast<int>(blockDim.x) / pieces) {
      uint2* const at = reinterpret_cast<uint2*>(tile + n * Set::tile + i * Set::stride + column);
      const float4 r = relative[i];
      const uint2 old = *at;
      *at = make_uint2(updated_pair(old.x, a, b, r), updated_pair(old.y, c, d, r));
    }
  }
}

// ---- Fragments of 16 slots as rows: the lane's rows are g and g + 8. ----

// The two slots of a lane.
struct LaneSlots {
  int slot[2];
  bool real[2];
  float4 place[2], relative[2];

  __device__ LaneSlots(const BallAttentionParams<Bf16>& params, int first) {
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      slot[half] = first + 8 * half + lane_group();
      const int end = static_cast<int>(params.shape.slots);
      real[half] = slot[half] < end && params.mask[slot[half]];
      place[half] = place_of(params, slot[half], end, 0.0f);
      relative[half] = relative_of(params, slot[half], end);
    }
  }
};

template <typename Set>
__device__ void load_fragments(MmaA (&fragments)[Set::steps], const LaneSlots& slots, const Bf* rows,
                               std::int64_t stride, int head) {
  const Bf* row[2];
#pragma unroll
  for (int half = 0; half < 2; ++half)
    row[half] = slots.real[half] ? rows + slots.slot[half] * stride + head * Set::D : nullptr;
#pragma unroll
  for (int step = 0; step < Set::steps; ++step) fragments[step] = load_row_fragment<Set::D>(row[0], row[1], step);
}

template <typename Set>
__device__ void update_fragments(MmaA (&fragments)[Set::steps], const LaneSlots& slots, const float4* columns) {
#pragma unroll
  for (int n = 0; n < Set::columns; ++n) {  // columns 8 n to 8 n + 7
    const float4 left = columns[8 * n + 2 * lane_pair()], right = columns[8 * n + 2 * lane_pair() + 1];
    std::uint32_t* const pairs = fragments[n / 2].a + n % 2 * 2;
    pairs[0] = updated_pair(pairs[0], left, right, slots.relative[0]);
    pairs[1] = updated_pair(pairs[1], left, right, slots.relative[1]);
  }
}

// The slopes sigma_h sqrt(D): what a distance adds to the products q.k.
template <typename Set>
__device__ void load_slopes(float (&slopes)[Set::heads], const float* sigma, int head) {
#pragma unroll
  for (int h = 0; h < Set::heads; ++h) slopes[h] = sigma ? sigma[head + h] * sqrtf(static_cast<float>(Set::D)) : 0.0f;
}

// Distances of the lane's two slots to the four of a tile (two columns of each n) that its accumulators hold, and w.
struct LaneDistances {
  float to[2][4], last[2][2];  // [n][as in MmaD::d], [n][column]
  __device__ LaneDistances(const LaneSlots& slots, const float4* place, int first) {
#pragma unroll
    for (int n = 0; n < 2; ++n)
#pragma unroll
      for (int i = 0; i < 2; ++i) {
        const float4 other = place[first + 8 * n + 2 * lane_pair() + i];
        last[n][i] = other.w;
        to[n][i] = distance_of(slots.place[0], other);
        to[n][2 + i] = distance_of(slots.place[1], other);
      }
  }
};

// Goes over the slots of `range`, the next tile under way meanwhile: start(tile, first) begins copies and commits them,
// update(tile) is called where there is an update, body(tile, first) by all threads.
template <typename Tile, typename Start, typename Update, typename Body>
__device__ void for_each_slot_tile(Tile (&tiles)[2], const SlotRange& range, bool updated, const Start& start,
                                   const Update& update, const Body& body) {
  start(tiles[0], range.begin);
  for (int first = range.begin, turn = 0; first < range.end; first += slot_tile, turn ^= 1) {
    wait_for_copies<0>();
    __syncthreads();  // also: nobody reads the other tile any more
    if (first + slot_tile < range.end) start(tiles[turn ^ 1], first + slot_tile);
    if (updated) {
      update(tiles[turn]);
      __syncthreads();
    }
    body(tiles[turn], first);
  }
}

// Goes over the keys of the balls that hold a thread block's rows.
template <typename Set, typename Body>
__device__ void for_each_key_tile(BallShared<BallKeyTile<Set>, Set>& shared, const BallAttentionParams<Bf16>& params,
                                  const SlotRange& range, int group, const Body& body) {
  for_each_slot_tile(
      shared.tiles, range, params.relative != nullptr,
      [&](BallKeyTile<Set>& tile, int first) {
        copy_heads<Set, Set::keys>(tile.k, on_device(params.k), params.k_stride, group, params.mask, first, range.end);
        copy_heads<Set, Set::keys>(tile.v, on_device(params.v), params.v_stride, group, params.mask, first, range.end);
        commit_copies();
        put_places(tile, params, first, range.end, -infinity());
      },
      [&](BallKeyTile<Set>& tile) {
        update_heads<Set, Set::keys>(tile.k, tile.relative, shared.columns.k);
        update_heads<Set, Set::keys>(tile.v, tile.relative, shared.columns.v);
      },
      body);
}

// Where a thread block of the kernels over rows works: 8 warps of 16 slots.
constexpr int row_warps = 8, row_threads = 32 * row_warps, row_slots = 16 * row_warps;

template <typename Set>
struct RowBlock {
  int tile, head, group, warp_slot;
  SlotRange keys;  // of the whole thread block
  SlotRange own;   // of the warp
  __device__ explicit RowBlock(const BallShape& shape) {
    const int sets = shape.heads / Set::heads;
    tile = static_cast<int>(blockIdx.x) / sets;
    head = static_cast<int>(blockIdx.x) % sets * Set::heads;
    group = head / (shape.heads / shape.groups);
    warp_slot = tile * row_slots + static_cast<int>(threadIdx.x) / 32 * 16;
    keys = balls_of(shape, tile * row_slots, tile * row_slots + row_slots - 1);
    own = warp_slot < shape.slots ? balls_of(shape, warp_slot, warp_slot) : SlotRange{0, 0};
  }
};

// The update's columns in shared memory, visible to all threads.
template <typename Set>
__device__ void put_all_columns(UpdateColumns<Set>& columns, const BallAttentionParams<Bf16>& params, int head,
                                int group) {
  if (!params.relative) return;
  put_columns<Set>(columns.q, Set::heads * Set::D, params, head);
  put_columns<Set>(columns.k, Set::keys * Set::D, params, params.shape.heads + group);
  put_columns<Set>(columns.v, Set::keys * Set::D, params, params.shape.heads + params.shape.groups + group);
  __syncthreads();
}

// Launches a kernel with so many bytes of shared memory.
template <typename Kernel, typename... Arguments>
int launch(Kernel kernel, std::int64_t blocks, int threads, std::size_t bytes, void* stream,
           const Arguments&... arguments) {
  if (const cudaError_t failure = allow_shared_memory(kernel, bytes)) return static_cast<int>(failure);
  kernel<<<static_cast<unsigned>(blocks), static_cast<unsigned>(threads), bytes, static_cast<cudaStream_t>(stream)>>>(
      arguments...);
  return static_cast<int>(cudaGetLastError());
}

}  // namespace erwin::kernels
