#pragma once
// Attention within the balls of a partition, with a distance term (Erwin, eq. 10; method 2.1 and 8.3, the local
// branch): softmax_j(q_i . k_j / sqrt(D) + sigma_h |p_i - p_j|) v_j over the real slots j of i's ball.
//
// H query heads, G key/value heads, H % G == 0: query head h reads head h / (H/G). A ball is m consecutive slots, m a
// power of two. Optionally the rank-d update of method 8.3 is applied while loading: q'_i = q_i + matrix_q r_i +
// offset_q, rounded to T, and the same for k and v; attention and gradients are then those of q', k', v', and the
// gradients of q', k', v' are those of q, k, v too.
//
// Masked slots are keys for nobody; their rows give out 0 and lse -infinity and take part in no gradient; what they
// hold is never used. NaN and infinity spread as in a softmax over the same keys. Sums in float32. Results are the same
// bits on every run.

#include <cstddef>
#include <cstdint>

#include "kernels/common/bf16.h"

namespace erwin::kernels {

struct BallShape {
  std::int64_t slots = 0;  // M, whole balls
  int ball_size = 0;       // m
  int heads = 0;           // H
  int groups = 0;          // G
  int width = 0;           // D
  int dimension = 0;       // d, 2 or 3
  int heads_per_group() const { return heads / groups; }
};

template <typename T>
struct BallAttentionParams {
  BallShape shape;
  const T* q = nullptr;              // [M, H, D]
  const T* k = nullptr;              // [M, G, D]
  const T* v = nullptr;              // [M, G, D]
  std::int64_t q_stride = 0;         // elements from one slot's row of q to the next: H D, or more in a slice
  std::int64_t k_stride = 0;         // the same of k
  std::int64_t v_stride = 0;         // the same of v
  const float* positions = nullptr;  // [M, d]
  const bool* mask = nullptr;        // [M] real slots
  const float* sigma = nullptr;      // [H], null: no distance term
  const float* relative = nullptr;   // [M, d] r, null: no update
  const float* matrix = nullptr;     // [(H + 2G) D, d]: rows of q, then of k, then of v
  const float* offset = nullptr;     // [(H + 2G) D]
  T* out = nullptr;                  // [M, H, D]; the backward pass reads it
  float* lse = nullptr;              // [M, H] log of the sum of exponentials; the backward pass reads it
};

template <typename T>
struct BallAttentionGradients {
  const T* grad_out = nullptr;  // [M, H, D]
  T* grad_q = nullptr;          // [M, H, D]
  T* grad_k = nullptr;          // [M, G, D]
  T* grad_v = nullptr;          // [M, G, D]
  float* grad_sigma = nullptr;  // [H]; null where it is not wanted
};

// On the CPU; D 8, 16, 32 or 64, m 16 to 1024, d 2 or 3.
bool ball_attention_cpu_supports(const BallShape& shape);
void ball_attention_cpu(const BallAttentionParams<float>& params);
void ball_attention_backward_cpu(const BallAttentionParams<float>& params,
                                 const BallAttentionGradients<float>& gradients);

// What the CUDA kernels can do: the same, and H/G 1 to 16, fewer than 2^30 slots.
bool ball_attention_cuda_supports(const BallShape& shape);

// float (multiply-add units) and Bf16 (tensor cores). Pointers are device memory; those to T, matrix and offset and the
// rows of q, k and v are multiples of 16 bytes; `stream` is a cudaStream_t. They allocate nothing, return after the
// launch, can be captured in a graph; the value is a cudaError_t (0: fine). Present only in builds with CUDA
// (ERWINSCOPE_CUDA).
int ball_attention_cuda(const BallAttentionParams<float>& params, void* stream);
int ball_attention_cuda(const BallAttentionParams<Bf16>& params, void* stream);
// `workspace`: so many bytes, a multiple of 256.
std::size_t ball_attention_backward_workspace(const BallShape& shape);
int ball_attention_backward_cuda(const BallAttentionParams<float>& params,
                                 const BallAttentionGradients<float>& gradients, void* workspace, void* stream);
int ball_attention_backward_cuda(const BallAttentionParams<Bf16>& params, const BallAttentionGradients<Bf16>& gradients,
                                 void* workspace, void* stream);

}  // namespace erwin::kernels
