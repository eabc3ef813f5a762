#include "core/model/internal/unet_trunk.h"

#include <ATen/ATen.h>

#include <memory>

#include "core/model/internal/attention_ops.h"
#include "core/model/internal/layer_record.h"
#include "core/model/internal/levels.h"
#include "core/model/internal/recompute.h"

namespace erwin::model {

namespace {

// Undefined where every slot is real: the layers then skip their masks.
at::Tensor padding_mask(const LevelGeometry& level) {
  return level.all_real ? at::Tensor() : level.mask;
}

Partition partition_of(const at::Tensor& positions, const at::Tensor& mask, std::int64_t ball_size) {
  const at::Tensor balls = positions.view({-1, ball_size, positions.size(1)});
  const at::Tensor real = mask.to(positions.scalar_type()).view({-1, ball_size, 1});
  const at::Tensor centre = (balls * real).sum(1, true) / real.sum(1, true).clamp_min(1);
  return {positions, mask, (balls - centre).view_as(positions)};
}

at::Tensor offsets_to_parents(const LevelGeometry& level, const LevelGeometry& parents, int stride) {
  const std::int64_t count = parents.positions.size(0), dimension = parents.positions.size(1);
  at::Tensor offsets = level.positions.view({count, stride, dimension}) - parents.positions.unsqueeze(1);
  if (!level.all_real) offsets = offsets.masked_fill(level.mask.logical_not().view({count, stride, 1}), 0);
  return offsets.reshape({count, stride * dimension});
}

UnetLevel prepare_level(const Batch& batch, const ModelConfig& config, std::size_t index) {
  const LevelGeometry& geometry = batch.levels[index];
  UnetLevel level;
  level.geometry = &geometry;
  level.index = static_cast<int>(index);
  level.ball_size = config.unet.ball_sizes[index];
  level.main = partition_of(geometry.positions, geometry.mask, level.ball_size);
  if (geometry.has_rotated)
    level.rotated = partition_of(geometry.positions.index_select(0, geometry.rotated.source), geometry.rotated.mask,
                                 level.ball_size);
  if (index < config.unet.strides.size())
    level.child_offsets = offsets_to_parents(geometry, batch.levels[index + 1], config.unet.strides[index]);
  return level;
}

class UnetTrunk : public Trunk {
public:
  UnetTrunk(const ModelConfig& config, Builder builder) : config_(config) {
    const UnetConfig& unet = config.unet;
    const std::size_t coarsest = unet.widths.size() - 1;
    for (std::size_t l = 0; l < coarsest; ++l) {
      const std::string name = "encoder." + std::to_string(l);
      encoder_.push_back(blocks(builder, name, l, unet.encoder_heads[l], unet.encoder_depths[l]));
      pools_.emplace_back(builder.child(name).child("pool"), unet.widths[l], unet.widths[l + 1], unet.strides[l],
                          config.dimension);
    }
    encoder_.push_back(
        blocks(builder, "bottleneck", coarsest, unet.encoder_heads[coarsest], unet.encoder_depths[coarsest]));
    for (std::size_t i = 0; i < coarsest; ++i) {
      const std::size_t l = coarsest - 1 - i;  // decoder.0 is the coarsest
      const std::string name = "decoder." + std::to_string(i);
      unpools_.emplace_back(builder.child(name).child("unpool"), unet.widths[l + 1], unet.widths[l], unet.strides[l],
                            config.dimension);
      decoder_.push_back(blocks(builder, name, l, unet.decoder_heads[l], unet.decoder_depths[l]));
    }
  }

