#pragma once
// Which blocks a block of queries attends to in full (method 8.3): scores from mean queries, s[B, g, j] = qbar[B, g] .
// K_j / sqrt(D), and of them the S highest, in one pass; the scores of all pairs are never stored.
//
// Candidates of query block B and KV head g are the blocks j of B's sample that hold a real slot and, by `excluded`, do
// not lie in B's own ball. Best first; ties to the lowest j; a score of -infinity or NaN counts as no block. A score is
// the sum of products in float32 from the first column to the last, fused, times 1 / sqrt(D): the CUDA kernel and the
// CPU (where it has FMA) give the same bits.

#include <cstdint>

#include "kernels/common/bf16.h"

namespace erwin::kernels {

struct SelectionShape {
  std::int64_t blocks = 0;  // B, of all samples
  std::int64_t samples = 0;
  std::int64_t most_blocks = 0;  // of one sample
  int groups = 0;                // G
  int width = 0;                 // D
  int count = 0;                 // S
  // Query block i of a sample may not select the sample's blocks j with j / excluded == i / excluded: m / b keeps out
  // the own ball, 1 the own block, 0 nothing.
  std::int64_t excluded = 0;
};

template <typename T>
struct SelectionParams {
  SelectionShape shape;
  const float* mean_query = nullptr;            // [B, G, D]
  const T* keys = nullptr;                      // [B, G, D]
  const bool* real = nullptr;                   // [B] blocks with a real slot; others neither ask nor are chosen
  const std::int64_t* block_offsets = nullptr;  // [samples + 1] first block of each sample
  std::int64_t* ids = nullptr;                  // [B, G, S] within the whole batch; -1 where fewer exist
  float* scores = nullptr;                      // [B, G, S]; -infinity there
};

// Any D and S. Of the query blocks [first, last) of the batch.
void select_blocks_cpu(const SelectionParams<float>& params, std::int64_t first, std::int64_t last);

// D 8, 16, 32 or 64, S 1 to 64, at most 65,535 samples.
bool select_blocks_cuda_supports(const SelectionShape& shape);
// Device pointers, those to rows multiples of 16 bytes; `stream` is a cudaStream_t. Returns after the launch; the value
// is a cudaError_t (0: fine). Present only in builds with CUDA (ERWINSCOPE_CUDA).
int select_blocks_cuda(const SelectionParams<float>& params, void* stream);
int select_blocks_cuda(const SelectionParams<Bf16>& params, void* stream);

// Mean over the real slots of each block and the query heads of each KV head; 0 for a block without a real slot. What
// padding slots hold is never used.
template <typename T>
struct MeanQueryParams {
  const T* q = nullptr;        // [M, H, D]
  const bool* mask = nullptr;  // [M] real slots
  float* out = nullptr;        // [B, G, D]
  std::int64_t blocks = 0;     // B = M / block_size
  int block_size = 0;
  int heads = 0;   // H
  int groups = 0;  // G
  int width = 0;   // D; CUDA: a multiple of 4 up to 128
};

void mean_queries_cpu(const MeanQueryParams<float>& params);
int mean_queries_cuda(const MeanQueryParams<float>& params, void* stream);
int mean_queries_cuda(const MeanQueryParams<Bf16>& params, void* stream);

}  // namespace erwin::kernels
