#include <ATen/ATen.h>

#include "core/model/internal/attention_ops.h"
#include "core/model/internal/merge_kernel.h"

namespace erwin::model {

at::Tensor merge_branches(const at::Tensor& logits, const at::Tensor& coarse, const at::Tensor& selected,
                          const at::Tensor& local, const at::Tensor& mask) {
  if (merge_kernel_applies(logits, coarse, selected, local)) return merge_kernel(logits, coarse, selected, local, mask);
  const std::int64_t rows = selected.size(0);
  const at::Tensor gates = at::sigmoid(logits).view({rows, 3, selected.size(1)});
  const auto weight = [&](std::int64_t branch) { return gates.select(1, branch).unsqueeze(2); };
  at::Tensor own = coarse;
  if (coarse.size(0) != rows)
    own = coarse.repeat_interleave(rows / coarse.size(0), 0).masked_fill(mask.logical_not().view({-1, 1, 1}), 0.0);
  return (own * weight(0)).addcmul_(selected, weight(1)).addcmul_(local, weight(2));
}

}  // namespace erwin::model
