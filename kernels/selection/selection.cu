#include <cmath>
#include <type_traits>

#include "kernels/common/launch.cuh"
#include "kernels/common/numbers.cuh"
#include "kernels/common/reduce.cuh"
#include "kernels/selection/selection.h"

namespace erwin::kernels {

namespace {

// How the query blocks are shared out. A warp with two of them reads each key once for both; where they are so few that
// thread blocks of that kind would leave multiprocessors idle, every warp has one, and keys come in longer tiles.
template <int D, bool Few>
struct Tiling {
  static constexpr int warps = Few ? 4 : 8, threads = 32 * warps, rows_per_warp = Few ? 1 : 2;
  static constexpr int rows = warps * rows_per_warp;
  static constexpr int keys = !Few ? 64 : D < 16 ? 256 : 4096 / D;  // in shared memory at a time
  static constexpr int pieces = keys * D / 4;                       // of 4 values
  static constexpr int turns = (pieces + threads - 1) / threads;    // pieces of a thread
};
constexpr std::int64_t thread_blocks_wanted = 512;

template <typename T>
struct Pointers {
  const float* mean_query;
  const T* keys;
  const bool* real;
  const std::int64_t* block_offsets;
  std::int64_t* ids;
  float* scores;
};

// The best scores that a warp has seen, best first, entry i in lane i % 32 and slot i / 32. Only the first `count`
// entries matter.
template <int Slots>
class BestScores {
public:
  __device__ void begin(int count) {
    count_ = count;
    worst_ = -infinity();
#pragma unroll
    for (int slot = 0; slot < Slots; ++slot) {
      score_[slot] = -infinity();
      id_[slot] = -1;
    }
  }

  // One candidate of each lane, ids ascending from lane to lane and from call to call.
  __device__ void offer(float score, int id) {
    const bool better = score > worst_;
    unsigned waiting = __ballot_sync(all_lanes, better);
    if (__popc(waiting) > most_inserted) {
      merge(better ? Entry{score, id} : Entry{-infinity(), -1});
      return;
    }
    while (waiting != 0) {
      const int lane = __ffs(static_cast<int>(waiting)) - 1;
      waiting &= waiting - 1;
      const float next = __shfl_sync(all_lanes, score, lane);
      const int next_id = __shfl_sync(all_lanes, id, lane);
      if (next > worst_) insert(next, next_id);
    }
  }

  __device__ float score(int slot) const {
    return score_[slot];
  }
  __device__ int id(int slot) const {
    return id_[slot];
  }

private:
  static constexpr int most_inserted = 6;  // one by one; more are sorted and merged, which takes as long for any number
  struct Entry {
    float score;
    int id;
  };

  __device__ static bool precedes(const Entry& a, const Entry& b) {
    return a.score > b.score || (a.score == b.score && a.id < b.id);
  }
  // Compares with the lane whose number differs by the bit `step`.
  __device__ static void exchange(Entry& entry, int step, bool keep_best) {
    const Entry other{__shfl_xor_sync(all_lanes, entry.score, step), __shfl_xor_sync(all_lanes, entry.id, step)};
    if (precedes(other, entry) == keep_best) entry = other;
  }
  // Of a sequence that falls and then rises, or the other way round: best first or worst first.
  __device__ static void sort_bitonic(Entry& entry, bool best_first) {
    const int lane = static_cast<int>(threadIdx.x) % 32;
#pragma unroll
    for (int step = 16; step > 0; step /= 2) exchange(entry, step, ((lane & step) == 0) == best_first);
  }

  // All candidates at once (no candidate: score -infinity, id -1), in the same order as one by one: better score first,
  // among equals the lower id.
  __device__ void merge(Entry candidate) {
    const int lane = static_cast<int>(threadIdx.x) % 32;
#pragma unroll
    for (int size = 2; size < 32; size *= 2)
#pragma unroll
      for (int step = size / 2; step > 0; step /= 2)
        exchange(candidate, step, ((lane & step) == 0) == ((lane & size) == 0));
    sort_bitonic(candidate, false);
    // Worst first against best first: the better ones of each pair are the 32 best of both, the last of the list go
    // out.
#pragma unroll
    for (int slot = Slots - 1; slot >= 0; --slot) {
      Entry own{score_[slot], id_[slot]};
      if (precedes(candidate, own)) {
        const Entry worse = own;
        own = candidate;
        candidate = worse;
      }
      if (slot < Slots - 1) {
        sort_bitonic(candidate, true);
        score_[slot + 1] = candidate.score;
        id_[slot + 1] = candidate.id;
      }
      sort_bitonic(own, slot == 0);
      score_[slot] = own.score;
      id_[slot] = own.id;
      candidate = own;
    }
    note_worst();
  }