  at::Tensor forward(const at::Tensor& embedded, const Batch& batch, ForwardContext& context) override {
    const auto prepared = std::make_shared<std::vector<UnetLevel>>();
    const std::vector<UnetLevel>& levels = *prepared;
    for (std::size_t l = 0; l < batch.levels.size(); ++l) prepared->push_back(prepare_level(batch, config_, l));
    const std::size_t coarsest = levels.size() - 1;
    std::vector<at::Tensor> rows(levels.size());  // after the blocks of each encoder level
    at::Tensor x = embedded.index_select(0, batch.slot_point);
    const double stages = static_cast<double>(2 * coarsest + 1);
    for (std::size_t l = 0; l <= coarsest; ++l) {
      context.reached(static_cast<double>(l) / stages, "encoder level " + std::to_string(l));
      x = rows[l] = run(encoder_[l], x, prepared, l, batch, context);
      // With stride 1 a level is its own parent: the pooling layer exists, but nothing passes through it.
      if (l < coarsest && config_.unet.strides[l] > 1)
        x = pools_[l].forward(x, levels[l], levels[l + 1], context.training);
    }
    for (std::size_t i = 0; i < coarsest; ++i) {
      const std::size_t l = coarsest - 1 - i;
      context.reached(static_cast<double>(coarsest + 1 + i) / stages, "decoder level " + std::to_string(l));
      x = unpools_[i].forward(x, rows[l], levels[l], context.training);
      rows[l] = at::Tensor();
      x = run(decoder_[i], x, prepared, l, batch, context);
    }
    return x.index_select(0, batch.point_slot);
  }

private:
  using Blocks = std::vector<BallBlock>;

  Blocks blocks(Builder& builder, const std::string& name, std::size_t level, int heads, int depth) const {
    Blocks made;
    for (int i = 0; i < depth; ++i) {
      const std::string block = name + ".blocks." + std::to_string(i);
      made.emplace_back(builder.child(block), builder.prefix + block, config_, config_.unet.widths[level], heads,
                        config_.rotate_degrees > 0 && i % 2 == 1);
    }
    return made;
  }

  using Levels = std::shared_ptr<const std::vector<UnetLevel>>;

  static at::Tensor run(const Blocks& blocks, at::Tensor x, const Levels& levels, std::size_t index, const Batch& batch,
                        ForwardContext& context) {
    for (const BallBlock& block : blocks) {
      if (!context.recompute) {
        x = block.forward(x, (*levels)[index], batch, context);
        continue;
      }
      x = recomputed(
          [&block, levels, index, &batch](const at::Tensor& rows) {
            ForwardContext again;
            again.training = true;
            return block.forward(rows, (*levels)[index], batch, again);
          },
          x);
      ++context.next_layer;
    }
    return x;
  }

