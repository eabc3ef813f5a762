#pragma once
// One problem of the selected branch: the rows of a query block and KV head (b slots times H/G heads) against the keys
// of the blocks that they selected. For the .cu files of this folder.

#include "kernels/common/attention.cuh"
#include "kernels/common/reduce.cuh"
#include "kernels/selected_attention/selected_attention.h"

namespace erwin::kernels {

constexpr int most_columns = 128;  // S

// Query block and KV head number `index` = block * G + group.
struct SelectedRows {
  std::int64_t first_slot;
  int rows, per_slot, heads, group;

  __device__ SelectedRows(const SelectedShape& shape, std::int64_t index)
      : first_slot(index / shape.groups * shape.block_size),
        rows(shape.block_size * (shape.heads / shape.groups)),
        per_slot(shape.heads / shape.groups),
        heads(shape.heads),
        group(static_cast<int>(index % shape.groups)) {}

  __device__ std::int64_t slot(int row) const { return first_slot + row / per_slot; }
  __device__ std::int64_t entry(int row) const { return slot(row) * heads + group * per_slot + row % per_slot; }
  __device__ bool real_row(int row, const bool* mask) const {
    const bool real = mask[slot(min(row, rows - 1))];  // without a branch: so several loads are under way at once
    return row < rows && real;
  }
};

// The selected blocks that exist, in the order of the selection: in shared memory.
struct SelectedList {
  int block[most_columns];
  unsigned real[most_columns];  // bit i: slot i of the block is real
  int count;
};

// The real slots of `count` <= 32 blocks, number i in lane i of every warp (-1: none), shared out over the warps:
// put(i, block, bits) in one lane, bit j: slot j is real. Whoever lists blocks asks for these once, so that the loops
// over keys or rows do not wait for the mask.
template <typename Put>
__device__ void for_each_block(int own, int count, const bool* mask, int block_size, const Put& put) {
  constexpr int together = 4;  // loads under way at once
  const int lane = static_cast<int>(threadIdx.x) % 32, warps = static_cast<int>(blockDim.x) / 32;
  for (int first = static_cast<int>(threadIdx.x) / 32; first < count; first += together * warps) {
    int block[together];
    bool real[together];
#pragma unroll
    for (int n = 0; n < together; ++n) {
      block[n] = __shfl_sync(all_lanes, own, (first + n * warps) % 32);
      real[n] = mask[std::int64_t{block[n] < 0 ? 0 : block[n]} * block_size + lane % block_size];
    }
#pragma unroll
    for (int n = 0; n < together; ++n) {
      const unsigned bits = __ballot_sync(all_lanes, real[n] && lane < block_size);
      if (first + n * warps < count && block[n] >= 0 && lane == 0) put(first + n * warps, block[n], bits);
    }
  }
}

// All threads of the thread block call it; the list can be read after the next __syncthreads().
__device__ inline void list_selected(SelectedList& list, const std::int64_t* ids, const bool* mask,
                                     const SelectedShape& shape) {
  const int lane = static_cast<int>(threadIdx.x) % 32;
  int count = 0;
  for (int first = 0; first < shape.columns; first += 32) {
    const int id = first + lane < shape.columns ? static_cast<int>(ids[first + lane]) : -1;
    const unsigned found = __ballot_sync(all_lanes, id >= 0);
    for_each_block(id, min(32, shape.columns - first), mask, shape.block_size, [&](int i, int block, unsigned real) {
      const int place = count + __popc(found & ((1U << i) - 1));
      list.block[place] = block;
      list.real[place] = real;
    });
    count += __popc(found);
  }
  if (threadIdx.x == 0) list.count = count;
}

struct SelectedKeys {
  const SelectedList& list;  // in shared memory
  int count;                 // keys
  int shift;                 // b = 2^shift
  int groups, group;

  __device__ SelectedKeys(const SelectedList& of_blocks, const SelectedShape& shape, int of_group)
      : list(of_blocks), shift(shape.block_size == 16 ? 4 : 5), groups(shape.groups), group(of_group) {
    count = list.count << shift;
  }
  __device__ std::int64_t place(int key) const {
    if (key >= count) return -1;
    const int turn = key >> shift, within = key & ((1 << shift) - 1);
    if ((list.real[turn] >> within & 1U) == 0) return -1;
    return ((std::int64_t{list.block[turn]} << shift) + within) * groups + group;
  }
};

// The keys of one block.
struct BlockKeys {
  std::int64_t first_slot;
  const bool* mask;
  int count, groups, group;

  __device__ BlockKeys(const SelectedShape& shape, const bool* slots, std::int64_t index)
      : first_slot(index / shape.groups * shape.block_size),
        mask(slots),
        count(shape.block_size),
        groups(shape.groups),
        group(static_cast<int>(index % shape.groups)) {}
  __device__ bool real(int key) const { return mask[first_slot + key]; }
  // Of [M, G], whether the slot is real or not.
  __device__ std::int64_t entry(int key) const { return (first_slot + key) * groups + group; }
  __device__ std::int64_t place(int key) const { return key < count && real(key) ? entry(key) : -1; }
};

// n / divisor for 0 <= n < 2^22 and 1 <= divisor <= 512, without a division.
struct Divider {
  unsigned divisor, factor;
  explicit __host__ __device__ Divider(int by)
      : divisor(static_cast<unsigned>(by)), factor((1U << 31) / static_cast<unsigned>(by) + 1) {}
  __device__ int quotient(int n) const {
    return static_cast<int>(static_cast<std::uint64_t>(static_cast<unsigned>(n)) * factor >> 31);
  }
  __device__ int rest(int n, int quotient) const { return n - quotient * static_cast<int>(divisor); }
};

// Thread blocks of the kernels over rows: (problem, tile of its rows), the tiles of a problem side by side.
struct RowGrid {
  unsigned blocks, threads;
  int tiles;  // of a problem
};

// `rows_per_warp` rows in a warp, at most `most_warps` warps in a thread block.
inline RowGrid row_grid(const SelectedShape& shape, int rows_per_warp, int most_warps) {
  const std::int64_t warps = divide_up(shape.rows_per_block(), rows_per_warp);
  const std::int64_t tiles = divide_up(warps, most_warps);
  return {static_cast<unsigned>(shape.blocks() * shape.groups * tiles),
          static_cast<unsigned>(32 * divide_up(warps, tiles)), static_cast<int>(tiles)};
}

}  // namespace erwin::kernels
