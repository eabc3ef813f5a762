#include "core/train/memory_plan.h"

#include <algorithm>

#include "core/base/error.h"
#include "core/base/memory.h"

namespace erwin {

namespace {

// Bytes of one number: of rows between layers, norms and statistics (wide), of matrix products (narrow).
struct Bytes {
  double wide = 4, narrow = 4;
};

// What autograd keeps of one slot, in bytes, counted in the layers' sources: inputs of products, norms, gates and
// attention. The CPU has no kernels of ours for RMSNorm and SwiGLU, whose ATen operations keep more.
class Kept {
public:
  Kept(const ModelConfig& config, Bytes bytes, bool on_cpu) : config_(config), bytes_(bytes), on_cpu_(on_cpu) {}

  double ball_block(double width, double heads) const {
    // the rows with positions, q, k, v, the result; lse
    return norm(width) + 5 * width * bytes_.narrow + heads * bytes_.wide + swiglu(width);
  }
  double full_block(double width, double heads) const { return ball_block(width, heads) + width * bytes_.narrow; }
  double nsa_block() const {
    const FlatConfig& flat = config_.flat;
    const double width = flat.width, inner = 1.0 * flat.heads * flat.head_dim,
                 keys = 2.0 * flat.kv_heads * flat.head_dim;
    // the normalised rows; q, k, v; three branches' results and lse, gates, the merged rows
    const double kept =
        (width + inner + keys + 3 * inner + 3.0 * flat.heads + inner) * bytes_.narrow + 3.0 * flat.heads * bytes_.wide;
    // phi: per block its summaries and hidden rows; `mlp` first keeps every row, widened
    const double phi = keys * 6 * bytes_.wide / flat.block_size +
                       (flat.compression == Compression::Mlp ? keys * (bytes_.wide + 2 * bytes_.narrow) : 0);
    return norm(width) + kept + phi + swiglu(width);
  }

  double swiglu(double width) const {
    // the normalised rows, w1 x, w2 x, their product; the CPU silu(w1 x) too
    return norm(width) + (1 + (on_cpu_ ? 4 : 3) * config_.mlp_ratio) * width * bytes_.narrow;
  }

private:
  double norm(double width) const { return (on_cpu_ ? 3 : 1) * width * bytes_.wide + bytes_.wide; }

  const ModelConfig& config_;
  Bytes bytes_;
  bool on_cpu_;
};

// What a trunk keeps of a batch, in bytes, block by block.
class TrunkBytes {
public:
  TrunkBytes(const ModelConfig& config, const Kept& kept, double slots, Bytes bytes, bool recompute)
      : bytes_(bytes), recompute_(recompute) {
    const FlatConfig& flat = config.flat;
    if (config.kind == ModelKind::ErwinNsa) add_blocks(flat.depth, slots, kept.nsa_block(), flat.width);
    if (config.kind == ModelKind::Full)
      add_blocks(flat.depth, slots, kept.full_block(flat.width, flat.heads), flat.width);
    if (config.kind == ModelKind::Ball)
      add_blocks(flat.depth, slots, kept.ball_block(flat.width, flat.heads), flat.width);
    if (config.kind == ModelKind::Erwin) add_unet(config, kept, slots);
  }
  double total() const { return total_; }
  // Where blocks run again: what the largest of them keeps meanwhile.
  double again() const { return again_; }

private:
  void add_blocks(double count, double rows, double bytes_per_row, double width) {
    total_ += count * rows * (recompute_ ? width * bytes_.wide : bytes_per_row);
    if (recompute_) again_ = std::max(again_, rows * bytes_per_row);
  }
  void add_unet(const ModelConfig& config, const Kept& kept, double slots) {
    const UnetConfig& unet = config.unet;
    double rows = slots;
    for (std::size_t l = 0; l < unet.widths.size(); ++l) {
      const double width = unet.widths[l];
      add_blocks(unet.encoder_depths[l], rows, kept.ball_block(width, unet.encoder_heads[l]), width);
      if (l == unet.strides.size()) break;
      add_blocks(unet.decoder_depths[l], rows, kept.ball_block(width, unet.decoder_heads[l]), width);
      const double stride = unet.strides[l], parent_width = unet.widths[l + 1], parents = rows / stride;
      // Going up: the parents' rows with their children's offsets, and what the norm sees. Going down the same, where
      // something is pooled at all.
      total_ += parents * (parent_width + stride * config.dimension) * bytes_.narrow + 2 * rows * width * bytes_.wide;
      if (stride > 1)
        total_ += rows * (width + config.dimension) * bytes_.narrow + 2 * parents * parent_width * bytes_.wide;
      rows = parents;
    }
  }

