#include "core/train/memory_plan.h"

#include <algorithm>
#include <bit>

#include "core/base/error.h"
#include "core/base/memory.h"

namespace erwin {

namespace {

// Numbers per slot that autograd keeps for a block, counted in the layers' sources: inputs of products, of norms, of
// gates and of attention. wide: always float32 (float64); narrow: of the precision of the matrix products.
struct Kept {
  double wide = 0, narrow = 0;
};

Kept& operator+=(Kept& a, const Kept& b) {
  a.wide += b.wide;
  a.narrow += b.narrow;
  return a;
}

Kept swiglu(double width, double ratio) {
  // norm's input and output; w1 x, silu(w1 x), w2 x, their product
  return {width, width + 4 * ratio * width};
}

Kept ball_block(double width, double heads, double ratio) {
  Kept kept = swiglu(width, ratio);
  // norm's input; norm's output with positions, q, k, v twice (the product's and the attention's layout), the result
  kept += {width + heads, width + 6 * width + 2 * width};
  return kept;
}

Kept nsa_block(const FlatConfig& flat, double ratio) {
  const double width = flat.width, inner = static_cast<double>(flat.heads) * flat.head_dim,
               keys = 2.0 * flat.kv_heads * flat.head_dim;
  Kept kept = swiglu(width, ratio);
  // norm; u twice; the shared and the local q, k, v in two layouts; three branches' results; gates; the merged rows
  kept += {width + 3.0 * flat.heads, 2 * width + 4 * (inner + keys) + 3 * inner + 4.0 * flat.heads + 2 * inner};
  // phi = mlp keeps both layers' inputs per block: b D numbers of k and v each, per slot 4 D
  if (flat.compression == Compression::Mlp) kept += {0, 6.0 * flat.head_dim * flat.kv_heads};
  return kept;
}

// Over all blocks of a batch's slots.
Kept trunk(const ModelConfig& config, double slots) {
  Kept total;
  const auto add = [&](const Kept& kept, double times) { total += {kept.wide * times, kept.narrow * times}; };
  if (config.kind == ModelKind::Erwin) {
    const UnetConfig& unet = config.unet;
    double rows = slots;
    for (std::size_t l = 0; l < unet.widths.size(); ++l) {
      const int blocks = unet.encoder_depths[l] + (l < unet.decoder_depths.size() ? unet.decoder_depths[l] : 0);
      add(ball_block(unet.widths[l], unet.encoder_heads[l], config.mlp_ratio), blocks * rows);
      if (l < unet.strides.size()) rows /= unet.strides[l];
    }
    return total;
  }
  const FlatConfig& flat = config.flat;
  add(config.kind == ModelKind::ErwinNsa ? nsa_block(flat, config.mlp_ratio)
                                         : ball_block(flat.width, flat.heads, config.mlp_ratio),
      flat.depth * slots);
  return total;
}

double trunk_width(const ModelConfig& config) {
  return config.kind == ModelKind::Erwin ? config.unet.widths.front() : config.flat.width;
}

}  // namespace

SampleSize sample_size(const ModelConfig& config, std::int64_t points) {
  const std::int64_t unit = config.unit(), units = (points + unit - 1) / unit;
  const auto rounded = config.padding == Padding::Duplicate
                           ? static_cast<std::int64_t>(std::bit_ceil(static_cast<std::uint64_t>(units)))
                           : units;
  return {points, rounded * unit, config.mp_steps > 0 ? points * config.graph.k : 0};
}

MemoryPlan predict_memory(const ModelConfig& model, const TrainConfig& train, std::int64_t parameters,
                          const SampleSize& largest, bool on_cpu) {
  const double element = train.precision == "float64" ? 8 : 4, matrix = train.precision == "bf16" ? 2 : element;
  const double batch = static_cast<double>(train.batch), slots = batch * static_cast<double>(largest.slots),
               points = batch * static_cast<double>(largest.points), edges = batch * static_cast<double>(largest.edges);
  const double width = trunk_width(model);
  MemoryPlan plan;
  // weights, gradients and two averages; bf16 has the masters and their gradients besides
  const double numbers = static_cast<double>(parameters) * (train.precision == "bf16" ? 2 * 2 + 4 * 4 : 4 * element);
  plan.state = static_cast<std::uint64_t>(numbers);
  const Kept blocks = trunk(model, slots);
  // Per edge and step: both ends, their sum, the norm's input and output.
  const double messages = model.mp_steps * (edges * width * 4 + points * width * 6) * element;
  plan.activations = static_cast<std::uint64_t>(blocks.wide * element + blocks.narrow * matrix + messages);
  // Gradients of the widest block's activations, a chunk of attention's logits, the batches that wait.
  const double widest = slots * width * (2 + 4.0 * model.mlp_ratio) * element + edges * width * 3 * element;
  const double waiting =
      (2.0 + train.loaders) * train.samples_per_step() / batch *
      (slots * 64 + points * (model.input_features + model.output_features + 3) * element + edges * 40);
  const double chunk = on_cpu ? 64e6 : 512e6;
  plan.working = static_cast<std::uint64_t>(widest + waiting + chunk);
  return plan;
}

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
      if (!fits(smaller, largest)) continue;
      std::string text;
      if (batch != train.batch)
        text += "--set train.batch=" + std::to_string(batch) +
                " --set train.accumulate=" + std::to_string(smaller.accumulate) + " ";
      if (smaller.precision != train.precision) text += "--set train.precision=bf16 ";
      if (text.empty()) return "the same settings";
      const std::uint64_t needs = predict_memory(model, smaller, parameters, largest, on_cpu).total();
      return text + "(about " + format_bytes(needs) + ")";
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
