#pragma once
// The selected branch by our own kernels. Internal: this header names Torch.

#include "core/model/internal/attention_ops.h"

namespace erwin::model {

// Can our kernels take these tensors? Where not, the log says why, once.
bool selected_kernel_applies(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const at::Tensor& selected,
                             std::int64_t block_size);

// selected_attention where selected_kernel_applies. `selected` may be a narrowed view.
AttentionResult selected_kernel(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const at::Tensor& mask,
                                const at::Tensor& selected, std::int64_t block_size, const Job* job);

}  // namespace erwin::model
