#pragma once
// Three-branch attention the slow way, for comparison: dense logits with masks, sample by sample, blocks in loops,
// scores from all raw logits; in ATen's differentiable operations, so that gradients are references, too.

#include "tests/core/model/attention/attention_test.h"

namespace erwin::model::test {

struct Reference {
  at::Tensor compressed, selected, local;  // [M, H, D]
  at::Tensor out;                          // [M, C]
  // Per block of the batch and KV head the ids within the batch, best first.
  std::vector<std::vector<std::vector<std::int64_t>>> selection;
};

// Everything float64 on the CPU.
Reference reference_attention(const Layer& layer, const at::Tensor& u, const Slots& slots);

// softmax over the allowed keys of logits [H, n, m], of v [m, H, D]; allowed [n, m] or [H, n, m]; 0 where none is
// allowed.
at::Tensor dense_softmax(const at::Tensor& logits, const at::Tensor& allowed, const at::Tensor& v);

}  // namespace erwin::model::test
