#pragma once
// One key and one value per block and KV head, pooled by content and place (method 8.3, phi = pool): with r_i the place
// of slot i in its block, t = k for the keys and t = v for the values,
//
//   a_i = softmax_i(k_i . w[g] + r_i . w'[g]) over the block's real slots,    z = sum_i a_i t_i,
//   out = z + W2 gelu(W1 z + b1) + b2                                        gelu with the exact error function
//
// The logits come from k in both cases; keys and values have weights of their own. Everything inside is float32. A
// block without a real slot gives 0 and takes part in no gradient; what padding slots hold is never used. Results are
// the same bits on every run.

#include <cstddef>
#include <cstdint>

#include "kernels/common/bf16.h"

namespace erwin::kernels {

struct BlockPoolShape {
  std::int64_t blocks = 0;  // B
  int block_size = 0;       // b
  int groups = 0;           // G
  int width = 0;            // D
  int dimension = 0;        // d
};

template <typename T>
struct BlockPoolWeights {
  const T* logit = nullptr;        // w [G, D]
  const T* place = nullptr;        // w' [G, d]
  const T* first = nullptr;        // W1 [4D, D]
  const T* first_bias = nullptr;   // b1 [4D]
  const T* second = nullptr;       // W2 [D, 4D]
  const T* second_bias = nullptr;  // b2 [D]
};

// Of each pair the first belongs to the keys, the second to the values.
template <typename T>
struct BlockPoolParams {
  BlockPoolShape shape;
  const T* k = nullptr;             // [B b, G, D]
  const T* v = nullptr;             // [B b, G, D]
  const float* relative = nullptr;  // [B b, d] r
  const bool* mask = nullptr;       // [B b] real slots
  const bool* real = nullptr;       // [B] blocks with a real slot
  BlockPoolWeights<T> weights[2];
  T* out[2] = {};         // [B, G, D]
  float* pooled[2] = {};  // [B, G, D] z; the backward pass reads it
  float* lse[2] = {};     // [B, G] log of the sum of exponentials; the backward pass reads it
};

// Gradients of the weights, in the order and the shapes of BlockPoolWeights.
template <typename T>
struct BlockPoolWeightGradients {
  T *logit = nullptr, *place = nullptr, *first = nullptr, *first_bias = nullptr, *second = nullptr,
    *second_bias = nullptr;
};

template <typename T>
struct BlockPoolGradients {
  const T* grad_out[2] = {};  // [B, G, D]
  T* grad_k = nullptr;        // [B b, G, D]
  T* grad_v = nullptr;        // [B b, G, D]
  BlockPoolWeightGradients<T> weights[2];
};

// D 8, 16, 32 or 64; b 16 or 32; d 1 to 3.
bool block_pool_supports(const BlockPoolShape& shape);

void block_pool_cpu(const BlockPoolParams<float>& params);
void block_pool_backward_cpu(const BlockPoolParams<float>& params, const BlockPoolGradients<float>& gradients);

// Pointers are device memory, those to T and `pooled` multiples of 16 bytes; `stream` is a cudaStream_t. They allocate
// nothing, return after the launch, can be captured in a graph; the value is a cudaError_t (0: fine). Present only in
// builds with CUDA (ERWINSCOPE_CUDA).
int block_pool_cuda(const BlockPoolParams<float>& params, void* stream);
int block_pool_cuda(const BlockPoolParams<Bf16>& params, void* stream);
// `workspace`: so many bytes, a multiple of 256.
std::size_t block_pool_backward_workspace(const BlockPoolShape& shape);
int block_pool_backward_cuda(const BlockPoolParams<float>& params, const BlockPoolGradients<float>& gradients,
                             void* workspace, void* stream);
int block_pool_backward_cuda(const BlockPoolParams<Bf16>& params, const BlockPoolGradients<Bf16>& gradients,
                             void* workspace, void* stream);

}  // namespace erwin::kernels