  // Behind the entries that are not worse: among equals the one that came first, the lower id, stays ahead.
  __device__ void insert(float score, int id) {
    const int lane = static_cast<int>(threadIdx.x) % 32;
    int place = 0;
#pragma unroll
    for (int slot = 0; slot < Slots; ++slot) place += __popc(__ballot_sync(all_lanes, score_[slot] >= score));
    float carried_score = 0;
    int carried_id = 0;
#pragma unroll
    for (int slot = 0; slot < Slots; ++slot) {
      float before = __shfl_up_sync(all_lanes, score_[slot], 1);
      int before_id = __shfl_up_sync(all_lanes, id_[slot], 1);
      const float last = __shfl_sync(all_lanes, score_[slot], 31);
      const int last_id = __shfl_sync(all_lanes, id_[slot], 31);
      if (lane == 0) {
        before = carried_score;
        before_id = carried_id;
      }
      const int entry = lane + 32 * slot;
      if (entry >= place) {
        score_[slot] = entry == place ? score : before;
        id_[slot] = entry == place ? id : before_id;
      }
      carried_score = last;
      carried_id = last_id;
    }
    note_worst();
  }

  __device__ void note_worst() {
    const int end = count_ - 1;
    worst_ = __shfl_sync(all_lanes, score_[Slots - 1], end % 32);
    if (Slots == 2 && end < 32) worst_ = __shfl_sync(all_lanes, score_[0], end);
  }

