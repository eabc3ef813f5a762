#pragma once
// The three branches of a query put together by their gates (method 8.3, before Wout):
//
//   out = g_c o_c + g_s o_s + g_l o_l,    g = sigmoid(logits), one gate per branch and query head.
//
// The compressed branch may have one row for several slots that follow one another (compressed_query = block): all of
// them read it, and its gradient is their sum in slot order. Masked slots give 0 and take part in no gradient; what
// they hold is never used. Everything inside is float32. Results are the same bits on every run.

#include <cstdint>

#include "kernels/common/bf16.h"

namespace erwin::kernels {

struct GateMergeShape {
  std::int64_t rows = 0;  // M, a multiple of slots_per_coarse
  int heads = 0;          // H
  int width = 0;          // D
  int slots_per_coarse = 1;
};

template <typename T>
struct GateMergeParams {
  GateMergeShape shape;
  const T* logits = nullptr;    // [M, 3, H]: compressed, selected, local
  const T* coarse = nullptr;    // [M / slots_per_coarse, H, D] o_c
  const T* selected = nullptr;  // [M, H, D] o_s
  const T* local = nullptr;     // [M, H, D] o_l
  const bool* mask = nullptr;   // [M] real slots
  T* out = nullptr;             // [M, H, D]; the backward pass does not read it
};

template <typename T>
struct GateMergeGradients {
  const T* grad_out = nullptr;  // [M, H, D]
  T* grad_logits = nullptr;     // in the shapes of the parameters
  T* grad_coarse = nullptr;
  T* grad_selected = nullptr;
  T* grad_local = nullptr;
};

// D 8, 16, 32 or 64.
bool gate_merge_supports(const GateMergeShape& shape);

void gate_merge_cpu(const GateMergeParams<float>& params);
void gate_merge_backward_cpu(const GateMergeParams<float>& params, const GateMergeGradients<float>& gradients);

// Pointers are device memory, those to [.., D] multiples of 16 bytes; `stream` is a cudaStream_t. They allocate
// nothing, return after the launch, can be captured in a graph; the value is a cudaError_t (0: fine). Present only in
// builds with CUDA (ERWINSCOPE_CUDA).
int gate_merge_cuda(const GateMergeParams<float>& params, void* stream);
int gate_merge_cuda(const GateMergeParams<Bf16>& params, void* stream);
int gate_merge_backward_cuda(const GateMergeParams<float>& params, const GateMergeGradients<float>& gradients,
                             void* stream);
int gate_merge_backward_cuda(const GateMergeParams<Bf16>& params, const GateMergeGradients<Bf16>& gradients,
                             void* stream);

}  // namespace erwin::kernels
