#pragma once
// The compressed branch by our own kernels. Internal: this header names Torch.

#include "core/model/internal/attention_ops.h"

namespace erwin::model {

// Can our kernels take these tensors? Where not, the log says why, once.
bool compressed_kernel_applies(const at::Tensor& q, const BlockKeys& blocks,
                               const std::vector<std::int64_t>& row_offsets);

// compressed_attention where compressed_kernel_applies.
AttentionResult compressed_kernel(const at::Tensor& q, const at::Tensor& mask,
                                  const std::vector<std::int64_t>& row_offsets, const BlockKeys& blocks,
                                  const Job* job);

}  // namespace erwin::model
