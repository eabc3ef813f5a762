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
  __device__ bool real_row(int row, const bool* mask) const { return row < rows && mask[slot(row)]; }
};

// The selected blocks that exist, in the order of the selection: in shared memory.
struct SelectedList {
  int block[most_columns];
  int count;
};

// All threads of the thread block call it; the list can be read after the next __syncthreads().
__device__ inline void list_selected(SelectedList& list, const std::int64_t* ids, int columns) {
  if (threadIdx.x >= 32) return;
  const int lane = static_cast<int>(threadIdx.x);
  int count = 0;
  for (int first = 0; first < columns; first += 32) {
    const std::int64_t id = first + lane < columns ? ids[first + lane] : -1;
    const unsigned found = __ballot_sync(all_lanes, id >= 0);
    if (id >= 0) list.block[count + __popc(found & ((1U << lane) - 1))] = static_cast<int>(id);
    count += __popc(found);
  }
  if (lane == 0) list.count = count;
}

struct SelectedKeys {
  const int* blocks;  // in shared memory
  const bool* mask;
  int count;  // keys
  int shift;  // b = 2^shift
  int groups, group;

  __device__ SelectedKeys(const SelectedList& list, const bool* slots, const SelectedShape& shape, int of_group)
      : blocks(list.block), mask(slots), shift(shape.block_size == 16 ? 4 : 5), groups(shape.groups), group(of_group) {
    count = list.count << shift;
  }
  __device__ std::int64_t place(int key) const {
    if (key >= count) return -1;
    const std::int64_t slot = (std::int64_t{blocks[key >> shift]} << shift) + (key & ((1 << shift) - 1));
    return mask[slot] ? slot * groups + group : -1;
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
