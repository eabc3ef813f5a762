#pragma once
// Attention to whole selected blocks (method 8.3, the selected branch): softmax_j(q_i . k_j / sqrt(D)) v_j over the
// real slots j of the blocks selected for i's block and KV head. A block of b queries shares its selection, so one
// problem is a tile of b * H/G rows against S blocks of b keys: no gather per query, no row wasted.
//
// H query heads, G key/value heads, H % G == 0: query head h reads head h / (H/G). Masked query slots and rows without
// a key give out 0 and lse -infinity. NaN and infinity spread as in a softmax over the same keys; what masked slots
// hold is never used. Sums in float32. Results are the same bits on every run.

#include <cstddef>
#include <cstdint>
#include <functional>

#include "kernels/common/bf16.h"

namespace erwin::kernels {

struct SelectedShape {
  std::int64_t slots = 0;  // M, whole blocks
  int heads = 0;           // H
  int groups = 0;          // G
  int width = 0;           // D
  int block_size = 0;      // b
  int columns = 0;         // S
  std::int64_t blocks() const { return slots / block_size; }
  int rows_per_slot() const { return heads / groups; }
  int rows_per_block() const { return block_size * rows_per_slot(); }
};

template <typename T>
struct SelectedAttentionParams {
  SelectedShape shape;
  const T* q = nullptr;                    // [M, H, D]
  const T* k = nullptr;                    // [M, G, D]
  const T* v = nullptr;                    // [M, G, D]
  const bool* mask = nullptr;              // [M] real slots
  const std::int64_t* selected = nullptr;  // [M / b, G, S] block ids, -1: none; none twice in a row
  std::int64_t selected_stride = 0;        // elements from one row of S ids to the next
  T* out = nullptr;                        // [M, H, D]; the backward pass reads it
  float* lse = nullptr;                    // [M, H] log of the sum of exponentials; the backward pass reads it
};

template <typename T>
struct SelectedAttentionGradients {
  const T* grad_out = nullptr;  // [M, H, D]
  T* grad_q = nullptr;          // [M, H, D]
  T* grad_k = nullptr;          // [M, G, D]
  T* grad_v = nullptr;          // [M, G, D]
};

// On the CPU; D 8, 16, 32 or 64, any b and S. `between`, where there is one, is called by the calling thread before
// every chunk of the work; what it throws ends the call.
bool selected_attention_cpu_supports(const SelectedShape& shape);
void selected_attention_cpu(const SelectedAttentionParams<float>& params, const std::function<void()>& between = {});
void selected_attention_backward_cpu(const SelectedAttentionParams<float>& params,
                                     const SelectedAttentionGradients<float>& gradients,
                                     const std::function<void()>& between = {});

// What the CUDA kernels can do: D 8, 16, 32 or 64, b 16 or 32, H/G 1 to 16, S 1 to 128.
bool selected_attention_cuda_supports(const SelectedShape& shape);

// float (multiply-add units) and Bf16 (tensor cores). Pointers are device memory, those to T multiples of 16 bytes;
// `stream` is a cudaStream_t. They allocate nothing, return after the launch, can be captured in a graph; the value is
// a cudaError_t (0: fine). Present only in builds with CUDA (ERWINSCOPE_CUDA).
int selected_attention_cuda(const SelectedAttentionParams<float>& params, void* stream);
int selected_attention_cuda(const SelectedAttentionParams<Bf16>& params, void* stream);
// `workspace`: so many bytes, a multiple of 256.
std::size_t selected_attention_backward_workspace(const SelectedShape& shape);
int selected_attention_backward_cuda(const SelectedAttentionParams<float>& params,
                                     const SelectedAttentionGradients<float>& gradients, void* workspace, void* stream);
int selected_attention_backward_cuda(const SelectedAttentionParams<Bf16>& params,
                                     const SelectedAttentionGradients<Bf16>& gradients, void* workspace, void* stream);

}  // namespace erwin::kernels
