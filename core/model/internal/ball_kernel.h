#pragma once
// Ball attention by our own kernels. Internal: this header names Torch.

#include "core/model/internal/attention_ops.h"

namespace erwin::model {

// Can our kernels take these tensors? Where not, the log says why, once.
bool ball_kernel_applies(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const at::Tensor& positions,
                         std::int64_t ball_size);

// ball_attention where ball_kernel_applies. Rows of q, k and v may lie apart (slices of one matrix): they are read
// where they are.
AttentionResult ball_kernel(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const at::Tensor& positions,
                            const at::Tensor& mask, const at::Tensor& sigma, std::int64_t ball_size, const Job* job,
                            const PositionUpdate& update);

}  // namespace erwin::model
