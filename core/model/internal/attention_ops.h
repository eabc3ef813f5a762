#pragma once
// The operations that CUDA kernels will replace, in ATen operations on any device: the one narrow interface between the
// networks and their attention. Internal: this header names Torch.

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "core/base/job.h"

namespace erwin::model {

struct AttentionResult {
  at::Tensor out;  // [M, H, E]; rows of masked slots are 0
  at::Tensor lse;  // [M, H] log of the sum of exponentials; -infinity where a row has no key
};

// softmax_j(q_i . k_j / sqrt(E) + sigma_h |p_i - p_j|) v_j over the real slots j of i's ball of `ball_size` slots.
// q [M, H, E]; k, v [M, G, E] with H % G == 0 (query head h reads head floor(h G / H)); positions [M, d]; mask [M] bool;
// sigma [H] or undefined (no distance term). Differentiable in q, k, v, sigma.
AttentionResult ball_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const at::Tensor& positions,
                               const at::Tensor& mask, const at::Tensor& sigma, std::int64_t ball_size, const Job* job);

}  // namespace erwin::model
