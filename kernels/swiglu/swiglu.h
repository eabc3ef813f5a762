#pragma once
// The middle of SwiGLU on a CUDA device: out = b SiLU(a), SiLU(a) = a sigmoid(a), elementwise, of a = W1 x and b = W2
// x, forward and backward in one launch each. Computed in float32.

#include <cstdint>

#include "kernels/common/bf16.h"

namespace erwin::kernels {

template <typename T>
struct SwigluParams {
  const T* a = nullptr;
  const T* b = nullptr;
  T* out = nullptr;  // the backward pass does not read it
  std::int64_t count = 0;
};

template <typename T>
struct SwigluGradients {
  const T* grad_out = nullptr;
  T* grad_a = nullptr;
  T* grad_b = nullptr;
};

// Pointers are device memory, multiples of 16 bytes; count is a multiple of 4; `stream` is a cudaStream_t. They return
// after the launch and can be captured in a graph; the value is a cudaError_t (0: fine). Present only in builds with
// CUDA (ERWINSCOPE_CUDA).
int swiglu_cuda(const SwigluParams<float>& params, void* stream);
int swiglu_cuda(const SwigluParams<Bf16>& params, void* stream);
int swiglu_backward_cuda(const SwigluParams<float>& params, const SwigluGradients<float>& gradients, void* stream);
int swiglu_backward_cuda(const SwigluParams<Bf16>& params, const SwigluGradients<Bf16>& gradients, void* stream);

}  // namespace erwin::kernels
