#include <ATen/ATen.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>

#include "core/model/internal/attention_ops.h"
#include "core/model/internal/attention_ops_dense.h"
#include "core/model/internal/compressed_kernel.h"

namespace erwin::model {

namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// Rows of some consecutive samples of a run whose logits fit a chunk.
struct Tile {
  SampleRun run;
  std::int64_t sample, samples, row, rows;
};

template <typename Body>
void for_each_tile(const std::vector<SampleRun>& runs, std::int64_t heads, std::int64_t budget, const Body& body) {
  for (const SampleRun& run : runs) {
    if (run.rows == 0) continue;
    const std::int64_t per_row = heads * (run.blocks + 1);
    const std::int64_t rows = std::clamp<std::int64_t>(budget / per_row, 1, run.rows);
    const std::int64_t samples =
        rows < run.rows ? 1 : std::clamp<std::int64_t>(budget / (per_row * rows), 1, run.samples);
    for (std::int64_t s = 0; s < run.samples; s += samples)
      for (std::int64_t r = 0; r < run.rows; r += rows)
        body(Tile{run, s, std::min(samples, run.samples - s), r, std::min(rows, run.rows - r)});
  }
}

// [M, H, ...] as [samples, groups, rows, heads of a group, ...] of a tile, a view.
at::Tensor query_view(const at::Tensor& rows, std::int64_t groups, const Tile& tile) {
  const bool wide = rows.dim() == 3;
  const std::int64_t heads = rows.size(1) / groups;
  const at::Tensor run = rows.narrow(0, tile.run.first_row, tile.run.samples * tile.run.rows);
  const at::Tensor split = wide ? run.view({tile.run.samples, tile.run.rows, groups, heads, rows.size(2)})
                                : run.view({tile.run.samples, tile.run.rows, groups, heads});
  const at::Tensor part = split.narrow(0, tile.sample, tile.samples).narrow(1, tile.row, tile.rows);
  return wide ? part.permute({0, 2, 1, 3, 4}) : part.permute({0, 2, 1, 3});
}

at::Tensor query_rows(const at::Tensor& rows, std::int64_t groups, const Tile& tile) {
  return query_view(rows, groups, tile).flatten(2, 3);
}

// [B, G, D] as [samples, groups, blocks, D] of a tile, a view.
at::Tensor block_view(const at::Tensor& blocks, const Tile& tile) {
  return blocks.narrow(0, tile.run.first_block, tile.run.samples * tile.run.blocks)
      .view({tile.run.samples, tile.run.blocks, blocks.size(1), blocks.size(2)})
      .narrow(0, tile.sample, tile.samples)
      .permute({0, 2, 1, 3});
}

// The same with the memory slot, where there is one, in front.
at::Tensor with_memory(const at::Tensor& blocks, const at::Tensor& memory, const Tile& tile) {
  const at::Tensor view = block_view(blocks, tile);
  if (!memory.defined()) return view;
  return at::cat({memory.unsqueeze(0).unsqueeze(2).expand({tile.samples, -1, 1, -1}), view}, 2);
}

Bias bias_of(const at::Tensor& real, bool memory, at::ScalarType type, const Tile& tile) {
  const at::Tensor keys = real.narrow(0, tile.run.first_block, tile.run.samples * tile.run.blocks)
                              .view({tile.run.samples, 1, 1, tile.run.blocks})
                              .narrow(0, tile.sample, tile.samples);
  return {key_bias_of(memory ? at::constant_pad_nd(keys, {1, 0}, 1) : keys, type), {}};
}

AttentionResult forward_pass(const at::Tensor& q, const at::Tensor& mask, const std::vector<SampleRun>& runs,
                             const BlockKeys& blocks, const Job* job) {
  const std::int64_t groups = blocks.k.size(1);
  const auto type = softmax_type(q);
  AttentionResult result{at::empty_like(q, at::MemoryFormat::Contiguous),
                         at::empty({q.size(0), q.size(1)}, q.options().dtype(type))};
  for_each_tile(runs, q.size(1), chunk_elements(q), [&](const Tile& tile) {
    check(job);
    const DenseResult dense = dense_attention(query_rows(q, groups, tile), with_memory(blocks.k, blocks.memory_k, tile),
                                              with_memory(blocks.v, blocks.memory_v, tile),
                                              bias_of(blocks.real, blocks.memory_k.defined(), type, tile));
    const at::Tensor out = query_view(result.out, groups, tile), lse = query_view(result.lse, groups, tile);
    out.copy_(dense.out.reshape(out.sizes()));
    lse.copy_(dense.lse.reshape(lse.sizes()));
  });
  const at::Tensor padding = mask.logical_not().unsqueeze(1);
  result.out.masked_fill_(padding.unsqueeze(2), 0.0);
  result.lse.masked_fill_(padding, -std::numeric_limits<double>::infinity());
  return result;
}

struct CompressedFunction : torch::autograd::Function<CompressedFunction> {
  static variable_list forward(AutogradContext* context, const at::Tensor& q, const at::Tensor& mask,
                               const at::Tensor& k, const at::Tensor& v, const at::Tensor& real,
                               const std::optional<at::Tensor>& slot_k, const std::optional<at::Tensor>& slot_v,
                               const std::vector<std::int64_t>& row_offsets,
                               const std::vector<std::int64_t>& block_offsets, std::int64_t job) {
    const at::Tensor memory_k = slot_k.value_or(at::Tensor()), memory_v = slot_v.value_or(at::Tensor());
    const AttentionResult result =
        forward_pass(q, mask, equal_runs(row_offsets, block_offsets), {k, v, real, memory_k, memory_v, block_offsets},
                     reinterpret_cast<const Job*>(job));
    context->save_for_backward({q, k, v, real, memory_k, memory_v, result.lse});
    context->saved_data["rows"] = row_offsets;
    context->saved_data["blocks"] = block_offsets;
    context->saved_data["job"] = job;
    context->mark_non_differentiable({result.lse});
    return {result.out, result.lse};
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const auto saved = context->get_saved_variables();
    const at::Tensor &q = saved[0], &k = saved[1], &v = saved[2], &real = saved[3], &memory_k = saved[4],
                     &memory_v = saved[5], &lse = saved[6];
    const auto* const job = reinterpret_cast<const Job*>(context->saved_data["job"].toInt());
    const auto runs =
        equal_runs(context->saved_data["rows"].toIntVector(), context->saved_data["blocks"].toIntVector());
    const std::int64_t groups = k.size(1), skip = memory_k.defined() ? 1 : 0;
    const auto wide = q.options().dtype(softmax_type(q));
    const at::Tensor grad_out = gradients[0].contiguous();
    const at::Tensor grad_q = at::zeros(q.sizes(), wide), grad_k = at::zeros(k.sizes(), wide),
                     grad_v = at::zeros(v.sizes(), wide);
    const at::Tensor grad_memory_k = skip ? at::zeros(memory_k.sizes(), wide) : at::Tensor();
    const at::Tensor grad_memory_v = skip ? at::zeros(memory_v.sizes(), wide) : at::Tensor();
    for_each_tile(runs, q.size(1), chunk_elements(q), [&](const Tile& tile) {
      check(job);
      const DenseGradient gradient = dense_attention_backward(
          query_rows(q, groups, tile), with_memory(k, memory_k, tile), with_memory(v, memory_v, tile),
          bias_of(real, skip == 1, wide.dtype().toScalarType(), tile), query_rows(lse, groups, tile),
          query_rows(grad_out, groups, tile));
      const at::Tensor tile_q = query_view(grad_q, groups, tile);
      tile_q.copy_(gradient.q.reshape(tile_q.sizes()));
      block_view(grad_k, tile).add_(gradient.k.narrow(2, skip, tile.run.blocks));
      block_view(grad_v, tile).add_(gradient.v.narrow(2, skip, tile.run.blocks));
      if (!skip) return;
      grad_memory_k.add_(gradient.k.select(2, 0).sum(0));
      grad_memory_v.add_(gradient.v.select(2, 0).sum(0));
    });
    const auto type = q.scalar_type();
    return {grad_q.to(type),
            {},
            grad_k.to(type),
            grad_v.to(type),
            {},
            skip ? grad_memory_k.to(type) : at::Tensor(),
            skip ? grad_memory_v.to(type) : at::Tensor(),
            {},
            {},
            {}};
  }
};

}  // namespace

AttentionResult compressed_attention(const at::Tensor& q, const at::Tensor& mask,
                                     const std::vector<std::int64_t>& row_offsets, const BlockKeys& blocks,
                                     const Job* job) {
  if (compressed_kernel_applies(q, blocks, row_offsets)) return compressed_kernel(q, mask, row_offsets, blocks, job);
  BlockKeys contiguous = blocks;
  contiguous.k = blocks.k.contiguous();
  contiguous.v = blocks.v.contiguous();
  const at::Tensor rows = q.contiguous();
  if (!needs_gradient({q, blocks.k, blocks.v, blocks.memory_k, blocks.memory_v}))
    return forward_pass(rows, mask, equal_runs(row_offsets, blocks.offsets), contiguous, job);
  const variable_list result = CompressedFunction::apply(
      rows, mask, contiguous.k, contiguous.v, blocks.real, if_defined(blocks.memory_k), if_defined(blocks.memory_v),
      row_offsets, blocks.offsets, reinterpret_cast<std::int64_t>(job));
  return {result[0], result[1]};
}

}  // namespace erwin::model