  ModelConfig config_;
  std::vector<Blocks> encoder_, decoder_;  // the last of the encoder is the bottleneck
  std::vector<BallPooling> pools_;
  std::vector<BallUnpooling> unpools_;
};

}  // namespace

BallBlock::BallBlock(Builder builder, std::string name, const ModelConfig& config, std::int64_t width, int heads,
                     bool rotates)
    : name_(std::move(name)),
      rotates_(rotates),
      heads_(heads),
      norm1_(builder.child("norm1"), width),
      norm2_(builder.child("norm2"), width) {
  const Builder attention = builder.child("BMSA");
  const Linear qkv(attention.child("qkv"), width, 3 * width);
  qkv_weight_ = qkv.weight();
  qkv_bias_ = qkv.bias();
  proj_ = Linear(attention.child("proj"), width, width);
  position_ = Linear(attention.child("pe_proj"), config.dimension, width);
  sigma_ = Builder(attention).normal("sigma_att", {1, heads, 1, 1}, -1.0, 0.01);
  if (config.freeze_sigma) sigma_.set_requires_grad(false);
  swiglu_ = SwiGlu(builder.child("swiglu"), width, config.mlp_ratio * width);
}

at::Tensor BallBlock::forward(const at::Tensor& x, const UnetLevel& level, const Batch& batch,
                              ForwardContext& context) const {
  context.check();
  const at::Tensor u = by_rows(x, context.job, norm1_);
  at::Tensor change;
  if (rotates_) {
    const RotatedOrder& order = level.geometry->rotated;
    change = attention(u.index_select(0, order.source), level, *level.rotated, true, batch, context)
                 .index_select(0, order.inverse);
  } else {
    change = attention(u, level, level.main, false, batch, context);
  }
  const at::Tensor attended = x + change;
  const at::Tensor result = attended + swiglu_(norm2_(attended), context.job);
  context.saw(name_, result);
  return result;
}

at::Tensor BallBlock::attention(const at::Tensor& u, const UnetLevel& level, const Partition& partition, bool rotated,
                                const Batch& batch, ForwardContext& context) const {
  const std::int64_t width = u.size(1), head_width = width / heads_;
  // The outputs of qkv run over heads, then E, then q, k, v (fastest); sorting the rows of the small matrix instead of
  // the products gives q, k and v as slices.
  const at::Tensor weight = qkv_weight_.view({width, 3, width}).transpose(0, 1).reshape({3 * width, width});
  const at::Tensor bias = qkv_bias_.view({width, 3}).t().reshape({3 * width});
  at::Tensor qkv;
  for_row_chunks(u, context.job, [&](std::int64_t first, std::int64_t count) {
    const at::Tensor placed = rows_of(u, first, count) + position_(rows_of(partition.relative, first, count));
    put_rows(qkv, at::linear(placed, weight, bias), first, u.size(0));
  });
  // Split, not sliced: its gradient is one concatenation.
  const std::vector<at::Tensor> parts = qkv.view({-1, 3 * heads_, head_width}).split(heads_, 1);
  const at::Tensor &q = parts[0], &k = parts[1], &v = parts[2], sigma = sigma_.view({heads_});
  const AttentionResult result =
      ball_attention(q, k, v, partition.positions, partition.mask, sigma, level.ball_size, context.job);
  const LayerPlace place{context.next_layer++, name_, level.index, rotated};
  record_ball_layer(context, batch, place,
                    {LayerKind::Ball, level.ball_size, partition.positions, sigma, q, k, v, result.lse});
  const LayerInterventions change(context.interventions, place.layer);
  return change.replaced(name_, by_rows(change.scaled_heads(result.out).reshape({-1, width}), context.job, proj_));
}

BallPooling::BallPooling(Builder builder, std::int64_t width, std::int64_t parent_width, int stride, int dimension)
    : stride_(stride),
      proj_(builder.child("proj"), stride * (width + dimension), parent_width),
      norm_(builder.child("norm"), parent_width) {}

at::Tensor BallPooling::forward(const at::Tensor& x, const UnetLevel& level, const UnetLevel& parents,
                                bool training) const {
  const LevelGeometry& geometry = *level.geometry;
  const at::Tensor real = geometry.all_real ? x : x.masked_fill(geometry.mask.logical_not().unsqueeze(1), 0);
  const at::Tensor children = real.reshape({-1, stride_ * x.size(1)});
  return norm_(proj_(at::cat({children, level.child_offsets.to(children.scalar_type())}, 1)),
               padding_mask(*parents.geometry), training);
}

BallUnpooling::BallUnpooling(Builder builder, std::int64_t parent_width, std::int64_t width, int stride, int dimension)
    : proj_(builder.child("proj"), parent_width + stride * dimension, stride * width),
      norm_(builder.child("norm"), width) {}

at::Tensor BallUnpooling::forward(const at::Tensor& parents, const at::Tensor& x, const UnetLevel& level,
                                  bool training) const {
  const at::Tensor added = proj_(at::cat({parents, level.child_offsets.to(parents.scalar_type())}, 1));
  return norm_(x + added.reshape(x.sizes()), padding_mask(*level.geometry), training);
}

std::unique_ptr<Trunk> make_unet_trunk(const ModelConfig& config, Builder builder) {
  return std::make_unique<UnetTrunk>(config, builder);
}

}  // namespace erwin::model
