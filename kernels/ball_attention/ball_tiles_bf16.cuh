#pragma once
// Tiles of the bf16 kernels of ball attention. A warp works on two query heads at once where it can, so that the
// distances, and with H/G > 1 the keys too, serve both.

#include "kernels/ball_attention/ball_problem.cuh"
#include "kernels/common/attention_bf16.cuh"

namespace erwin::kernels {

// Heads of one thread block: `Rounds` times `Heads` query heads, those of a round at a time, and the `Keys` KV heads
// that they read. Distances serve all rounds.
template <int Width, int Heads, int Keys, int Rounds = 1>
struct HeadSet {
  static_assert(Rounds == 1 || Keys == 1);
  static constexpr int D = Width, heads = Heads, keys = Keys, rounds = Rounds, all_heads = Heads * Rounds;
  static constexpr int steps = Bf16Tile<D>::steps, columns = Bf16Tile<D>::columns, stride = Bf16Tile<D>::stride;
  static constexpr int tile = slot_tile * stride;       // elements of one head's slots in shared memory
  static constexpr int next_key = Keys > 1 ? tile : 0;  // from the keys of one query head to those of the next
  static constexpr int next_head = Heads > 1 ? tile : 0;
  // A thread block of the kernels over rows: warps of 16 slots, fewer of them where each keeps more heads.
  static constexpr int row_warps = Rounds > 1 ? 4 : 8, row_threads = 32 * row_warps, row_slots = 16 * row_warps;
  static constexpr int row_blocks = Rounds > 1 ? 3 : 2;  // on a multiprocessor, by the registers
};

struct HeadCounts {
  int heads, keys, rounds;
  int row_slots() const { return rounds > 1 ? HeadSet<8, 2, 1, 2>::row_slots : HeadSet<8, 2, 1>::row_slots; }
};
// Two rounds need fewer instructions, but make half as many thread blocks with half the warps: not for small problems.
inline HeadCounts heads_together(const BallShape& shape) {
  constexpr std::int64_t many_blocks = 8 * 132;
  if (shape.width == 64) return {1, 1, 1};
  if (shape.width <= 16 && shape.heads_per_group() % 4 == 0) {
    const HeadCounts counts{2, 1, 2};
    if (divide_up(shape.slots, counts.row_slots()) * (shape.heads / 4) >= many_blocks) return counts;
  }
  if (shape.heads_per_group() % 2 == 0) return {2, 1, 1};
  if (shape.heads_per_group() == 1 && shape.groups % 2 == 0) return {2, 2, 1};
  return {1, 1, 1};
}

// Calls body(HeadSet) for the shape.
template <typename Body>
int for_head_set(const BallShape& shape, const Body& body) {
  return for_width(shape.width, [&](auto width) {
    constexpr int D = width();
    if constexpr (D < 64) {
      const HeadCounts counts = heads_together(shape);
      if constexpr (D <= 16) {
        if (counts.rounds == 2) return body(HeadSet<D, 2, 1, 2>());
      }
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
  Bf q[Set::all_heads * Set::tile], grad[Set::all_heads * Set::tile];
  float4 place[slot_tile], relative[slot_tile];
  RowStatistics statistics[Set::all_heads][slot_tile];
};

// Columns of the update that a thread block needs: of its KV heads, and behind them of its query heads.
template <typename Set>
struct UpdateColumns {
  float4 k[Set::keys * Set::D], v[Set::keys * Set::D];
  __device__ float4* q() { return reinterpret_cast<float4*>(this + 1); }
};

template <typename Tile, typename Set>
struct BallShared {
  Tile tiles[2];
  UpdateColumns<Set> columns;  // left out without an update
};
template <typename Tile, typename Set>
std::size_t shared_bytes(bool updated, int heads) {
  using Shared = BallShared<Tile, Set>;
  return updated ? sizeof(Shared) + static_cast<std::size_t>(heads) * Set::D * sizeof(float4) : sizeof(Shared::tiles);
}

// Calls body(i, slot, real) for the slots [first, first + slot_tile) that this one of `Threads` threads looks after, i
// counted from `first`; `real`: a real slot before `end`. `slot` can be read in any case. `Each` threads share a slot.
template <int Threads, int Each, typename Body>
__device__ void for_each_slot(const bool* mask, int thread, int first, int end, const Body& body) {
  constexpr int together = Threads / Each;
#pragma unroll
  for (int turn = 0; turn < slot_tile; turn += together) {
    const int i = turn + thread / Each;
    if (together > slot_tile && i >= slot_tile) return;
    const int slot = min(first + i, end - 1);
    body(i, slot, first + i < end && mask[slot]);
  }
}

// Rows of `Heads` heads from `head` of two arrays, of the slots [first, first + slot_tile), zeros where they are not
// real. A thread asks once which of its slots are real and copies the same piece of all the heads' rows: finding
// addresses costs as much as half the attention does, if it is done for each piece.
template <typename Set, int Threads, int Heads>
__device__ void copy_heads(Bf* first_tile, Bf* second_tile, const Bf* first_rows, std::int64_t first_stride,
                           const Bf* second_rows, std::int64_t second_stride, int head, const bool* mask, int first,
                           int end) {
  constexpr int pieces = Bf16Tile<Set::D>::width / 8;
  const int thread = static_cast<int>(threadIdx.x), column = thread % pieces * 8;
  const bool inside = column < Set::D;
  const int from = head * Set::D + (inside ? column : 0);
  for_each_slot<Threads, pieces>(mask, thread, first, end, [&](int i, int slot, bool real) {
    const Bf *const one = first_rows + slot * first_stride + from, *const two =
                                                                       second_rows + slot * second_stride + from;
    const int to = i * Set::stride + column;
#pragma unroll
    for (int n = 0; n < Heads; ++n) {
      copy_async_16(first_tile + n * Set::tile + to, one + n * Set::D, real && inside);
      copy_async_16(second_tile + n * Set::tile + to, two + n * Set::D, real && inside);
    }
  });
}

// A slot's row of positions or relative positions; the fourth value is written at once.
__device__ inline void copy_vector(float4& to, const float* rows, int slot, int dimension, bool real, float last) {
  const float* const row = rows + std::int64_t{slot} * dimension;
  copy_async_4(&to.x, row, real);
  copy_async_4(&to.y, row + 1, real);
  copy_async_4(&to.z, row + dimension - 1, real && dimension > 2);
  to.w = last;
}

// Positions and relative positions, the latter only where there is an update. The last threads do it, because where the
// rows are few the first ones copy them.
template <int Threads, typename Tile>
__device__ void copy_places(Tile& tile, const BallAttentionParams<Bf16>& params, int first, int end, float absent) {
  const int thread = Threads - 1 - static_cast<int>(threadIdx.x), dimension = params.shape.dimension;
  const float* const positions = params.sigma ? params.positions : nullptr;
  for_each_slot<Threads, 1>(params.mask, thread, first, end, [&](int i, int slot, bool real) {
    if (positions)
      copy_vector(tile.place[i], positions, slot, dimension, real, real ? 0.0f : absent);
    else
      tile.place[i] = make_float4(0, 0, 0, real ? 0.0f : absent);
    if (params.relative) copy_vector(tile.relative[i], params.relative, slot, dimension, real, real ? 1.0f : 0.0f);
  });
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
  int slot[2], from[2];  // `from` can be read in any case
  bool real[2];
  float4 place[2], relative[2];

  LaneSlots() = default;
  __device__ LaneSlots(const BallAttentionParams<Bf16>& params, int first) {
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      slot[half] = first + 8 * half + lane_group();
      const int end = static_cast<int>(params.shape.slots);
      from[half] = min(slot[half], end - 1);
      real[half] = slot[half] < end && params.mask[from[half]];
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
  for (int half = 0; half < 2; ++half) row[half] = rows + slots.from[half] * stride + head * Set::D;
#pragma unroll
  for (int step = 0; step < Set::steps; ++step) {
    fragments[step] = load_row_fragment<Set::D>(row[0], row[1], step);
#pragma unroll
    for (int i = 0; i < 4; ++i)
      if (!slots.real[i % 2]) fragments[step].a[i] = 0;
  }
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

// Goes over `count` tiles, the next one under way meanwhile: start(tile, i) begins copies and commits them, prepare()
// is called while the first are under way, update(tile, i) where there is an update, body(tile, i) by all threads.
template <typename Tile, typename Start, typename Prepare, typename Update, typename Body>
__device__ void for_each_tile(Tile (&tiles)[2], int count, bool updated, const Start& start, const Prepare& prepare,
                              const Update& update, const Body& body) {
  start(tiles[0], 0);
  prepare();
  for (int i = 0; i < count; ++i) {
    Tile& tile = tiles[i % 2];
    wait_for_copies<0>();
    __syncthreads();  // also: nobody reads the other tile any more
    if (i + 1 < count) start(tiles[(i + 1) % 2], i + 1);
    if (updated) {
      update(tile, i);
      __syncthreads();
    }
    body(tile, i);
  }
}

__device__ inline int tile_count(const SlotRange& range) {
  return (range.end - range.begin + slot_tile - 1) / slot_tile;
}

// Goes over the keys of the balls that hold a thread block's rows.
template <typename Set, typename Prepare, typename Body>
__device__ void for_each_key_tile(BallShared<BallKeyTile<Set>, Set>& shared, const BallAttentionParams<Bf16>& params,
                                  const SlotRange& range, int group, const Prepare& prepare, const Body& body) {
  for_each_tile(
      shared.tiles, tile_count(range), params.relative != nullptr,
      [&](BallKeyTile<Set>& tile, int i) {
        const int first = range.begin + i * slot_tile;
        copy_heads<Set, Set::row_threads, Set::keys>(tile.k, tile.v, on_device(params.k), params.k_stride,
                                                     on_device(params.v), params.v_stride, group, params.mask, first,
                                                     range.end);
        copy_places<Set::row_threads>(tile, params, first, range.end, -infinity());
        commit_copies();
      },
      prepare,
      [&](BallKeyTile<Set>& tile, int) {
        update_heads<Set, Set::keys>(tile.k, tile.relative, shared.columns.k);
        update_heads<Set, Set::keys>(tile.v, tile.relative, shared.columns.v);
      },
      [&](const BallKeyTile<Set>& tile, int i) { body(tile, range.begin + i * slot_tile); });
}

// Where a thread block of the kernels over rows works.
template <typename Set>
struct RowBlock {
  int tile, head, group, warp_slot;
  SlotRange keys;  // of the whole thread block
  SlotRange own;   // of the warp
  __device__ explicit RowBlock(const BallShape& shape) {
    const int sets = shape.heads / Set::all_heads;
    tile = static_cast<int>(blockIdx.x) / sets;
    head = static_cast<int>(blockIdx.x) % sets * Set::all_heads;
    group = head / (shape.heads / shape.groups);
    warp_slot = tile * Set::row_slots + static_cast<int>(threadIdx.x) / 32 * 16;
    keys = balls_of(shape, tile * Set::row_slots, tile * Set::row_slots + Set::row_slots - 1);
    own = warp_slot < shape.slots ? balls_of(shape, warp_slot, warp_slot) : SlotRange{0, 0};
  }
};

// The update's columns in shared memory, those of `heads` query heads, visible to all threads.
template <typename Set>
__device__ void put_all_columns(UpdateColumns<Set>& columns, const BallAttentionParams<Bf16>& params, int head,
                                int heads, int group) {
  if (!params.relative) return;
  put_columns<Set>(columns.q(), heads * Set::D, params, head);
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
