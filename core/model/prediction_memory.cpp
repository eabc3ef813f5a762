#include "core/model/prediction_memory.h"

#include <ATen/DeviceAccelerator.h>

#include <algorithm>
#include <bit>

#include "core/base/memory.h"
#include "core/model/internal/attention_ops_dense.h"
#include "core/model/internal/torch_errors.h"
#include "kernels/ball_attention/ball_attention.h"

namespace erwin {

namespace {

struct Bytes {
  double wide = 4, narrow = 4;
};

Bytes bytes_of(Precision precision) {
  if (precision == Precision::Float64) return {8, 8};
  return {4, precision == Precision::BFloat16 ? 2.0 : 4.0};
}

// Of one slot of a block: the rows between layers, and the wider of SwiGLU (norm, two products, theirs, the result) and
// attention (rows, q, k, v, the branches' results, the merged rows).
double block_bytes(const ModelConfig& config, double width, double slots, Bytes bytes) {
  const double swiglu = (2 + 3.0 * config.mlp_ratio) * width * bytes.narrow;
  double attention = 6 * width * bytes.narrow;
  if (config.kind == ModelKind::Full) attention += 3 * width * bytes.narrow;
  if (config.kind == ModelKind::ErwinNsa) {
    const FlatConfig& flat = config.flat;
    const double inner = 1.0 * flat.heads * flat.head_dim, keys = 2.0 * flat.kv_heads * flat.head_dim;
    attention = (2 * width + 5 * inner + keys + 3.0 * flat.heads) * bytes.narrow + 3.0 * flat.heads * bytes.wide;
  }
  // Without a kernel the distance terms and the logits, and q, k and v widened.
  if (const double logits = logits_without_kernel(config, slots); logits > 0)
    attention += 2 * logits / slots * bytes.wide + (bytes.narrow < bytes.wide ? 3 * width * bytes.wide : 0);
  return 2 * width * bytes.wide + std::max(swiglu, attention);
}

double on_the_device(const ModelConfig& config, Bytes bytes, double points, double slots, double edges) {
  const bool erwin = config.kind == ModelKind::Erwin;
  const double width = erwin ? config.unet.widths.front() : config.flat.width;
  const double batch = edges * 3 * 8 + points * (5 * 8 + (config.input_features + config.dimension) * bytes.wide) +
                       slots * (2.0 * config.dimension * bytes.wide + 4 * 8 + 2);
  // Per edge: the places between its ends; what the norm reads and writes, in bf16 also the rows before they are
  // widened. Per point: rows, both ends' products, the messages' means.
  double messages = 0;
  if (config.mp_steps > 0)
    messages =
        edges * (config.dimension * bytes.narrow + width * (2 * bytes.wide + (bytes.narrow < 4 ? bytes.narrow : 0))) +
        points * width * (bytes.wide + 3 * bytes.narrow);
  double skips = 0, rows = slots;
  if (erwin)
    for (std::size_t l = 0; l < config.unet.strides.size(); ++l) {
      skips += rows * config.unet.widths[l] * bytes.wide;
      rows /= config.unet.strides[l];
    }
  const double trunk = points * width * bytes.wide + skips + slots * block_bytes(config, width, slots, bytes);
  return batch + std::max(messages, trunk);
}

// The CPU goes through rows in chunks: a dozen arrays of the trunk's width per slot (residual rows, q, k, v, results,
// skips of a U-net), the three branches' arrays of all heads, and the graph.
double on_the_cpu(const ModelConfig& config, Bytes bytes, double slots, double edges) {
  double per_slot = 0, reduction = 1;
  if (config.kind == ModelKind::Erwin) {
    for (std::size_t l = 0; l < config.unet.widths.size(); ++l) {
      per_slot = std::max(per_slot, 12 * config.unet.widths[l] / reduction);
      if (l < config.unet.strides.size()) reduction *= config.unet.strides[l];
    }
  } else {
    const bool nsa = config.kind == ModelKind::ErwinNsa;
    per_slot = 12.0 * config.flat.width + (nsa ? 8.0 * config.flat.heads * config.flat.head_dim : 0);
  }
  return bytes.wide * slots * per_slot + edges * 8 * 8;
}

}  // namespace

SampleSize sample_size(const ModelConfig& config, std::int64_t points) {
  const std::int64_t unit = config.unit(), units = (points + unit - 1) / unit;
  const auto rounded = config.padding == Padding::Duplicate
                           ? static_cast<std::int64_t>(std::bit_ceil(static_cast<std::uint64_t>(units)))
                           : units;
  // A chain of bonds has two per bead.
  const std::int64_t per_point = config.graph.kind == GraphKind::Lines ? 2 : config.graph.k;
  return {points, rounded * unit, config.mp_steps > 0 ? points * per_point : 0};
}

double logits_without_kernel(const ModelConfig& config, double slots) {
  constexpr auto chunk = static_cast<double>(model::device_chunk);
  double most = 0;
  const auto add = [&](double rows, int ball, int heads, int width) {
    const kernels::BallShape shape{
        static_cast<std::int64_t>(rows), ball, heads, heads, width / heads, config.dimension};
    if (!kernels::ball_attention_cpu_supports(shape)) most = std::max(most, std::min(chunk, rows * ball * heads));
  };
  if (config.kind == ModelKind::Ball) add(slots, config.flat.ball_size, config.flat.heads, config.flat.width);
  if (config.kind == ModelKind::Erwin)
    for (std::size_t l = 0; l < config.unet.widths.size(); ++l) {
      add(slots, config.unet.ball_sizes[l], config.unet.encoder_heads[l], config.unet.widths[l]);
      if (l < config.unet.strides.size()) slots /= config.unet.strides[l];
    }
  return most;
}

std::uint64_t predict_prediction_memory(const ModelConfig& config, Precision precision, const SampleSize& sample,
                                        bool on_cpu) {
  const Bytes bytes = bytes_of(precision);
  const auto points = static_cast<double>(sample.points), slots = static_cast<double>(sample.slots),
             edges = static_cast<double>(sample.edges);
  return static_cast<std::uint64_t>(on_cpu ? on_the_cpu(config, bytes, slots, edges)
                                           : on_the_device(config, bytes, points, slots, edges));
}

std::uint64_t free_memory(const std::string& device) {
  if (device == "cpu") return available_memory();
  std::uint64_t bytes = 0;
  model::translating_torch_errors("asking for the device's memory", [&] {
    const std::size_t colon = device.find(':');
    const int index = colon == std::string::npos ? 0 : std::stoi(device.substr(colon + 1));
    bytes = at::accelerator::getMemoryInfo(static_cast<c10::DeviceIndex>(index)).first;
  });
  return bytes;
}

std::string MemoryNeed::text() const {
  return "memory: about " + format_bytes(needed) + " are needed, " + format_bytes(free) + " are free";
}

MemoryNeed prediction_need(const ModelConfig& config, Precision precision, std::int64_t points,
                           const std::string& device) {
  return {predict_prediction_memory(config, precision, sample_size(config, points), device == "cpu"),
          free_memory(device)};
}

}  // namespace erwin
