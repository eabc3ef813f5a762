#pragma once
// The transposed selection: which query blocks selected a key block. Built on the device, always in the same order, so
// that gradients of keys and values are sums in a fixed order and need no float atomics. For the .cu files of this
// folder.

#include <cuda_runtime.h>

#include <cstdint>

#include "kernels/common/launch.cuh"
#include "kernels/selected_attention/selected_attention.h"

namespace erwin::kernels {

constexpr int most_item_blocks = 512;  // query blocks of an item, whatever the shape

// A part of a key's query blocks: what one thread block adds up.
struct ListItem {
  std::int32_t key;      // "key" here: a key block and KV head, number block * G + g
  std::int32_t first;    // in query_block
  std::int32_t count;    // may be 0: a key that nobody selected has one empty item
  std::int32_t partial;  // which partial sum it is, -1: the only item of its key
};

struct ListTotals {
  std::int32_t entries, items, partials;
};

// Where the pieces of a key begin.
using KeyPlace = ListTotals;

struct BlockList {
  std::int64_t keys = 0;     // blocks * G
  std::int64_t entries = 0;  // blocks * G * S, those of id -1 included
  int entries_per_item = 0;
  std::int64_t most_items = 0, most_partials = 0;  // bounds from the sizes alone

  std::int32_t* query_block = nullptr;  // [entries] by key, then ascending
  ListItem* items = nullptr;            // [most_items]
  KeyPlace* places = nullptr;           // [keys + 1], the last one holds the totals
  std::int32_t* tickets = nullptr;      // [keys] 0: items of a key that are done, for the kernels that sum them
  std::int32_t* counts = nullptr;       // [keys] entries of a key
  std::int32_t* unsorted = nullptr;     // [entries]
};

// Takes its arrays from the workspace (which may be counting only).
BlockList lay_out_block_list(const SelectedShape& shape, Workspace& workspace);

cudaError_t build_block_list(const BlockList& list, const SelectedShape& shape, const std::int64_t* selected,
                             std::int64_t selected_stride, cudaStream_t stream);

}  // namespace erwin::kernels
