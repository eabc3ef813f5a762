#pragma once
// The operations that CUDA kernels will replace, in ATen operations on any device: the one narrow interface between the
// networks and their attention (method 8.3). Internal: this header names Torch.
//
// Everything is block-diagonal by sample and non-causal. H query heads, G key/value heads, H % G == 0: query head h
// reads head floor(h G / H). Softmax and sums in float32 for bf16 and float16. Memory is linear in the number of slots,
// forward and backward: logits exist in chunks only, and the backward pass recomputes them from q, k, v and lse. lse is
// not differentiable. `job` may be null; it is looked at per chunk.

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "core/base/job.h"
#include "core/model/internal/kernel_switch.h"

namespace erwin::model {

struct AttentionResult {
  at::Tensor out;  // [M, H, D]; rows of masked slots and rows without a key are 0
  at::Tensor lse;  // [M, H] log of the sum of exponentials; -infinity where a row is masked or has no key
};

// The positions' part of q, k and v where it is not in them yet (method 8.3): row i gets matrix r_i + offset, the heads
// of q first, then k's, then v's. All undefined: there is none. Differentiable in matrix and offset.
struct PositionUpdate {
  at::Tensor relative;  // [M, d] position minus the mean of the ball's real ones
  at::Tensor matrix;    // [(H + 2G) D, d]
  at::Tensor offset;    // [(H + 2G) D]
};

// softmax_j(q_i . k_j / sqrt(D) + sigma_h |p_i - p_j|) v_j over the real slots j of i's ball of `ball_size` slots.
// q [M, H, D]; k, v [M, G, D]; positions [M, d]; mask [M] bool; sigma [H] or undefined (no distance term).
// Differentiable in q, k, v, sigma.
AttentionResult ball_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                               const at::Tensor& positions, const at::Tensor& mask, const at::Tensor& sigma,
                               std::int64_t ball_size, const Job* job, const PositionUpdate& update = {});

// One key and value per block, and a memory slot.
struct BlockKeys {
  at::Tensor k, v;                    // [B, G, D]
  at::Tensor real;                    // [B] bool: the block holds a real slot
  at::Tensor memory_k, memory_v;      // [G, D]; undefined: no memory slot
  std::vector<std::int64_t> offsets;  // [samples + 1] first block of each sample
};

// softmax over {memory slot} + {real blocks of the row's sample} of q_i . K_j / sqrt(D), of their V. Rows: q [M, H, D],
// mask [M] bool, row_offsets [samples + 1]. Differentiable in q and the keys, values and memory.
AttentionResult compressed_attention(const at::Tensor& q, const at::Tensor& mask,
                                     const std::vector<std::int64_t>& row_offsets, const BlockKeys& blocks,
                                     const Job* job);

// softmax_j(q_i . k_j / sqrt(D)) v_j over the real slots j of the blocks selected for i's block of `block_size` slots
// and its KV head. selected [M / block_size, G, S] int64: block ids within the whole batch, -1: none; no id twice in a
// row. Differentiable in q, k, v.
AttentionResult selected_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                                   const at::Tensor& mask, const at::Tensor& selected, std::int64_t block_size,
                                   const Job* job);

// g_c coarse + g_s selected + g_l local with g = sigmoid(logits), [M, H, D]; 0 on masked slots. logits [M, 3H]:
// compressed, selected, local; selected and local [M, H, D], 0 on masked slots; mask [M] bool. coarse [M, H, D], or
// [M / n, H, D] where every n slots share a row. Differentiable in logits and the three branches.
at::Tensor merge_branches(const at::Tensor& logits, const at::Tensor& coarse, const at::Tensor& selected,
                          const at::Tensor& local, const at::Tensor& mask);

// softmax_j(q_i . k_j / sqrt(D)) v_j over all real slots j of i's sample, by scaled_dot_product_attention. G == H. The
// real slots of sample s: real_slots [R] int64 from real_offsets[s] to real_offsets[s + 1]. lse is undefined unless
// asked for (then computed apart, in chunks). Differentiable in q, k, v.
AttentionResult full_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                               const at::Tensor& real_slots, const std::vector<std::int64_t>& real_offsets,
                               bool with_lse, const Job* job);

}  // namespace erwin::model
