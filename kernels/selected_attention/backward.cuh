#pragma once
// What the backward kernels of the selected branch share, whatever their number type: two kernels, so that nothing
// needs atomics on floats. One goes over the keys of every query block (dQ, and the statistics of its rows), one over
// the items of the transposed list (dK, dV). A key whose list was cut into several items gets its partial sums added in
// the order of the items, by whichever thread block finishes last.

#include "kernels/selected_attention/block_list.cuh"
#include "kernels/selected_attention/row_gradient.cuh"

namespace erwin::kernels {

struct SelectedBackward {
  RowStatistics* statistics;  // [blocks * G, b * H/G], numbered by SelectedRows
  BlockList list;
  float* partials;  // [most_partials, 2, b, D] dK / scale, dV
  std::size_t bytes;

  SelectedBackward(const SelectedShape& shape, void* workspace) {
    Workspace pieces(workspace);
    statistics = pieces.take<RowStatistics>(shape.slots * shape.heads);
    list = lay_out_block_list(shape, pieces);
    partials = pieces.take<float>(list.most_partials * 2 * shape.block_size * shape.width);
    bytes = pieces.size();
  }
};

static_assert(4 * most_columns <= most_item_blocks);  // see `least` in lay_out_block_list

// The query blocks of an item: in shared memory.
struct ItemBlocks {
  int block[most_item_blocks];
  unsigned real[most_item_blocks];  // bit i: slot i of the block is real
};

// All threads of the thread block call it; the blocks can be read after the next __syncthreads().
__device__ inline void list_item_blocks(ItemBlocks& blocks, const ListItem& item, const BlockList& list,
                                        const bool* mask, int block_size) {
  const int lane = static_cast<int>(threadIdx.x) % 32;
  for (int first = 0; first < item.count; first += 32) {
    const int own = list.query_block[item.first + min(first + lane, item.count - 1)];
    for_each_block(own, min(32, item.count - first), mask, block_size, [&](int i, int block, unsigned real) {
      blocks.block[first + i] = block;
      blocks.real[first + i] = real;
    });
  }
}

// Where the query rows of an item come from: row number i of its count * b * H/G rows.
struct ItemRows {
  const ItemBlocks& blocks;
  const RowStatistics* all_statistics;
  int rows, block_size, per_slot, heads, groups, group;
  Divider by_block, by_slot;

  __device__ ItemRows(const SelectedShape& shape, const ListItem& item, const ItemBlocks& of_blocks,
                      const SelectedBackward& memory)
      : blocks(of_blocks),
        all_statistics(memory.statistics),
        rows(0),
        block_size(shape.block_size),
        per_slot(shape.heads / shape.groups),
        heads(shape.heads),
        groups(shape.groups),
        group(item.key % shape.groups),
        by_block(block_size * per_slot),
        by_slot(per_slot) {
    rows = item.count * block_size * per_slot;
  }

  struct Row {
    std::int64_t entry;  // of [M, H]
    std::int64_t place;  // of the statistics
    bool real;
  };
  __device__ Row row(int i) const {
    if (i >= rows) return {0, 0, false};
    const int turn = by_block.quotient(i), within = by_block.rest(i, turn);
    const int slot_within = by_slot.quotient(within), head = by_slot.rest(within, slot_within);
    const std::int64_t block = blocks.block[turn], slot = block * block_size + slot_within;
    return {slot * heads + group * per_slot + head, (block * groups + group) * (block_size * per_slot) + within,
            (blocks.real[turn] >> slot_within & 1U) != 0};
  }
  __device__ RowStatistics statistics(const Row& at) const {
    return at.real ? all_statistics[at.place] : RowStatistics{infinity(), 0.0f};
  }
};

// Writes the gradients of a key block, or the item's partial sums, whose last thread block then writes them. `parts`
// holds [Parts][2][B][D] sums of dK / scale and dV in shared memory, complete and visible to all threads.
template <int D, int B, int Parts, typename T>
__device__ void finish_item(const float* parts, const SelectedBackward& memory, const ListItem& item,
                            const BlockKeys& keys, float scale, T* grad_k, T* grad_v) {
  constexpr int size = 2 * B * D;
  __shared__ bool last;
  const auto write = [&](int i, float sum) {
    const int key = i % (B * D) / D;
    const std::int64_t at = keys.entry(key) * D + i % D;
    const bool real = keys.real(key);
    if (i < B * D)
      grad_k[at] = from_float<T>(real ? sum * scale : 0.0f);
    else
      grad_v[at] = from_float<T>(real ? sum : 0.0f);
  };
  float* const partial = memory.partials + std::int64_t{item.partial} * size;
  for (int i = static_cast<int>(threadIdx.x); i < size; i += static_cast<int>(blockDim.x)) {
    float sum = 0;
#pragma unroll
    for (int part = 0; part < Parts; ++part) sum += parts[part * size + i];
    if (item.partial < 0)
      write(i, sum);
    else
      __stcg(partial + i, sum);
  }
  if (item.partial < 0) return;
  __threadfence();
  __syncthreads();
  const KeyPlace begin = memory.list.places[item.key], end = memory.list.places[item.key + 1];
  const int items = end.items - begin.items;
  if (threadIdx.x == 0) last = atomicAdd(memory.list.tickets + item.key, 1) == items - 1;
  __syncthreads();
  if (!last) return;
  __threadfence();
  const float* const first = memory.partials + std::int64_t{begin.partials} * size;
  for (int i = static_cast<int>(threadIdx.x); i < size; i += static_cast<int>(blockDim.x)) {
    float sum = 0;
#pragma unroll 8
    for (int n = 0; n < items; ++n) sum += __ldcg(first + std::int64_t{n} * size + i);
    write(i, sum);
  }
}

// The whole backward pass: rows, the list, then launch_keys(D, B, memory) for the keys.
template <typename T, typename LaunchKeys>
int run_backward(const SelectedAttentionParams<T>& params, const SelectedAttentionGradients<T>& gradients,
                 void* workspace, void* stream, const LaunchKeys& launch_keys) {
  const SelectedShape& shape = params.shape;
  const SelectedBackward memory(shape, workspace);
  const auto queue = static_cast<cudaStream_t>(stream);
  if (const int failure = launch_row_gradients(params, gradients, memory.statistics, queue)) return failure;
  const cudaError_t listed = build_block_list(memory.list, shape, params.selected, params.selected_stride, queue);
  if (listed != cudaSuccess) return listed;
  return for_width(shape.width, [&](auto width) {
    if (shape.block_size == 16)
      launch_keys(width, std::integral_constant<int, 16>(), memory);
    else
      launch_keys(width, std::integral_constant<int, 32>(), memory);
    return static_cast<int>(cudaGetLastError());
  });
}

}  // namespace erwin::kernels
