// A counting sort in phases: count the entries of every key, add the counts up, put the entries to their keys in any
// order, bring each key's entries into ascending order; a launch per phase. A short selection is listed by one thread
// block in one launch, because there the launches and the trips to global memory are what costs: a bit for every pair
// of key and query block in shared memory is both the counts and the order.

#include <cub/block/block_scan.cuh>

#include "kernels/common/reduce.cuh"
#include "kernels/selected_attention/block_list.cuh"

namespace erwin::kernels {

namespace {

constexpr int small_threads = 1024, large_threads = 256;
constexpr std::int64_t most_small_entries = 8192;  // what one thread block lists
constexpr std::int64_t most_small_words = 8192;    // of 32 query blocks of a key
constexpr int window_words = 128;                  // query blocks that a warp sorts at a time, 32 to a word

// The ids of all query blocks and KV heads.
struct Selection {
  const std::int64_t* ids;
  std::int64_t stride;
  int groups, columns;
};

// This thread's share of a loop over all threads.
struct Share {
  std::int64_t first, step;
};

// counts[key]: its entries; rank[e]: which of its key's entries e is, in an order that differs from run to run.
__device__ void count_entries(const BlockList& list, const Selection& selection, Share share) {
  std::int32_t* const rank = list.query_block;
#pragma unroll 4
  for (std::int64_t e = share.first; e < list.entries; e += share.step) {
    const std::int64_t row = e / selection.columns;
    const std::int64_t id = selection.ids[row * selection.stride + e % selection.columns];
    rank[e] = id < 0 ? -1 : atomicAdd(list.counts + id * selection.groups + row % selection.groups, 1);
  }
}

__device__ void scatter_entries(const BlockList& list, const Selection& selection, Share share) {
  const std::int32_t* const rank = list.query_block;
#pragma unroll 4
  for (std::int64_t e = share.first; e < list.entries; e += share.step) {
    if (rank[e] < 0) continue;
    const std::int64_t row = e / selection.columns;
    const std::int64_t id = selection.ids[row * selection.stride + e % selection.columns];
    const std::int64_t key = id * selection.groups + row % selection.groups;
    list.unsorted[list.places[key].entries + rank[e]] = static_cast<std::int32_t>(row / selection.groups);
  }
}

__device__ KeyPlace pieces_of(const BlockList& list, int count) {
  const int items = count <= list.entries_per_item ? 1 : (count + list.entries_per_item - 1) / list.entries_per_item;
  return {count, items, items > 1 ? items : 0};
}

struct AddPieces {
  __device__ KeyPlace operator()(const KeyPlace& a, const KeyPlace& b) const {
    return {a.entries + b.entries, a.items + b.items, a.partials + b.partials};
  }
};

// One thread block of small_threads: every thread adds up a run of keys, then the runs are added up. count(key): its
// entries.
template <typename Count>
__device__ void place_keys(const BlockList& list, const Count& count) {
  using Scan = cub::BlockScan<KeyPlace, small_threads, cub::BLOCK_SCAN_WARP_SCANS>;
  __shared__ typename Scan::TempStorage storage;
  const std::int64_t run = (list.keys + small_threads - 1) / small_threads;
  const std::int64_t first = threadIdx.x * run < list.keys ? threadIdx.x * run : list.keys;
  const std::int64_t end = first + run < list.keys ? first + run : list.keys;
  const AddPieces add;
  KeyPlace place{0, 0, 0}, total;
  for (std::int64_t key = first; key < end; ++key) place = add(place, pieces_of(list, count(key)));
  Scan(storage).ExclusiveScan(place, place, KeyPlace{0, 0, 0}, add, total);
  for (std::int64_t key = first; key < end; ++key) {
    list.places[key] = place;
    list.tickets[key] = 0;
    place = add(place, pieces_of(list, count(key)));
  }
  if (threadIdx.x == 0) list.places[list.keys] = total;
}

// One warp: the numbers of the bits that are set in `used` words, ascending and counted from `base`, from
// query_block[to] on. How many there are.
__device__ int write_bits(const BlockList& list, const unsigned* words, int used, int base, int to) {
  const int lane = static_cast<int>(threadIdx.x % 32);
  int written = 0;
  for (int first = 0; first < used; first += 32) {
    unsigned word = first + lane < used ? words[first + lane] : 0;
    const int own = __popc(word);
    int before = own;  // inclusive sum over the lanes
#pragma unroll
    for (int step = 1; step < 32; step *= 2) {
      const int other = __shfl_up_sync(all_lanes, before, step);
      if (lane >= step) before += other;
    }
    const int all = __shfl_sync(all_lanes, before, 31);
    int place = to + written + before - own;
    for (; word != 0; word &= word - 1)
      list.query_block[place++] = base + 32 * (first + lane) + __ffs(static_cast<int>(word)) - 1;
    written += all;
  }
  return written;
}

// A key's entries in ascending order, by one warp: no two are equal, so a set of bits holds them. `words` are the
// warp's own window_words words of shared memory.
__device__ void sort_key(const BlockList& list, int blocks, int begin, int end, unsigned* words) {
  const int lane = static_cast<int>(threadIdx.x % 32);
  int written = begin;
  for (int window = 0; window < blocks && written < end; window += 32 * window_words) {
    const int rest = (blocks - window + 31) / 32, used = rest < window_words ? rest : window_words;
    for (int w = lane; w < used; w += 32) words[w] = 0;
    __syncwarp();
    for (int e = begin + lane; e < end; e += 32) {
      const int bit = list.unsorted[e] - window;
      if (bit >= 0 && bit < 32 * used) atomicOr(words + bit / 32, 1U << bit % 32);
    }
    __syncwarp();
    written += write_bits(list, words, used, window, written);
    __syncwarp();
  }
}

// One warp: the items of a key.
__device__ void write_items(const BlockList& list, std::int64_t key, const KeyPlace& begin, const KeyPlace& end) {
  const int items = end.items - begin.items;
  for (int i = static_cast<int>(threadIdx.x % 32); i < items; i += 32) {
    const int first = begin.entries + i * list.entries_per_item;
    const int rest = end.entries - first;
    list.items[begin.items + i] = {static_cast<std::int32_t>(key), first,
                                   rest < list.entries_per_item ? rest : list.entries_per_item,
                                   items > 1 ? begin.partials + i : -1};
  }
}

__host__ __device__ int words_of_key(int blocks) {
  return (blocks + 31) / 32;
}

__global__ void __launch_bounds__(small_threads) small_list_kernel(BlockList list, Selection selection, int blocks) {
  __shared__ unsigned bits[most_small_words];  // [keys][words]
  const int thread = static_cast<int>(threadIdx.x), words = words_of_key(blocks), keys = static_cast<int>(list.keys);
  for (int i = thread; i < keys * words; i += small_threads) bits[i] = 0;
  __syncthreads();
#pragma unroll 4
  for (int e = thread; e < static_cast<int>(list.entries); e += small_threads) {
    const int row = e / selection.columns, column = e - row * selection.columns;
    const int id = static_cast<int>(selection.ids[row * selection.stride + column]);
    const int block = row / selection.groups, key = id * selection.groups + row - block * selection.groups;
    if (id >= 0) atomicOr(bits + key * words + block / 32, 1U << block % 32);
  }
  __syncthreads();
  place_keys(list, [&](std::int64_t key) {
    int count = 0;
    for (int i = 0; i < words; ++i) count += __popc(bits[key * words + i]);
    return count;
  });
  __syncthreads();
  for (int key = thread / 32; key < keys; key += small_threads / 32) {
    const KeyPlace begin = list.places[key], end = list.places[key + 1];
    write_bits(list, bits + key * words, words, 0, begin.entries);
    write_items(list, key, begin, end);
  }
}

__device__ Share grid_share() {
  return {std::int64_t{blockIdx.x} * blockDim.x + threadIdx.x, std::int64_t{gridDim.x} * blockDim.x};
}

__global__ void __launch_bounds__(large_threads) count_kernel(BlockList list, Selection selection) {
  count_entries(list, selection, grid_share());
}
__global__ void __launch_bounds__(small_threads) place_kernel(BlockList list) {
  place_keys(list, [&](std::int64_t key) { return __ldcg(list.counts + key); });
}
__global__ void __launch_bounds__(large_threads) scatter_kernel(BlockList list, Selection selection) {
  scatter_entries(list, selection, grid_share());
}
// Every warp takes keys.
__global__ void __launch_bounds__(large_threads) finish_kernel(BlockList list, int blocks) {
  __shared__ unsigned words[large_threads / 32][window_words];
  const Share share = grid_share();
  for (std::int64_t key = share.first / 32; key < list.keys; key += share.step / 32) {
    const KeyPlace begin = list.places[key], end = list.places[key + 1];
    sort_key(list, blocks, begin.entries, end.entries, words[threadIdx.x / 32]);
    write_items(list, key, begin, end);
  }
}

}  // namespace

BlockList lay_out_block_list(const SelectedShape& shape, Workspace& workspace) {
  BlockList list;
  list.keys = shape.blocks() * shape.groups;
  list.entries = list.keys * shape.columns;
  // A partial sum is 8 b D bytes; an item of a key with several takes the place of at least half as many entries as it
  // may have. So that the partial sums stay below the bytes of q and o in bf16 (4 b D H/G for each of S entries):
  const std::int64_t least = divide_up(4 * std::int64_t{shape.columns}, shape.rows_per_slot());
  // Enough items to fill a device, but none needlessly small.
  constexpr std::int64_t items_wanted = 1024, rows_wanted = 8192;
  static_assert(rows_wanted / 16 <= most_item_blocks);  // a block has at least 16 rows
  const std::int64_t most = divide_up(rows_wanted, shape.rows_per_block()), fair = list.entries / items_wanted;
  const std::int64_t chosen = fair < most ? fair : most;
  list.entries_per_item = static_cast<int>(chosen > least ? chosen : least);
  list.most_items = list.keys + list.entries / list.entries_per_item;
  list.most_partials = 2 * list.entries / list.entries_per_item;
  list.query_block = workspace.take<std::int32_t>(list.entries);
  list.items = workspace.take<ListItem>(list.most_items);
  list.places = workspace.take<KeyPlace>(list.keys + 1);
  list.tickets = workspace.take<std::int32_t>(list.keys);
  list.counts = workspace.take<std::int32_t>(list.keys);
  list.unsorted = workspace.take<std::int32_t>(list.entries);
  return list;
}

cudaError_t build_block_list(const BlockList& list, const SelectedShape& shape, const std::int64_t* selected,
                             std::int64_t selected_stride, cudaStream_t stream) {
  const Selection selection{selected, selected_stride, shape.groups, shape.columns};
  const int blocks = static_cast<int>(shape.blocks());
  if (list.entries <= most_small_entries && list.keys * words_of_key(blocks) <= most_small_words) {
    small_list_kernel<<<1, small_threads, 0, stream>>>(list, selection, blocks);
    return cudaGetLastError();
  }
  const cudaError_t status =
      cudaMemsetAsync(list.counts, 0, static_cast<std::size_t>(list.keys) * sizeof(std::int32_t), stream);
  if (status != cudaSuccess) return status;
  const unsigned entry_blocks = grid_for(list.entries, large_threads);
  count_kernel<<<entry_blocks, large_threads, 0, stream>>>(list, selection);
  place_kernel<<<1, small_threads, 0, stream>>>(list);
  scatter_kernel<<<entry_blocks, large_threads, 0, stream>>>(list, selection);
  finish_kernel<<<grid_for(list.keys, large_threads / 32), large_threads, 0, stream>>>(list, blocks);
  return cudaGetLastError();
}

}  // namespace erwin::kernels
