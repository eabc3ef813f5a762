#include <ATen/ATen.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>

#include "core/model/internal/attention_ops.h"
#include "core/model/internal/attention_ops_dense.h"
#include "core/model/internal/selected_kernel.h"

namespace erwin::model {

namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// [M, G, D] slots as rows of whole blocks, [B * G, b * D], so that a gather moves long runs.
at::Tensor block_rows(const at::Tensor& slots, std::int64_t block_size) {
  const std::int64_t blocks = slots.size(0) / block_size, groups = slots.size(1), width = slots.size(2);
  return slots.view({blocks, block_size, groups, width}).transpose(1, 2).reshape({blocks * groups, block_size * width});
}

// The inverse of block_rows.
at::Tensor block_slots(const at::Tensor& rows, std::int64_t block_size, std::int64_t groups) {
  const std::int64_t blocks = rows.size(0) / groups, width = rows.size(1) / block_size;
  return rows.view({blocks, groups, block_size, width}).transpose(1, 2).reshape({blocks * block_size, groups, width});
}

// [M, H, ...] of some query blocks as [blocks, groups, slots, heads of a group, ...], a view.
at::Tensor query_view(const at::Tensor& rows, std::int64_t block_size, std::int64_t groups, std::int64_t block,
                      std::int64_t blocks) {
  const at::Tensor part = rows.narrow(0, block * block_size, blocks * block_size);
  const std::int64_t heads = rows.size(1) / groups;
  if (rows.dim() == 2) return part.view({blocks, block_size, groups, heads}).permute({0, 2, 1, 3});
  return part.view({blocks, block_size, groups, heads, rows.size(2)}).permute({0, 2, 1, 3, 4});
}

// Gathers the keys and values that a run of query blocks selected.
class Selected {
public:
  Selected(const at::Tensor& keys, const at::Tensor& values, const at::Tensor& mask, const at::Tensor& selected,
           std::int64_t block_size)
      : groups_(keys.size(1)),
        size_(block_size),
        width_(keys.size(2)),
        selected_(selected),
        k_(block_rows(keys, block_size)),
        v_(block_rows(values, block_size)) {
    const std::int64_t blocks = mask.size(0) / block_size;
    // One more row for "no block".
    keys_ = key_bias_of(at::constant_pad_nd(mask.view({blocks, block_size}), {0, 0, 0, 1}, 0), softmax_type(keys));
    none_ = blocks;
    group_ = at::arange(groups_, selected.options()).view({1, groups_, 1});
  }

  void gather(std::int64_t block, std::int64_t blocks) {
    const at::Tensor ids = selected_.narrow(0, block, blocks);
    const at::Tensor missing = ids.lt(0);
    rows_ = (ids.masked_fill(missing, 0) * groups_ + group_).reshape({-1});
    const std::int64_t keys = ids.size(2) * size_;
    k = k_.index_select(0, rows_).view({blocks, groups_, keys, width_});
    v = v_.index_select(0, rows_).view({blocks, groups_, keys, width_});
    bias.keys = keys_.index_select(0, ids.masked_fill(missing, none_).reshape({-1})).view({blocks, groups_, 1, keys});
  }

  // sum[selected block] += rows of the last gather, always in the same order.
  void scatter(const at::Tensor& sum, const at::Tensor& rows) const {
    const at::Tensor flat = rows.reshape({rows_.size(0), size_ * width_});
    if (sum.is_cpu()) {
      sum.index_add_(0, rows_, flat);
    } else {
      sum.index_put_({rows_}, flat, true);  // sorts first: no race, unlike index_add_ there
    }
  }

