#pragma once
// One dense problem of the compressed branch: the query rows of one sample and KV head against the sample's block keys.
// A row is one query head of one slot: r = slot * (H/G) + head within the group. Shared by the forward and backward
// kernels; thread blocks are (tile of rows or keys, KV head, sample), tiles beyond a sample's end return at once.

#include "kernels/common/attention.cuh"
#include "kernels/compressed_attention/compressed_attention.h"

namespace erwin::kernels {

struct Problem {
  std::int64_t first_row, first_block;
  int rows, blocks;  // rows: slots times heads of the group
  int per_query, heads, groups, group;

  __device__ Problem(const CompressedShape& shape, const std::int64_t* row_offsets, const std::int64_t* block_offsets)
      : first_row(row_offsets[blockIdx.z]),
        first_block(block_offsets[blockIdx.z]),
        rows(static_cast<int>(row_offsets[blockIdx.z + 1] - first_row) * (shape.heads / shape.groups)),
        blocks(static_cast<int>(block_offsets[blockIdx.z + 1] - first_block)),
        per_query(shape.heads / shape.groups),
        heads(shape.heads),
        groups(shape.groups),
        group(static_cast<int>(blockIdx.y)) {}

  __device__ std::int64_t slot(int row) const { return first_row + row / per_query; }
  // Of [M, H]; times D: of [M, H, D].
  __device__ std::int64_t entry(int row) const { return slot(row) * heads + group * per_query + row % per_query; }
  // Of [B, G]; times D: of [B, G, D].
  __device__ std::int64_t key(int block) const { return (first_block + block) * groups + group; }
  __device__ bool real_row(int row, const bool* mask) const {
    const bool real = mask[slot(min(row, rows - 1))];  // without a branch: so several loads are under way at once
    return row < rows && real;
  }
  __device__ bool real_block(int block, const bool* real) const { return block < blocks && real[first_block + block]; }
};

// The keys of a problem as the tile loops ask for them.
struct ProblemKeys {
  const Problem& problem;
  const bool* real;
  int count;
  __device__ ProblemKeys(const Problem& of, const bool* real_blocks)
      : problem(of), real(real_blocks), count(of.blocks) {}
  __device__ std::int64_t place(int key) const { return problem.real_block(key, real) ? problem.key(key) : -1; }
};

// ---- What the backward pass keeps between its kernels. ----

constexpr int partial_chunks = 512;  // at most so many partial sums for the memory slot
constexpr int least_rows_per_split = 256;

struct BackwardPlan {
  std::int64_t chunk_rows, chunks;  // of the pass over all rows of a KV head
  int splits;                       // parts of the rows, for the gradient of the keys

  // keys_per_block: keys of one thread block of the kernel for the keys' gradient.
  BackwardPlan(const CompressedShape& shape, int keys_per_block) {
    const std::int64_t all_rows = shape.rows * shape.rows_per_query();
    const std::int64_t least = 256, share = divide_up(all_rows, partial_chunks);
    chunk_rows = share > least ? share : least;
    chunks = divide_up(all_rows, chunk_rows);
    constexpr std::int64_t wanted = 1056;  // thread blocks: 8 on each of 132 multiprocessors
    const std::int64_t tiles = divide_up(shape.most_blocks, keys_per_block) * shape.groups * shape.samples;
    const std::int64_t most = divide_up(shape.most_rows * shape.rows_per_query(), least_rows_per_split);
    std::int64_t count = divide_up(wanted, tiles > 0 ? tiles : 1);
    count = count < most ? count : most;
    splits = static_cast<int>(count < 1 ? 1 : count < 256 ? count : 256);
  }
};

struct BackwardMemory {
  RowStatistics* statistics;  // [G, M * H/G]
  float* memory_slope;        // [G, M * H/G] dS of the memory slot
  float* memory_partial;      // [chunks, 2, G, D] sums of dS q and P dO
  float* key_partial;         // [splits, 2, B * G * D] dK, dV
  std::size_t bytes;

  BackwardMemory(const CompressedShape& shape, const BackwardPlan& plan, void* workspace) {
    Workspace pieces(workspace);
    const std::int64_t entries = shape.rows * shape.heads;
    statistics = pieces.take<RowStatistics>(entries);
    memory_slope = pieces.take<float>(shape.memory ? entries : 0);
    memory_partial = pieces.take<float>(shape.memory ? plan.chunks * shape.groups * 2 * shape.width : 0);
    key_partial = pieces.take<float>(plan.splits * 2 * shape.blocks * shape.groups * shape.width);
    bytes = pieces.size();
  }
};

// Keys of one thread block of the kernel for the keys' gradient.
constexpr int keys_per_block_bf16(int width) {
  return width == 64 ? 64 : 128;
}
constexpr int keys_per_block_float(int width) {
  return width == 64 ? 32 : width == 32 ? 64 : 128;
}

// Statistics of the rows, and the memory slot's share.
template <typename T>
int launch_row_pass(const CompressedAttentionParams<T>& params, const CompressedAttentionGradients<T>& gradients,
                    const BackwardPlan& plan, const BackwardMemory& memory, void* stream);
// The partial sums of keys, values and memory slot, added up in order.
template <typename T>
int launch_reduction(const CompressedAttentionParams<T>& params, const CompressedAttentionGradients<T>& gradients,
                     const BackwardPlan& plan, const BackwardMemory& memory, void* stream);

}  // namespace erwin::kernels
