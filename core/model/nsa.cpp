#include "core/model/internal/nsa.h"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include <limits>

namespace erwin::model {

namespace {

// Biases (-2, -2, 2) of compressed, selected, local and no weights: method 3.2's module before the model's own init.
void start_locally(const Linear& gate, std::int64_t heads) {
  const c10::AutoGradMode without_gradient(false);
  gate.weight().zero_();
  gate.bias().narrow(0, 0, 2 * heads).fill_(-2);
  gate.bias().narrow(0, 2 * heads, heads).fill_(2);
}

}  // namespace

NsaAttention::NsaAttention(Builder builder, const FlatConfig& config, std::int64_t dimension, bool freeze_sigma)
    : config_(config) {
  const std::int64_t inner = std::int64_t{config.heads} * config.head_dim;
  qkv_ = builder.linear_weight("qkv", inner + 2 * std::int64_t{config.kv_heads} * config.head_dim, config.width);
  pos_ = Linear(builder.child("pos"), dimension, config.width);
  memory_k_ = builder.zeros("memory_k", {config.kv_heads, config.head_dim});
  memory_v_ = builder.zeros("memory_v", {config.kv_heads, config.head_dim});
  sigma_ = builder.normal("sigma", {config.heads}, -1.0, 0.01);
  if (freeze_sigma) sigma_.set_requires_grad(false);
  gate_ = Linear(builder.child("gate"), config.width, 3 * std::int64_t{config.heads});
  if (config.gate_start == GateStart::Local) start_locally(gate_, config.heads);
  out_ = builder.linear_weight("out", config.width, inner);
  const auto compression = [&](const char* name) {
    return BlockCompression(builder.child(name), config.compression, config.kv_heads, config.head_dim,
                            config.block_size, dimension);
  };
  compress_k_ = compression("compress_k");
  compress_v_ = compression("compress_v");
}

NsaAttention::Projection NsaAttention::project(const at::Tensor& u) const {
  const std::int64_t width = config_.head_dim, groups = config_.kv_heads, heads = config_.heads;
  const at::Tensor rows = at::linear(u, qkv_).view({u.size(0), heads + 2 * groups, width});
  return {rows.narrow(1, 0, heads).contiguous(), rows.narrow(1, heads, groups).contiguous(),
          rows.narrow(1, heads + groups, groups).contiguous()};
}

PositionUpdate NsaAttention::position_update(const SlotGeometry& geometry) const {
  const auto type = geometry.relative.scalar_type();
  const at::Tensor weight = qkv_.to(type);
  return {geometry.relative, at::mm(weight, pos_.weight().to(type)), at::mv(weight, pos_.bias().to(type))};
}

AttentionResult compressed_branch(const at::Tensor& q, const SlotGeometry& geometry, const BlockKeys& blocks,
                                  CompressedQuery per, const Job* job, const at::Tensor& asked) {
  const bool token = per == CompressedQuery::Token;
  const at::Tensor queries = token ? q : block_means(q, geometry);
  const at::Tensor mask = token ? geometry.mask : geometry.block_real;
  if (!asked.defined())
    return compressed_attention(queries, mask, token ? geometry.offsets : geometry.block_offsets, blocks, job);
  const std::int64_t size = token ? geometry.block_size : 1;
  const at::Tensor rows = (asked.unsqueeze(1) * size + at::arange(size, asked.options()).unsqueeze(0)).flatten();
  std::vector<std::int64_t> offsets;
  for (std::int64_t sample = 0; sample <= asked.numel(); ++sample) offsets.push_back(sample * size);
  const AttentionResult some =
      compressed_attention(queries.index_select(0, rows), mask.index_select(0, rows), offsets, blocks, job);
  return {at::zeros_like(queries).index_copy_(0, rows, some.out),
          at::zeros({queries.size(0), queries.size(1)}, some.lse.options()).index_copy_(0, rows, some.lse)};
}

namespace {

// What compressed_branch gave, as a row per slot.
AttentionResult per_slot(const AttentionResult& coarse, const SlotGeometry& geometry, CompressedQuery per) {
  if (per == CompressedQuery::Token) return coarse;
  const auto spread = [&](const at::Tensor& rows) { return rows.repeat_interleave(geometry.block_size, 0); };
  const at::Tensor padding = geometry.mask.logical_not().unsqueeze(1);
  return {spread(coarse.out).masked_fill(padding.unsqueeze(2), 0.0),
          spread(coarse.lse).masked_fill(padding, -std::numeric_limits<double>::infinity())};
}

// The local branch without the keys of hidden blocks. Their slots stay queries: masked slots would answer 0.
template <typename Attend>
AttentionResult without_blocks(const AttentionResult& whole, const at::Tensor& hidden, const SlotGeometry& geometry,
                               const Attend& attend) {
  const at::Tensor slots = hidden.repeat_interleave(geometry.block_size);
  const AttentionResult rest = attend(geometry.mask.logical_and(slots.logical_not()));
  const at::Tensor own = slots.unsqueeze(1);
  return {at::where(own.unsqueeze(2), whole.out, rest.out), at::where(own, whole.lse, rest.lse)};
}

}  // namespace

at::Tensor NsaAttention::forward(const at::Tensor& u, const SlotGeometry& geometry, const at::Tensor& prescribed,
                                 const Job* job, NsaTrace* trace, const LayerInterventions& change,
                                 const at::Tensor& asked) const {
  Projection plain, positioned;
  const auto put = [&](Projection& all, const Projection& part, std::int64_t first) {
    put_rows(all.q, part.q, first, u.size(0));
    put_rows(all.k, part.k, first, u.size(0));
    put_rows(all.v, part.v, first, u.size(0));
  };
  for_row_chunks(u, job, [&](std::int64_t first, std::int64_t count) {
    const at::Tensor rows = rows_of(u, first, count);
    put(plain, project(rows), first);
    if (trace) put(positioned, project(rows + pos_(rows_of(geometry.relative, first, count))), first);
  });
  const auto& [q, k, v] = plain;
  const auto& [local_q, local_k, local_v] = positioned;
  const auto attend_locally = [&](const at::Tensor& mask) {
    return trace ? ball_attention(local_q, local_k, local_v, geometry.positions, mask, sigma_, geometry.ball_size, job)
                 : ball_attention(q, k, v, geometry.positions, mask, sigma_, geometry.ball_size, job,
                                  position_update(geometry));
  };
  const at::Tensor hidden = change.hidden_blocks(geometry);
  AttentionResult local = attend_locally(geometry.mask);
  if (hidden.defined()) local = without_blocks(local, hidden, geometry, attend_locally);

  const BlockSummaries summaries = summarise_blocks(compress_k_, compress_v_, k, v, geometry, job);
  const at::Tensor real =
      hidden.defined() ? geometry.block_real.logical_and(hidden.logical_not()) : geometry.block_real;
  const BlockKeys blocks{summaries.k, summaries.v, real, memory_k_, memory_v_, geometry.block_offsets};
  const AttentionResult coarse = compressed_branch(q, geometry, blocks, config_.compressed_query, job, asked);

  const at::Tensor mean_query =
      prescribed.defined() && !trace ? at::Tensor() : mean_queries(q, config_.kv_heads, geometry);
  Selection selection =
      prescribed.defined()
          ? Selection{prescribed, at::zeros(prescribed.sizes(), prescribed.options().dtype(at::kFloat)),
                      prescribed.size(2)}
          : select_blocks(mean_query, blocks.k, geometry,
                          change.selected_blocks(config_.selected_blocks, geometry.blocks()),
                          change.exclude(config_.exclude), job);
  change.force(selection, geometry);
  const AttentionResult selected = selected_attention(
      q, k, v, geometry.mask, selection.ids.narrow(2, 0, selection.columns), geometry.block_size, job);

  const std::int64_t slots_per_coarse = config_.compressed_query == CompressedQuery::Block ? geometry.block_size : 1;
  at::Tensor gate, out;
  for_row_chunks(u, job, [&](std::int64_t first, std::int64_t count) {
    const auto part = [&](const at::Tensor& all) { return rows_of(all, first, count); };
    const at::Tensor logits = change.gates(gate_(part(u)), config_.heads);
    const at::Tensor coarse_rows = rows_of(coarse.out, first / slots_per_coarse, count / slots_per_coarse);
    const at::Tensor merged =
        merge_branches(logits, coarse_rows, part(selected.out), part(local.out), part(geometry.mask));
    put_rows(out, at::linear(merged.flatten(1), out_), first, u.size(0));
    if (trace) put_rows(gate, at::sigmoid(logits).view({count, 3, config_.heads}), first, u.size(0));
  });
  if (trace)
    *trace = {q,        k,          v,      local_q,   local_k,
              local_v,  mean_query, blocks, selection, per_slot(coarse, geometry, config_.compressed_query),
              selected, local,      gate,   hidden};
  return out;
}

}  // namespace erwin::model
