#include <ATen/ATen.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/model/internal/attention_ops.h"
#include "core/model/internal/kept_rows.h"
#include "core/model/internal/layer_record.h"
#include "core/model/internal/network.h"
#include "core/model/internal/nsa.h"
#include "core/model/internal/primitives.h"
#include "core/model/internal/recompute.h"

namespace erwin::model {

namespace {

// Where a layer runs: the slots of the main or of the rotated tree, and what one-branch attention adds positions from.
struct Partition {
  SlotGeometry slots;
  at::Tensor relative;    // [M, d] to the mean of the ball, for `full` of the sample
  at::Tensor real_slots;  // as in LevelGeometry, in this partition's order
  std::vector<std::int64_t> real_offsets;
  bool rotated = false;
};

// An attention layer of the flat trunk. u: normalised rows in the partition's order; the result, too.
class FlatAttention {
public:
  virtual ~FlatAttention() = default;
  virtual at::Tensor forward(const at::Tensor& u, const Partition& partition, const Batch& batch,
                             const LayerPlace& place, ForwardContext& context) const = 0;
};

class ThreeBranches : public FlatAttention {
public:
  ThreeBranches(const Builder& builder, const ModelConfig& config)
      : attention_(builder, config.flat, config.dimension, config.freeze_sigma), config_(config) {}

  at::Tensor forward(const at::Tensor& u, const Partition& partition, const Batch& batch, const LayerPlace& place,
                     ForwardContext& context) const override {
    SelectionList* const list = context.selections;
    const bool prescribed = list && list->prescribed;
    const at::Tensor ids = prescribed ? list->layers[static_cast<std::size_t>(place.layer)] : at::Tensor();
    std::optional<NsaTrace> trace;
    if (context.recorder || list) trace.emplace();
    const LayerInterventions change(context.interventions, place.layer);
    const at::Tensor asked = context.asked ? context.asked->in(place.layer, config_.flat.depth) : at::Tensor();
    const at::Tensor out =
        attention_.forward(u, partition.slots, ids, context.job, trace ? &*trace : nullptr, change, asked);
    if (list && !prescribed) list->layers.push_back(trace->selection.ids);
    if (context.recorder) {
      context.recorder->tap.query_per_block = config_.flat.compressed_query == CompressedQuery::Block;
      record_nsa_layer(context, batch, place, partition.slots, *trace, attention_.sigma());
    }
    return change.replaced(place.name, out);
  }

private:
  NsaAttention attention_;
  ModelConfig config_;
};

// Erwin's attention (method 2.1) within the balls, or over the whole sample without the distance term. Names: qkv,
// proj, pe_proj (.weight, .bias), sigma_att [1, H, 1, 1] (`ball` only). Outputs of qkv run over heads, then E, then q,
// k, v.
class OneBranch : public FlatAttention {
public:
  OneBranch(const Builder& builder, const ModelConfig& config)
      : whole_sample_(config.kind == ModelKind::Full),
        heads_(config.flat.heads),
        width_(config.flat.width),
        qkv_(builder.child("qkv"), width_, 3 * width_),
        proj_(builder.child("proj"), width_, width_),
        position_(builder.child("pe_proj"), config.dimension, width_) {
    if (whole_sample_) return;
    sigma_ = Builder(builder).normal("sigma_att", {1, heads_, 1, 1}, -1.0, 0.01);
    if (config.freeze_sigma) sigma_.set_requires_grad(false);
  }

  at::Tensor forward(const at::Tensor& u, const Partition& partition, const Batch& batch, const LayerPlace& place,
                     ForwardContext& context) const override {
    const SlotGeometry& slots = partition.slots;
    at::Tensor q, k, v;
    for_row_chunks(u, context.job, [&](std::int64_t first, std::int64_t count) {
      const at::Tensor placed = rows_of(u, first, count) + position_(rows_of(partition.relative, first, count));
      const at::Tensor rows = qkv_(placed).view({count, heads_, width_ / heads_, 3});
      put_rows(q, rows.select(3, 0).contiguous(), first, u.size(0));
      put_rows(k, rows.select(3, 1).contiguous(), first, u.size(0));
      put_rows(v, rows.select(3, 2).contiguous(), first, u.size(0));
    });
    const at::Tensor sigma = sigma_.defined() ? sigma_.view({heads_}) : at::Tensor();
    const AttentionResult result =
        whole_sample_ ? full_attention(q, k, v, partition.real_slots, partition.real_offsets,
                                       context.recorder != nullptr, context.job)
                      : ball_attention(q, k, v, slots.positions, slots.mask, sigma, slots.ball_size, context.job);
    record_ball_layer(
        context, batch, place,
        {whole_sample_ ? LayerKind::Full : LayerKind::Ball, whole_sample_ ? slots.offsets.back() : slots.ball_size,
         slots.positions, sigma, q, k, v, result.lse});
    const LayerInterventions change(context.interventions, place.layer);
    return change.replaced(place.name,
                           by_rows(change.scaled_heads(result.out).reshape({-1, width_}), context.job, proj_));
  }

private:
  bool whole_sample_;
  std::int64_t heads_, width_;
  Linear qkv_, proj_, position_;
  at::Tensor sigma_;
};

struct Block {
  std::string name;
  RmsNorm norm1, norm2;
  std::unique_ptr<FlatAttention> attention;
  SwiGlu swiglu;
};

class FlatTrunk : public Trunk {
public:
  FlatTrunk(const ModelConfig& config, const Builder& builder) : config_(config) {
    for (int i = 0; i < config.flat.depth; ++i) {
      const std::string name = "block." + std::to_string(i);
      const Builder block = builder.child(name);
      Block made{builder.prefix + name,
                 RmsNorm(block.child("norm1"), config.flat.width),
                 RmsNorm(block.child("norm2"), config.flat.width),
                 nullptr,
                 {}};
      if (config.kind == ModelKind::ErwinNsa) {
        made.attention = std::make_unique<ThreeBranches>(block.child("attention"), config);
      } else {
        made.attention = std::make_unique<OneBranch>(block.child("attention"), config);
      }
      made.swiglu =
          SwiGlu(block.child("swiglu"), config.flat.width, std::int64_t{config.mlp_ratio} * config.flat.width);
      blocks_.push_back(std::move(made));
    }
  }

