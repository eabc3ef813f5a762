#pragma once
// Attention of every query row to the block keys of its sample and to one memory slot (method 8.3, the compressed
// branch): softmax over {memory slot} + {blocks of the sample with a real slot} of q_i . K_j / sqrt(D), of their V.
//
// H query heads, G key/value heads, H % G == 0: query head h reads head h / (H/G). Samples are of any sizes, all in one
// launch. Masked rows and rows without a key give out 0 and lse -infinity and take part in no gradient. NaN and
// infinity spread as in a softmax over the same keys; what masked rows and empty blocks hold is never used. Sums in
// float32. Results are the same bits on every run.

#include <cstddef>
#include <cstdint>

#include "kernels/common/bf16.h"

namespace erwin::kernels {

struct CompressedShape {
  std::int64_t rows = 0;    // M, of all samples
  std::int64_t blocks = 0;  // B, of all samples
  std::int64_t samples = 0;
  std::int64_t most_rows = 0;    // of one sample
  std::int64_t most_blocks = 0;  // of one sample
  int heads = 0;                 // H
  int groups = 0;                // G
  int width = 0;                 // D
  bool memory = false;           // there is a memory slot
  int rows_per_query() const { return heads / groups; }
};

template <typename T>
struct CompressedAttentionParams {
  CompressedShape shape;
  const T* q = nullptr;                         // [M, H, D]
  const T* k = nullptr;                         // [B, G, D]
  const T* v = nullptr;                         // [B, G, D]
  const T* memory_k = nullptr;                  // [G, D], null without a memory slot
  const T* memory_v = nullptr;                  // [G, D]
  const bool* mask = nullptr;                   // [M] real rows
  const bool* real = nullptr;                   // [B] blocks with a real slot
  const std::int64_t* row_offsets = nullptr;    // [samples + 1] first row of each sample, the last is M
  const std::int64_t* block_offsets = nullptr;  // [samples + 1] first block of each sample, the last is B
  T* out = nullptr;                             // [M, H, D]; the backward pass reads it
  float* lse = nullptr;                         // [M, H] log of the sum of exponentials; the backward pass reads it
};

template <typename T>
struct CompressedAttentionGradients {
  const T* grad_out = nullptr;  // [M, H, D]
  T* grad_q = nullptr;          // [M, H, D]
  T* grad_k = nullptr;          // [B, G, D]
  T* grad_v = nullptr;          // [B, G, D]
  T* grad_memory_k = nullptr;   // [G, D], null without a memory slot
  T* grad_memory_v = nullptr;   // [G, D]
};

// On the CPU; D 8, 16, 32 or 64.
bool compressed_attention_cpu_supports(const CompressedShape& shape);
void compressed_attention_cpu(const CompressedAttentionParams<float>& params);
void compressed_attention_backward_cpu(const CompressedAttentionParams<float>& params,
                                       const CompressedAttentionGradients<float>& gradients);

// What the CUDA kernels can do: D 8, 16, 32 or 64, H/G 1 to 16, at most 65,535 samples.
bool compressed_attention_cuda_supports(const CompressedShape& shape);

// float (multiply-add units) and Bf16 (tensor cores). Pointers are device memory, those to T multiples of 16 bytes;
// `stream` is a cudaStream_t. They allocate nothing, return after the launch, can be captured in a graph; the value is
// a cudaError_t (0: fine). Present only in builds with CUDA (ERWINSCOPE_CUDA).
int compressed_attention_cuda(const CompressedAttentionParams<float>& params, void* stream);
int compressed_attention_cuda(const CompressedAttentionParams<Bf16>& params, void* stream);
// `workspace`: so many bytes, a multiple of 256.
std::size_t compressed_attention_backward_workspace(const CompressedShape& shape);
int compressed_attention_backward_cuda(const CompressedAttentionParams<float>& params,
                                       const CompressedAttentionGradients<float>& gradients, void* workspace,
                                       void* stream);
int compressed_attention_backward_cuda(const CompressedAttentionParams<Bf16>& params,
                                       const CompressedAttentionGradients<Bf16>& gradients, void* workspace,
                                       void* stream);

}  // namespace erwin::kernels