  Bytes bytes_;
  bool recompute_;
  double total_ = 0, again_ = 0;
};

double trunk_width(const ModelConfig& config) {
  return config.kind == ModelKind::Erwin ? config.unet.widths.front() : config.flat.width;
}

}  // namespace

MemoryPlan predict_memory(const ModelConfig& model, const TrainConfig& train, std::int64_t parameters,
                          const SampleSize& largest, bool on_cpu) {
  const bool half = train.precision == "bf16";
  const double wide = train.precision == "float64" ? 8 : 4;
  const Bytes bytes{wide, half ? 2 : wide};
  const double batch = static_cast<double>(train.batch), slots = batch * static_cast<double>(largest.slots),
               points = batch * static_cast<double>(largest.points), edges = batch * static_cast<double>(largest.edges);
  const double width = trunk_width(model);
  MemoryPlan plan;
  // weights, gradients and two averages; bf16 has float32 masters and averages beside its weights and gradients
  plan.state = static_cast<std::uint64_t>(static_cast<double>(parameters) * (half ? 2 * 2 + 4 * 4 : 4 * wide));

  const Kept kept(model, bytes, on_cpu);
  // Per edge and step: what GELU and the norm see, and its statistics. Per point: the rows, those with the messages'
  // mean, and what the norm sees.
  const bool recompute = train.recompute == "on";
  const double one_step = edges * (width * (bytes.narrow + wide) + 2 * wide) +
                          points * (width * (3 * bytes.narrow + wide + (half ? wide : 0)) + 2 * wide);
  const double messages = model.mp_steps * (recompute ? points * width * wide : one_step);
  const double ends = points * (width * (3 * bytes.narrow + wide) + 2.0 * model.embedding_channels * bytes.narrow);
  const TrunkBytes blocks(model, kept, slots, bytes, recompute);
  const double trunk = blocks.total();
  plan.activations = static_cast<std::uint64_t>(trunk + messages + ends);

  // The backward pass begins with the last block while everything is kept, and ends with the messages, when the trunk
  // is given back.
  // SwiGLU's product is given back when its gradient is there, before those of its two factors are asked for.
  double last = slots * width * (2 * wide + (2.0 * model.mlp_ratio + 1) * bytes.narrow);
  // Its attention follows, when its SwiGLU has given back what it kept; without a kernel with three arrays of logits
  // (distance terms, weights, their gradients) and q, k, v and the result's gradient widened.
  if (const double logits = on_cpu ? 0 : logits_without_kernel(model, slots); logits > 0)
    last = std::max(last, 3 * logits * wide + slots * width * 6 * wide - slots * kept.swiglu(width));
  const double last_block = blocks.again() + last;
  // Kept rows of one step's edges, the gradient of the means and of the normalised rows.
  const double first_messages = (recompute ? one_step : 0) + edges * width * 2 * wide;
  const double peak = std::max(trunk + messages + ends + last_block, messages + first_messages);
  // A batch's positions, features, targets, edges in three orders and slots, of those that wait and the one at work.
  const double geometry = edges * 3 * 8 + points * (2 + 3) * 8 +
                          points * (model.input_features + model.output_features + model.dimension) * wide +
                          slots * (model.dimension * wide + 4 * 8 + 2);
  const double waiting = (3.0 + train.loaders) * train.accumulate * geometry;
  // A chunk of attention's logits, where there is no kernel.
  const double chunk = on_cpu ? 64e6 : 0;
  plan.working = static_cast<std::uint64_t>(peak - (trunk + messages + ends) + waiting + chunk);
  return plan;
}

namespace {

// The options that differ, as they are typed, each followed by a space.
std::string settings_text(const TrainConfig& from, const TrainConfig& to) {
  std::string text;
  const auto set = [&](const std::string& option, const std::string& value) {
    text += "--set train." + option + "=" + value + " ";
  };
  if (to.batch != from.batch) {
    set("batch", std::to_string(to.batch));
    set("accumulate", std::to_string(to.accumulate));
  }
  if (to.recompute != from.recompute) set("recompute", to.recompute);
  if (to.precision != from.precision) set("precision", to.precision);
  return text;
}

}  // namespace

std::string what_fits(const ModelConfig& model, const TrainConfig& train, std::int64_t parameters,
                      const SampleSize& largest, bool on_cpu, std::uint64_t available) {
  const auto fits = [&](const TrainConfig& candidate, const SampleSize& size) {
    return predict_memory(model, candidate, parameters, size, on_cpu).total() <= available;
  };
  TrainConfig smaller = train;
  for (const char* precision : {train.precision.c_str(), "bf16"}) {
    smaller.precision = precision;
    for (std::int64_t batch = train.batch; batch >= 1; batch /= 2) {
      if (train.batch % batch != 0) continue;
      smaller.batch = batch;
      smaller.accumulate = train.accumulate * (train.batch / batch);
      for (const bool recompute : {false, true}) {
        if (recompute && train.recompute == "off") continue;
        smaller.recompute = recompute ? "on" : train.recompute;
        if (!fits(smaller, largest)) continue;
        const std::string text = settings_text(train, smaller);
        if (text.empty()) return "the same settings";
        const std::uint64_t needs = predict_memory(model, smaller, parameters, largest, on_cpu).total();
        return text + "(about " + format_bytes(needs) + ")";
      }
    }
  }
  smaller.batch = 1;
  std::int64_t points = largest.points;
  while (points > 1 && !fits(smaller, sample_size(model, points))) points /= 2;
  if (!fits(smaller, sample_size(model, points))) return "a smaller network";
  return "samples of at most about " + std::to_string(points) +
         " points, with --set train.batch=1 --set train.precision=bf16";
}

void require_training_memory(const ModelConfig& model, const TrainConfig& train, std::int64_t parameters,
                             const SampleSize& largest, const std::string& device, std::uint64_t available) {
  const bool on_cpu = device == "cpu";
  const MemoryPlan plan = predict_memory(model, train, parameters, largest, on_cpu);
  if (plan.total() <= available) return;
  const std::string fits = what_fits(model, train, parameters, largest, on_cpu, available);
  throw Error(on_cpu ? ErrorKind::Memory : ErrorKind::DeviceMemory,
              "training will not fit into the memory of " + device,
              "predicted " + format_bytes(plan.total()) + " (" + format_bytes(plan.activations) + " for " +
                  std::to_string(train.batch) + " x " + std::to_string(largest.points) + " points, " +
                  format_bytes(plan.state) + " for the network), " + format_bytes(available) + " free",
              "What fits: " + fits + ". To try all the same: --set train.memory_check=false");
}

}  // namespace erwin