  at::Tensor forward(const at::Tensor& embedded, const Batch& batch, ForwardContext& context) override {
    const LevelGeometry& level = batch.levels.front();
    const auto main = std::make_shared<const Partition>(
        partition_of(level, level.positions, level.mask, level.offsets, level.real_slots, false));
    std::shared_ptr<const Partition> rotated;
    if (level.has_rotated)
      rotated = std::make_shared<const Partition>(
          partition_of(level, level.positions.index_select(0, level.rotated.source), level.rotated.mask,
                       level.rotated.offsets, level.rotated.inverse.index_select(0, level.real_slots), true));
    at::Tensor x = context.start.defined() ? context.start : embedded.index_select(0, batch.slot_point);
    for (auto i = static_cast<std::size_t>(context.next_layer); i < blocks_.size(); ++i) {
      context.reached(static_cast<double>(i) / static_cast<double>(blocks_.size()), blocks_[i].name);
      const bool turn = rotated && i % 2 == 1;
      const auto partition = turn ? rotated : main;
      if (context.attention_only) return attended(blocks_[i], x, *partition, batch, context);
      if (context.keep) context.keep->before.push_back(x);
      if (context.recompute) {
        x = recomputed(
            [this, i, partition, &batch](const at::Tensor& rows) {
              ForwardContext again;
              again.training = true;
              return block_of(blocks_[i], rows, *partition, batch, again);
            },
            x);
        ++context.next_layer;
      } else {
        x = block_of(blocks_[i], x, *partition, batch, context);
        if (context.asked) x = with_others(*context.asked, static_cast<int>(i), x, *partition, batch);
      }
      if (context.observe) context.saw(blocks_[i].name, x.index_select(0, batch.point_slot));
    }
    if (context.keep) context.keep->before.push_back(x);
    return x.index_select(0, batch.point_slot);
  }

private:
  // What leaves a block of which only some rows were asked, with the others as they are known to be.
  at::Tensor with_others(const AskedRows& asked, int layer, const at::Tensor& x, const Partition& partition,
                         const Batch& batch) const {
    if (!asked.of_first.defined() || layer != asked.first_layer || layer + 1 == config_.flat.depth) return x;
    const at::Tensor made = at::zeros({partition.slots.blocks()}, x.options().dtype(at::kBool));
    const at::Tensor slots = made.index_fill_(0, asked.of_first, true).repeat_interleave(partition.slots.block_size);
    const at::Tensor rows = partition.rotated ? slots.index_select(0, batch.levels.front().rotated.inverse) : slots;
    return at::where(rows.unsqueeze(1), x, asked.otherwise);
  }

  Partition partition_of(const LevelGeometry& level, const at::Tensor& positions, const at::Tensor& mask,
                         const std::vector<std::int64_t>& offsets, const at::Tensor& real_slots, bool rotated) const {
    const std::int64_t block_size = config_.kind == ModelKind::ErwinNsa ? config_.flat.block_size : 0;
    Partition partition{make_slot_geometry(positions, mask, offsets, config_.flat.ball_size, block_size),
                        {},
                        real_slots,
                        level.real_offsets,
                        rotated};
    partition.relative =
        config_.kind == ModelKind::Full ? relative_to_sample(positions, mask, offsets) : partition.slots.relative;
    return partition;
  }

  static at::Tensor block_of(const Block& block, const at::Tensor& x, const Partition& partition, const Batch& batch,
                             ForwardContext& context) {
    const at::Tensor rows = x + attended(block, x, partition, batch, context);
    return rows + block.swiglu(by_rows(rows, context.job, block.norm2), context.job);
  }

  // Attention of a block on the rows x, which are in main order before and after.
  static at::Tensor attended(const Block& block, const at::Tensor& x, const Partition& partition, const Batch& batch,
                             ForwardContext& context) {
    const LayerPlace place{context.next_layer++, block.name, 0, partition.rotated};
    const at::Tensor u = by_rows(x, context.job, block.norm1);
    if (!partition.rotated) return block.attention->forward(u, partition, batch, place, context);
    const RotatedOrder& order = batch.levels.front().rotated;
    return block.attention->forward(u.index_select(0, order.source), partition, batch, place, context)
        .index_select(0, order.inverse);
  }

  ModelConfig config_;
  std::vector<Block> blocks_;
};

}  // namespace

std::unique_ptr<Trunk> make_flat_trunk(const ModelConfig& config, Builder builder) {
  return std::make_unique<FlatTrunk>(config, builder);
}

}  // namespace erwin::model
