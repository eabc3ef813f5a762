#pragma once
// Merging the branches by our own kernels. Internal: this header names Torch.

#include <ATen/core/Tensor.h>

namespace erwin::model {

// Can our kernels take these tensors? Where not, the log says why, once.
bool merge_kernel_applies(const at::Tensor& logits, const at::Tensor& coarse, const at::Tensor& selected,
                          const at::Tensor& local);

// merge_branches where merge_kernel_applies.
at::Tensor merge_kernel(const at::Tensor& logits, const at::Tensor& coarse, const at::Tensor& selected,
                        const at::Tensor& local, const at::Tensor& mask);

}  // namespace erwin::model
