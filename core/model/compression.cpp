#include "core/model/internal/compression.h"

#include <ATen/ATen.h>

#include <limits>

namespace erwin::model {

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

at::Tensor BlockCompression::operator()(const at::Tensor& rows, const at::Tensor& keys, const SlotGeometry& geometry) const {
  switch (kind_) {
    case Compression::Pool: return pool(rows, keys, geometry);
    case Compression::Mlp: return flattened(rows, geometry);
    case Compression::Mean: break;
  }
  return block_means(rows, geometry);
}

at::Tensor BlockCompression::pool(const at::Tensor& rows, const at::Tensor& keys, const SlotGeometry& geometry) const {
  const std::int64_t blocks = geometry.blocks(), size = geometry.block_size, groups = rows.size(1), width = rows.size(2);
  const at::Tensor& relative = geometry.block_relative;
  const auto wide = relative.scalar_type();
  const at::Tensor by_key = (keys.to(wide) * logit_.to(wide)).sum(2).view({blocks, size, groups});
  const at::Tensor by_place = at::matmul(relative, position_.to(wide).t());
  // In a block without a real slot every slot takes part: its result is not used, but must be finite.
  const at::Tensor excluded = geometry.block_mask.logical_not().logical_and(geometry.block_real.unsqueeze(1)).unsqueeze(2);
  const at::Tensor weights =
      at::softmax((by_key + by_place).masked_fill(excluded, -std::numeric_limits<double>::infinity()), 1);
  const at::Tensor slots = rows.to(wide).reshape({blocks, size, groups, width});
  const at::Tensor summary = (weights.unsqueeze(3) * slots).sum(1).to(rows.scalar_type());
  return summary + second_(at::gelu(first_(summary)));
}

at::Tensor BlockCompression::flattened(const at::Tensor& rows, const SlotGeometry& geometry) const {
  const std::int64_t blocks = geometry.blocks(), size = geometry.block_size, groups = rows.size(1), width = rows.size(2);
  const at::Tensor real = geometry.mask.view({-1, 1, 1}).to(rows.scalar_type());
  const at::Tensor slots = (rows * real).view({blocks, size, groups, width}).transpose(1, 2);
  return second_(at::relu(first_(slots.reshape({blocks, groups, size * width}))));
}

}  // namespace erwin::model
