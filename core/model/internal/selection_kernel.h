#pragma once
// Mean queries and selection by our own kernels. Internal: this header names Torch.

#include "core/model/internal/selection.h"

namespace erwin::model {

// Can our kernels take these tensors? Where not, the log says why, once.
bool mean_query_kernel_applies(const at::Tensor& q);
bool selection_kernel_applies(const at::Tensor& mean_query, const at::Tensor& block_keys, std::int64_t count);

// mean_queries and select_blocks where they apply; `columns` of the selection is left 0.
at::Tensor mean_query_kernel(const at::Tensor& q, std::int64_t kv_heads, const SlotGeometry& geometry);
Selection selection_kernel(const at::Tensor& mean_query, const at::Tensor& block_keys, const SlotGeometry& geometry,
                           std::int64_t count, Exclude exclude, const Job* job);

}  // namespace erwin::model