  at::Tensor k, v;  // [blocks, G, S * b, D]
  Bias bias;

private:
  std::int64_t groups_, size_, width_, none_ = 0;
  at::Tensor selected_, k_, v_, keys_, group_, rows_;
};

template <typename Body>
void for_each_chunk(const at::Tensor& q, const at::Tensor& selected, std::int64_t block_size, const Body& body) {
  const std::int64_t blocks = selected.size(0), logits = block_size * q.size(1) * selected.size(2) * block_size;
  const std::int64_t chunk = std::clamp<std::int64_t>(chunk_elements(q) / logits, 1, std::max<std::int64_t>(1, blocks));
  for (std::int64_t b = 0; b < blocks; b += chunk) body(b, std::min(chunk, blocks - b));
}

AttentionResult forward_pass(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const at::Tensor& mask,
                             const at::Tensor& selected, std::int64_t block_size, const Job* job) {
  const std::int64_t groups = k.size(1);
  AttentionResult result{at::empty_like(q, at::MemoryFormat::Contiguous),
                         at::empty({q.size(0), q.size(1)}, q.options().dtype(softmax_type(q)))};
  Selected keys(k, v, mask, selected, block_size);
  for_each_chunk(q, selected, block_size, [&](std::int64_t block, std::int64_t blocks) {
    check(job);
    keys.gather(block, blocks);
    const at::Tensor rows = query_view(q, block_size, groups, block, blocks).flatten(2, 3);
    const DenseResult dense = dense_attention(rows, keys.k, keys.v, keys.bias);
    const at::Tensor out = query_view(result.out, block_size, groups, block, blocks);
    const at::Tensor lse = query_view(result.lse, block_size, groups, block, blocks);
    out.copy_(dense.out.reshape(out.sizes()));
    lse.copy_(dense.lse.reshape(lse.sizes()));
  });
  const at::Tensor padding = mask.logical_not().unsqueeze(1);
  result.out.masked_fill_(padding.unsqueeze(2), 0.0);
  result.lse.masked_fill_(padding, -std::numeric_limits<double>::infinity());
  return result;
}

struct SelectedFunction : torch::autograd::Function<SelectedFunction> {
  static variable_list forward(AutogradContext* context, const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                               const at::Tensor& mask, const at::Tensor& selected, std::int64_t block_size,
                               std::int64_t job) {
    const AttentionResult result = forward_pass(q, k, v, mask, selected, block_size, reinterpret_cast<const Job*>(job));
    context->save_for_backward({q, k, v, mask, selected, result.lse});
    context->saved_data["block_size"] = block_size;
    context->saved_data["job"] = job;
    context->mark_non_differentiable({result.lse});
    return {result.out, result.lse};
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const auto saved = context->get_saved_variables();
    const at::Tensor &q = saved[0], &k = saved[1], &v = saved[2], &selected = saved[4], &lse = saved[5];
    const std::int64_t block_size = context->saved_data["block_size"].toInt(), groups = k.size(1);
    const auto* const job = reinterpret_cast<const Job*>(context->saved_data["job"].toInt());
    const auto wide = q.options().dtype(softmax_type(q));
    const at::Tensor grad_out = gradients[0].contiguous(), grad_q = at::empty(q.sizes(), wide);
    Selected keys(k, v, saved[3], selected, block_size);
    const at::Tensor grad_k = at::zeros({k.size(0) / block_size * groups, block_size * k.size(2)}, wide);
    const at::Tensor grad_v = at::zeros_like(grad_k);
    for_each_chunk(q, selected, block_size, [&](std::int64_t block, std::int64_t blocks) {
      check(job);
      keys.gather(block, blocks);
      const auto rows = [&](const at::Tensor& tensor) {
        return query_view(tensor, block_size, groups, block, blocks).flatten(2, 3);
      };
      const DenseGradient gradient =
          dense_attention_backward(rows(q), keys.k, keys.v, keys.bias, rows(lse), rows(grad_out));
      const at::Tensor chunk_q = query_view(grad_q, block_size, groups, block, blocks);
      chunk_q.copy_(gradient.q.reshape(chunk_q.sizes()));
      keys.scatter(grad_k, gradient.k);
      keys.scatter(grad_v, gradient.v);
    });
    const auto type = q.scalar_type();
    return {grad_q.to(type),
            block_slots(grad_k, block_size, groups).to(type),
            block_slots(grad_v, block_size, groups).to(type),
            {},
            {},
            {},
            {}};
  }
};

}  // namespace

AttentionResult selected_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                                   const at::Tensor& mask, const at::Tensor& selected, std::int64_t block_size,
                                   const Job* job) {
  if (selected.size(2) == 0) {  // no sample has a block to select
    const auto wide = q.options().dtype(softmax_type(q));
    return {at::zeros_like(q), at::full({q.size(0), q.size(1)}, -std::numeric_limits<double>::infinity(), wide)};
  }
  if (selected_kernel_applies(q, k, v, selected, block_size))
    return selected_kernel(q, k, v, mask, selected, block_size, job);
  const at::Tensor cq = q.contiguous(), ck = k.contiguous(), cv = v.contiguous();
  if (!needs_gradient({q, k, v})) return forward_pass(cq, ck, cv, mask, selected, block_size, job);
  const variable_list result =
      SelectedFunction::apply(cq, ck, cv, mask, selected, block_size, reinterpret_cast<std::int64_t>(job));
  return {result[0], result[1]};
}

}  // namespace erwin::model