  float score_[Slots];
  int id_[Slots];
  float worst_;
  int count_;
};

// Blocks: (tile of query blocks of a sample, KV head, sample). A warp looks at 32 keys at a time, one in each lane.
template <typename T, int D, int Slots, bool Few>
__global__ void __launch_bounds__(Tiling<D, Few>::threads, !Few && D <= 16 ? 4 : 1)
    select_kernel(SelectionShape shape, Pointers<T> pointers, float scale) {
  using Tile = Tiling<D, Few>;
  constexpr int stride = D + 4;  // lanes read rows of keys in pieces of 16 bytes without conflicts
  constexpr int rows_per_warp = Tile::rows_per_warp;
  alignas(16) __shared__ float keys[Tile::keys * stride];
  alignas(16) __shared__ float queries[Tile::rows * D];
  __shared__ bool exists[Tile::keys];
  const int group = static_cast<int>(blockIdx.y), thread = static_cast<int>(threadIdx.x), warp = thread / 32,
            lane = thread % 32;
  const std::int64_t begin = pointers.block_offsets[blockIdx.z];
  const int blocks = static_cast<int>(pointers.block_offsets[blockIdx.z + 1] - begin);
  const int tile = static_cast<int>(blockIdx.x) * Tile::rows;
  if (tile >= blocks) return;
  for (int i = thread; i < Tile::rows * D; i += Tile::threads) {
    const int row = tile + i / D;
    queries[i] = row < blocks ? pointers.mean_query[((begin + row) * shape.groups + group) * D + i % D] : 0.0f;
  }
  const int excluded = static_cast<int>(shape.excluded);
  int row[rows_per_warp], kept_out[rows_per_warp];  // the first of `excluded` blocks
  bool asks[rows_per_warp];
  BestScores<Slots> best[rows_per_warp];
#pragma unroll
  for (int r = 0; r < rows_per_warp; ++r) {
    row[r] = tile + warp * rows_per_warp + r;
    asks[r] = row[r] < blocks && pointers.real[begin + row[r]];
    kept_out[r] = excluded > 0 ? row[r] / excluded * excluded : 0;
    best[r].begin(shape.count);
  }
  for (int first = 0; first < blocks; first += Tile::keys) {
    float values[Tile::turns][4];  // all loads of a tile are under way at once
    bool real[Tile::turns];
#pragma unroll
    for (int turn = 0; turn < Tile::turns; ++turn) {
      const int i = thread + turn * Tile::threads, key = first + i / (D / 4);
#pragma unroll
      for (float& value : values[turn]) value = 0;
      real[turn] = i < Tile::pieces && key < blocks && pointers.real[begin + key];
      if (i < Tile::pieces && key < blocks)
        load_floats<4>(pointers.keys + ((begin + key) * shape.groups + group) * D + i % (D / 4) * 4, values[turn]);
    }
    __syncthreads();  // nobody reads the tile before any more
#pragma unroll
    for (int turn = 0; turn < Tile::turns; ++turn) {
      const int i = thread + turn * Tile::threads, key = i / (D / 4), column = i % (D / 4) * 4;
      if (i >= Tile::pieces) continue;
      store_floats<4>(keys + key * stride + column, values[turn]);
      if (column == 0) exists[key] = real[turn];
    }
    __syncthreads();
#pragma unroll 1
    for (int part = 0; part < Tile::keys && first + part < blocks; part += 32) {
      const int id = first + part + lane;
      float key[D];
      load_floats<D>(keys + (part + lane) * stride, key);
#pragma unroll
      for (int r = 0; r < rows_per_warp; ++r) {
        if (!asks[r]) continue;
        float sum = 0;
#pragma unroll
        for (int d = 0; d < D; d += 4) {
          const float4 query = *reinterpret_cast<const float4*>(queries + (warp * rows_per_warp + r) * D + d);
          sum = fmaf(query.x, key[d], sum);
          sum = fmaf(query.y, key[d + 1], sum);
          sum = fmaf(query.z, key[d + 2], sum);
          sum = fmaf(query.w, key[d + 3], sum);
        }
        const bool own = static_cast<unsigned>(id - kept_out[r]) < static_cast<unsigned>(excluded);
        best[r].offer(exists[part + lane] && !own ? __fmul_rn(sum, scale) : -infinity(), id);
      }
    }
  }
#pragma unroll
  for (int r = 0; r < rows_per_warp; ++r) {
    if (row[r] >= blocks) continue;
    const std::int64_t out = ((begin + row[r]) * shape.groups + group) * shape.count;
#pragma unroll
    for (int slot = 0; slot < Slots; ++slot) {
      const int entry = lane + 32 * slot;
      if (entry >= shape.count) continue;
      const int id = best[r].id(slot);
      pointers.ids[out + entry] = id < 0 ? -1 : begin + id;
      pointers.scores[out + entry] = best[r].score(slot);
    }
  }
}

template <typename T, int D, bool Few>
int launch_tiling(const SelectionShape& shape, const Pointers<T>& pointers, cudaStream_t stream) {
  using Tile = Tiling<D, Few>;
  const dim3 grid(static_cast<unsigned>(divide_up(shape.most_blocks, Tile::rows)), static_cast<unsigned>(shape.groups),
                  static_cast<unsigned>(shape.samples));
  const float scale = static_cast<float>(1.0 / std::sqrt(static_cast<double>(D)));
  if (shape.count <= 32)
    select_kernel<T, D, 1, Few><<<grid, Tile::threads, 0, stream>>>(shape, pointers, scale);
  else
    select_kernel<T, D, 2, Few><<<grid, Tile::threads, 0, stream>>>(shape, pointers, scale);
  return cudaGetLastError();
}

template <typename T, int D>
int launch_width(const SelectionShape& shape, const Pointers<T>& pointers, cudaStream_t stream) {
  const std::int64_t many = divide_up(shape.most_blocks, Tiling<D, false>::rows) * shape.groups * shape.samples;
  return many < thread_blocks_wanted ? launch_tiling<T, D, true>(shape, pointers, stream)
                                     : launch_tiling<T, D, false>(shape, pointers, stream);
}

template <typename T, typename Stored>
int launch(const SelectionParams<Stored>& params, void* stream) {
  const SelectionShape& shape = params.shape;
  if (shape.blocks == 0) return cudaSuccess;
  const Pointers<T> pointers{params.mean_query, reinterpret_cast<const T*>(params.keys),
                             params.real,       params.block_offsets,
                             params.ids,        params.scores};
  const auto queue = static_cast<cudaStream_t>(stream);
  switch (shape.width) {
    case 8:
      return launch_width<T, 8>(shape, pointers, queue);
    case 16:
      return launch_width<T, 16>(shape, pointers, queue);
    case 32:
      return launch_width<T, 32>(shape, pointers, queue);
    case 64:
      return launch_width<T, 64>(shape, pointers, queue);
    default:
      return cudaErrorInvalidValue;
  }
}

constexpr int mean_threads = 256, most_mean_width = 128;

// One thread block per block of slots and KV head; D / 4 threads share a row, a row is one query head of one slot.
template <typename T>
__global__ void __launch_bounds__(mean_threads)
    mean_kernel(const T* q, const bool* mask, float* out, int block_size, int heads, int groups, int width) {
  constexpr int together = 8;  // rows of a thread whose loads are under way at once, those of padding slots too
  alignas(16) __shared__ float sums[mean_threads * 4];
  __shared__ float parts[mean_threads];
  const int per_query = heads / groups, group = static_cast<int>(blockIdx.y), lanes = width / 4;
  const int thread = static_cast<int>(threadIdx.x), lane = thread % lanes, line = thread / lanes;
  const int at_once = mean_threads / lanes, rows = block_size * per_query;
  const std::int64_t first = std::int64_t{blockIdx.x} * block_size;
  float sum[4] = {};
  for (int base = line; base < rows && line < at_once; base += together * at_once) {
    float values[together][4];
    bool real[together];
#pragma unroll
    for (int i = 0; i < together; ++i) {
      const int row = min(base + i * at_once, rows - 1), within = row / per_query;
      const std::int64_t slot = first + within, head = group * per_query + row - within * per_query;
      real[i] = mask[slot];
      load_floats<4>(q + (slot * heads + head) * width + 4 * lane, values[i]);
    }
#pragma unroll
    for (int i = 0; i < together; ++i)
#pragma unroll
      for (int c = 0; c < 4; ++c) sum[c] += real[i] && base + i * at_once < rows ? values[i][c] : 0.0f;
  }
  store_floats<4>(sums + 4 * thread, sum);  // [at_once][width]
  int real = 0;
  for (int slot = 0; slot < block_size; slot += mean_threads)
    real += __syncthreads_count(slot + thread < block_size && mask[first + slot + thread]);
  const int shares = mean_threads / width, share = thread / width, column = thread % width;
  float total = 0;
  for (int l = share; l < at_once && share < shares; l += shares) total += sums[l * width + column];
  parts[thread] = total;
  __syncthreads();
  if (thread >= width) return;
  total = 0;
  for (int s = 0; s < shares; ++s) total += parts[s * width + thread];
  out[(std::int64_t{blockIdx.x} * groups + group) * width + thread] =
      real > 0 ? total / static_cast<float>(real * per_query) : 0.0f;
}

template <typename T, typename Stored>
int launch_means(const MeanQueryParams<Stored>& params, void* stream) {
  if (params.blocks == 0) return cudaSuccess;
  if (params.width % 4 != 0 || params.width > most_mean_width) return cudaErrorInvalidValue;
  const dim3 grid(static_cast<unsigned>(params.blocks), static_cast<unsigned>(params.groups));
  mean_kernel<T><<<grid, mean_threads, 0, static_cast<cudaStream_t>(stream)>>>(
      reinterpret_cast<const T*>(params.q), params.mask, params.out, params.block_size, params.heads, params.groups,
      params.width);
  return cudaGetLastError();
}

}  // namespace

bool select_blocks_cuda_supports(const SelectionShape& shape) {
  const int width = shape.width;
  return (width == 8 || width == 16 || width == 32 || width == 64) && shape.count >= 1 && shape.count <= 64 &&
         shape.groups >= 1 && shape.groups <= 65535 && shape.samples >= 1 && shape.samples <= 65535 &&
         shape.most_blocks < (std::int64_t{1} << 30);
}

int select_blocks_cuda(const SelectionParams<float>& params, void* stream) {
  return launch<float>(params, stream);
}
int select_blocks_cuda(const SelectionParams<Bf16>& params, void* stream) {
  return launch<__nv_bfloat16>(params, stream);
}
int mean_queries_cuda(const MeanQueryParams<float>& params, void* stream) {
  return launch_means<float>(params, stream);
}
int mean_queries_cuda(const MeanQueryParams<Bf16>& params, void* stream) {
  return launch_means<__nv_bfloat16>(params, stream);
}

}  // namespace erwin::kernels
