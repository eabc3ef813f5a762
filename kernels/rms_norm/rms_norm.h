#pragma once
// RMSNorm on a CUDA device: out = x / sqrt(mean over the row of x^2 + epsilon) weight, forward and backward. The rows
// are float32 (a network's residual stream), weight and out of the network's type T. Results are the same bits on every
// run.

#include <cstddef>
#include <cstdint>

#include "kernels/common/bf16.h"

namespace erwin::kernels {

template <typename T>
struct RmsNormParams {
  const float* x = nullptr;   // [rows, width]
  const T* weight = nullptr;  // [width]
  T* out = nullptr;           // [rows, width]; the backward pass does not read it
  float* inverse = nullptr;   // [rows] 1 / sqrt(...); the backward pass reads it
  std::int64_t rows = 0;
  int width = 0;
  float epsilon = 0;
};

template <typename T>
struct RmsNormGradients {
  const T* grad_out = nullptr;  // [rows, width]
  float* grad_x = nullptr;      // [rows, width]
  T* grad_weight = nullptr;     // [width]
};

// Width a multiple of 4, at most 1024.
bool rms_norm_cuda_supports(std::int64_t width);

// Pointers are device memory, multiples of 16 bytes; `stream` is a cudaStream_t. They allocate nothing, return after
// the launch and can be captured in a graph; the value is a cudaError_t (0: fine). Present only in builds with CUDA
// (ERWINSCOPE_CUDA).
int rms_norm_cuda(const RmsNormParams<float>& params, void* stream);
int rms_norm_cuda(const RmsNormParams<Bf16>& params, void* stream);
// `workspace`: so many bytes, a multiple of 256.
std::size_t rms_norm_backward_workspace(std::int64_t rows, int width);
int rms_norm_backward_cuda(const RmsNormParams<float>& params, const RmsNormGradients<float>& gradients,
                           void* workspace, void* stream);
int rms_norm_backward_cuda(const RmsNormParams<Bf16>& params, const RmsNormGradients<Bf16>& gradients, void* workspace,
                           void* stream);

}  // namespace erwin::kernels
