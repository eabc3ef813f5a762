#include "core/model/internal/compression.h"

#include <ATen/ATen.h>

#include <limits>

#include "core/model/internal/pool_kernel.h"

namespace erwin::model {

namespace {

// In the rows' own type, which is float32 in a bf16 network: block keys are few, and every query depends on them.
at::Tensor dense_layer(const at::Tensor& rows, const Linear& layer) {
  return at::linear(rows, layer.weight().to(rows.scalar_type()), layer.bias().to(rows.scalar_type()));
}

}  // namespace

BlockCompression::BlockCompression(Builder builder, Compression kind, std::int64_t kv_heads, std::int64_t head_dim,
                                   std::int64_t block_size, std::int64_t dimension)
    : kind_(kind) {
  if (kind == Compression::Mean) return;
  const bool pooled = kind == Compression::Pool;
  if (pooled) {
    logit_ = builder.normal("logit", {kv_heads, head_dim}, 0.0, 0.02);
    position_ = builder.normal("position", {kv_heads, dimension}, 0.0, 0.02);
  }
  const std::int64_t in = pooled ? head_dim : block_size * head_dim, hidden = pooled ? 4 * head_dim : in;
  first_ = Linear(builder.child("0"), in, hidden);
  second_ = Linear(builder.child("2"), hidden, head_dim);
}

at::Tensor BlockCompression::operator()(const at::Tensor& rows, const at::Tensor& keys,
                                        const SlotGeometry& geometry) const {
  switch (kind_) {
    case Compression::Pool:
      return pool(rows, keys, geometry);
    case Compression::Mlp:
      return flattened(rows, geometry);
    case Compression::Mean:
      break;
  }
  return block_means(rows, geometry);
}

at::Tensor BlockCompression::pool(const at::Tensor& rows, const at::Tensor& keys, const SlotGeometry& geometry) const {
  const std::int64_t blocks = geometry.blocks(), size = geometry.block_size, groups = rows.size(1),
                     width = rows.size(2);
  const at::Tensor& relative = geometry.block_relative;
  const auto wide = relative.scalar_type();
  const at::Tensor by_key = (keys.to(wide) * logit_.to(wide)).sum(2).view({blocks, size, groups});
  const at::Tensor by_place = at::matmul(relative, position_.to(wide).t());
  // A block without a real slot gives 0; its softmax runs over all slots only to stay finite.
  const at::Tensor real = geometry.block_mask.unsqueeze(2);
  const at::Tensor excluded = real.logical_not().logical_and(geometry.block_real.view({blocks, 1, 1}));
  const at::Tensor weights =
      at::softmax((by_key + by_place).masked_fill(excluded, -std::numeric_limits<double>::infinity()), 1) * real;
  const at::Tensor slots = rows.to(wide).reshape({blocks, size, groups, width});
  const at::Tensor summary = (weights.unsqueeze(3) * slots).sum(1);
  const at::Tensor result = summary + dense_layer(at::gelu(dense_layer(summary, first_)), second_);
  return (result * geometry.block_real.view({blocks, 1, 1})).to(rows.scalar_type());
}

at::Tensor BlockCompression::flattened(const at::Tensor& rows, const SlotGeometry& geometry) const {
  const std::int64_t blocks = geometry.blocks(), size = geometry.block_size, groups = rows.size(1),
                     width = rows.size(2);
  const at::Tensor real = geometry.mask.view({-1, 1, 1}).to(rows.scalar_type());
  const at::Tensor slots = (rows * real).view({blocks, size, groups, width}).transpose(1, 2);
  const at::Tensor flat = slots.reshape({blocks, groups, size * width}).to(geometry.positions.scalar_type());
  return dense_layer(at::relu(dense_layer(flat, first_)), second_).to(rows.scalar_type());
}

PoolWeights BlockCompression::pool_weights() const {
  return {logit_, position_, first_.weight(), first_.bias(), second_.weight(), second_.bias()};
}

BlockSummaries summarise_blocks(const BlockCompression& for_keys, const BlockCompression& for_values,
                                const at::Tensor& k, const at::Tensor& v, const SlotGeometry& geometry,
                                const Job* job) {
  if (for_keys.kind() == Compression::Pool && pool_kernel_applies(k, v, geometry))
    return pool_kernel(k, v, for_keys.pool_weights(), for_values.pool_weights(), geometry, job);
  return {for_keys(k, k, geometry), for_values(v, k, geometry)};
}

}  // namespace erwin::model
