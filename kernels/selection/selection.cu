#include <cmath>
#include <type_traits>

#include "kernels/common/launch.cuh"
#include "kernels/common/numbers.cuh"
#include "kernels/common/reduce.cuh"
#include "kernels/selection/selection.h"

namespace erwin::kernels {

namespace {

constexpr int warps = 8, threads = 32 * warps, rows_per_warp = 2, rows = warps * rows_per_warp, key_tile = 64;

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
  __device__ explicit BestScores(int count) : count_(count) {
#pragma unroll
    for (int slot = 0; slot < Slots; ++slot) {
      score_[slot] = -infinity();
      id_[slot] = -1;
    }
  }

  // One candidate of each lane, ids ascending from lane to lane and from call to call.
  __device__ void offer(float score, int id) {
    unsigned waiting = __ballot_sync(all_lanes, score > worst_);
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
    const int end = count_ - 1;
    worst_ = __shfl_sync(all_lanes, score_[Slots - 1], end % 32);
    if (Slots == 2 && end < 32) worst_ = __shfl_sync(all_lanes, score_[0], end);
  }

  float score_[Slots];
  int id_[Slots];
  float worst_ = -infinity();
  int count_;
};

// Blocks: (tile of query blocks of a sample, KV head, sample). Every warp has two query blocks and looks at 32 keys at
// a time, one in each lane.
template <typename T, int D, int Slots>
__global__ void __launch_bounds__(threads) select_kernel(SelectionShape shape, Pointers<T> pointers, float scale) {
  constexpr int stride = D + 4;  // lanes read rows of keys in pieces of 16 bytes without conflicts
  alignas(16) __shared__ float keys[key_tile * stride];
  alignas(16) __shared__ float queries[rows * D];
  __shared__ bool exists[key_tile];
  const int group = static_cast<int>(blockIdx.y), warp = static_cast<int>(threadIdx.x) / 32,
            lane = static_cast<int>(threadIdx.x) % 32;
  const std::int64_t begin = pointers.block_offsets[blockIdx.z];
  const int blocks = static_cast<int>(pointers.block_offsets[blockIdx.z + 1] - begin);
  const int tile = static_cast<int>(blockIdx.x) * rows;
  if (tile >= blocks) return;
  for (int i = static_cast<int>(threadIdx.x); i < rows * D; i += threads) {
    const int row = tile + i / D;
    queries[i] = row < blocks ? pointers.mean_query[((begin + row) * shape.groups + group) * D + i % D] : 0.0f;
  }
  int row[rows_per_warp], unit[rows_per_warp];
  bool asks[rows_per_warp];
#pragma unroll
  for (int r = 0; r < rows_per_warp; ++r) {
    row[r] = tile + warp * rows_per_warp + r;
    asks[r] = row[r] < blocks && pointers.real[begin + row[r]];
    unit[r] = shape.excluded > 0 ? row[r] / static_cast<int>(shape.excluded) : -1;
  }
  BestScores<Slots> best[rows_per_warp] = {BestScores<Slots>(shape.count), BestScores<Slots>(shape.count)};
  for (int first = 0; first < blocks; first += key_tile) {
    __syncthreads();
    for (int i = static_cast<int>(threadIdx.x); i < key_tile * (D / 4); i += threads) {
      const int key = i / (D / 4), column = i % (D / 4) * 4;
      float values[4] = {};
      if (first + key < blocks)
        load_floats<4>(pointers.keys + ((begin + first + key) * shape.groups + group) * D + column, values);
      store_floats<4>(keys + key * stride + column, values);
    }
    if (threadIdx.x < key_tile) {
      const int key = first + static_cast<int>(threadIdx.x);
      exists[threadIdx.x] = key < blocks && pointers.real[begin + key];
    }
    __syncthreads();
#pragma unroll 1
    for (int half = 0; half < key_tile; half += 32) {
      const int id = first + half + lane;
      const int key_unit = shape.excluded > 0 ? id / static_cast<int>(shape.excluded) : -2;
      float key[D];
      load_floats<D>(keys + (half + lane) * stride, key);
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
        const bool candidate = exists[half + lane] && key_unit != unit[r];
        best[r].offer(candidate ? __fmul_rn(sum, scale) : -infinity(), id);
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

template <typename T, int D>
int launch_width(const SelectionShape& shape, const Pointers<T>& pointers, cudaStream_t stream) {
  const dim3 grid(static_cast<unsigned>(divide_up(shape.most_blocks, rows)), static_cast<unsigned>(shape.groups),
                  static_cast<unsigned>(shape.samples));
  const float scale = static_cast<float>(1.0 / std::sqrt(static_cast<double>(D)));
  if (shape.count <= 32)
    select_kernel<T, D, 1><<<grid, threads, 0, stream>>>(shape, pointers, scale);
  else
    select_kernel<T, D, 2><<<grid, threads, 0, stream>>>(shape, pointers, scale);
  return cudaGetLastError();
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
