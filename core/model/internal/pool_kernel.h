#pragma once
// Block pooling by our own kernels. Internal: this header names Torch.

#include "core/base/job.h"
#include "core/model/internal/compression.h"

namespace erwin::model {

// Can our kernels take these tensors? Where not, the log says why, once.
bool pool_kernel_applies(const at::Tensor& k, const at::Tensor& v, const SlotGeometry& geometry);

// phi = pool of the keys and of the values in one pass, where pool_kernel_applies.
BlockSummaries pool_kernel(const at::Tensor& k, const at::Tensor& v, const PoolWeights& for_keys,
                           const PoolWeights& for_values, const SlotGeometry& geometry, const Job* job);

}  // namespace erwin::model
