#pragma once
// Gathers and means along a graph's edges whose gradients are summed in a fixed order on every device, where PyTorch's
// own add floats atomically on the GPU. Internal: this header names Torch.

#include <ATen/core/Tensor.h>

namespace erwin::model {

// Rows x[index[e]]: [P, C] -> [E, C]. order [E]: the edges sorted by index (undefined: they already are); offsets [P +
// 1]: where each row's edges begin in that order.
at::Tensor gather_rows(const at::Tensor& x, const at::Tensor& index, const at::Tensor& order,
                       const at::Tensor& offsets);

// Means of consecutive rows: [E, C] -> [P, C], row p the mean of rows offsets[p] .. offsets[p + 1], summed in their
// order (0 without rows). index [E]: the p that each row belongs to.
at::Tensor mean_segments(const at::Tensor& rows, const at::Tensor& index, const at::Tensor& offsets);

}  // namespace erwin::model
