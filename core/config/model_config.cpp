#include "core/config/model_config.h"

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "core/base/error.h"

namespace erwin {

namespace {

// Nobody needs more; the limits keep a damaged or hostile file from asking for absurd sizes.
constexpr int kMostChannels = 16384;
constexpr int kMostLayers = 1024;
constexpr int kMostSlots = 1 << 20;

[[noreturn]] void refuse(const std::string& key, const std::string& value, const std::string& allowed) {
  throw Error(ErrorKind::Config, "the configuration asks for something that cannot be built",
              "model." + key + " = " + value, "Allowed: " + allowed);
}

void check_range(const std::string& key, std::int64_t value, std::int64_t least, std::int64_t most) {
  if (value < least || value > most)
    refuse(key, std::to_string(value), std::to_string(least) + " to " + std::to_string(most));
}

void check_power_of_two(const std::string& key, int value) {
  check_range(key, value, 1, kMostSlots);
  if ((value & (value - 1)) != 0) refuse(key, std::to_string(value), "a power of two");
}

void check_divides(const std::string& key, int value, int divisor, const std::string& allowed) {
  if (value % divisor != 0) refuse(key, std::to_string(value), allowed);
}

std::string text_of(const std::vector<int>& values) {
  std::string text = "[";
  for (std::size_t i = 0; i < values.size(); ++i) text += (i ? ", " : "") + std::to_string(values[i]);
  return text + "]";
}

void check_count(const std::string& key, const std::vector<int>& values, std::size_t wanted, const std::string& rule) {
  if (values.size() != wanted) refuse(key, text_of(values), std::to_string(wanted) + " entries, " + rule);
}

void check_unet(const UnetConfig& unet) {
  const std::size_t levels = unet.widths.size();
  if (levels < 1 || levels > 16) refuse("widths", text_of(unet.widths), "1 to 16 entries, one per level, finest first");
  check_count("ball_sizes", unet.ball_sizes, levels, "one per level as in widths");
  check_count("encoder_heads", unet.encoder_heads, levels, "one per level as in widths");
  check_count("encoder_depths", unet.encoder_depths, levels, "one per level as in widths");
  check_count("decoder_heads", unet.decoder_heads, levels - 1, "one per level but the coarsest");
  check_count("decoder_depths", unet.decoder_depths, levels - 1, "one per level but the coarsest");
  check_count("strides", unet.strides, levels - 1, "one between two levels");
  std::int64_t product = 1;
  for (std::size_t l = 0; l < levels; ++l) {
    const std::string at = "[" + std::to_string(l) + "]";
    check_range("widths" + at, unet.widths[l], 1, kMostChannels);
    check_power_of_two("ball_sizes" + at, unet.ball_sizes[l]);
    check_range("encoder_depths" + at, unet.encoder_depths[l], 0, kMostLayers);
    check_range("encoder_heads" + at, unet.encoder_heads[l], 1, kMostChannels);
    check_divides("widths" + at, unet.widths[l], unet.encoder_heads[l],
                  "a multiple of encoder_heads" + at + " = " + std::to_string(unet.encoder_heads[l]));
    if (unet.ball_sizes[l] * product > kMostSlots)
      refuse("ball_sizes" + at, std::to_string(unet.ball_sizes[l]),
             "ball size times the strides before it at most " + std::to_string(kMostSlots));
    if (l + 1 == levels) break;
    check_range("decoder_depths" + at, unet.decoder_depths[l], 0, kMostLayers);
    check_range("decoder_heads" + at, unet.decoder_heads[l], 1, kMostChannels);
    check_divides("widths" + at, unet.widths[l], unet.decoder_heads[l],
                  "a multiple of decoder_heads" + at + " = " + std::to_string(unet.decoder_heads[l]));
    check_power_of_two("strides" + at, unet.strides[l]);
    product *= unet.strides[l];
    if (product > kMostSlots) refuse("strides", text_of(unet.strides), "a smaller product");
    if (unet.strides[l] == 1 && unet.widths[l] != unet.widths[l + 1])
      refuse("widths", text_of(unet.widths), "equal widths on both sides of a stride of 1, where nothing is projected");
  }
}

void check_flat(const FlatConfig& flat, ModelKind kind) {
  check_range("width", flat.width, 1, kMostChannels);
  check_range("depth", flat.depth, 1, kMostLayers);
  check_range("heads", flat.heads, 1, kMostChannels);
  check_power_of_two("ball_size", flat.ball_size);
  if (kind != ModelKind::ErwinNsa) {
    check_divides("width", flat.width, flat.heads, "a multiple of heads = " + std::to_string(flat.heads));
    return;
  }
  check_range("kv_heads", flat.kv_heads, 1, kMostChannels);
  check_divides("heads", flat.heads, flat.kv_heads, "a multiple of kv_heads = " + std::to_string(flat.kv_heads));
  check_range("head_dim", flat.head_dim, 1, kMostChannels);
  check_power_of_two("block_size", flat.block_size);
  check_divides("ball_size", flat.ball_size, flat.block_size,
                "a multiple of block_size = " + std::to_string(flat.block_size));
  check_range("selected_blocks", flat.selected_blocks, 1, kMostSlots);
  if (flat.compression == Compression::Mlp && std::int64_t{flat.block_size} * flat.head_dim > kMostChannels)
    refuse("block_size", std::to_string(flat.block_size),
           "block_size times head_dim at most " + std::to_string(kMostChannels) + " with compression = \"mlp\"");
}

std::int64_t swiglu_parameters(std::int64_t width, std::int64_t ratio) {
  return width * width * ratio * 3;
}

}  // namespace

int ModelConfig::unit() const {
  if (kind != ModelKind::Erwin) return flat.ball_size;
  int largest = 1, product = 1;
  for (std::size_t l = 0; l < unet.ball_sizes.size(); ++l) {
    largest = std::max(largest, unet.ball_sizes[l] * product);
    if (l < unet.strides.size()) product *= unet.strides[l];
  }
  return largest;
}

void ModelConfig::check() const {
  check_range("dimension", dimension, 2, 3);
  check_range("input_features", input_features, 1, kMostChannels);
  check_range("output_features", output_features, 1, kMostChannels);
  check_range("embedding_channels", embedding_channels, 1, kMostChannels);
  if (embedding == Embedding::Fourier)
    check_divides("embedding_channels", embedding_channels, 2, "an even number with embedding = \"fourier\"");
  check_range("graph_k", graph.k, 1, 1024);
  check_range("mp_steps", mp_steps, 0, 64);
  check_range("mlp_ratio", mlp_ratio, 1, 64);
  if (!std::isfinite(rotate_degrees) || rotate_degrees < 0 || rotate_degrees >= 360)
    refuse("rotate", std::to_string(rotate_degrees), "0 (no rotation) to below 360 degrees");
  if (kind == ModelKind::Erwin)
    check_unet(unet);
  else
    check_flat(flat, kind);
  if (wrapper) return;
  if (head != Head::Value) refuse("head", name_of(head), "value where wrapper = false: a head belongs to the wrapper");
  if (embedding != Embedding::Linear)
    refuse("embedding", name_of(embedding), "linear where wrapper = false: fourier belongs to the wrapper");
  const int width = kind == ModelKind::Erwin ? unet.widths.front() : flat.width;
  if (output_features != width)
    refuse("output_features", std::to_string(output_features),
           "the width of the backbone, " + std::to_string(width) + ", where wrapper = false");
}

std::int64_t estimate_parameters(const ModelConfig& config) {
  std::int64_t count = std::int64_t{config.embedding_channels} * (config.input_features + 1);
  const auto message_passing = [&](std::int64_t width) {
    return std::int64_t{config.mp_steps} * (5 * width * width + 8 * width) + width * config.embedding_channels;
  };
  if (config.kind != ModelKind::Erwin) {
    const FlatConfig& flat = config.flat;
    const std::int64_t width = flat.width, nsa = config.kind == ModelKind::ErwinNsa;
    const std::int64_t inner = std::int64_t{flat.heads} * (nsa ? flat.head_dim : std::max(1, flat.width / flat.heads));
    const std::int64_t flattened = std::int64_t{flat.block_size} * flat.head_dim;
    std::int64_t block = swiglu_parameters(width, config.mlp_ratio) + (nsa ? 2 : 4) * width * inner;
    if (nsa) {
      block += 3 * width * flat.heads + 2 * width * flat.kv_heads * flat.head_dim;
      if (flat.compression == Compression::Mlp) block += 2 * flattened * (flattened + flat.head_dim);
      if (flat.compression == Compression::Pool) block += 16 * std::int64_t{flat.head_dim} * flat.head_dim;
    }
    return count + message_passing(width) + flat.depth * block + width * (width + config.network_outputs());
  }
  const UnetConfig& unet = config.unet;
  for (std::size_t l = 0; l < unet.widths.size(); ++l) {
    const std::int64_t width = unet.widths[l];
    std::int64_t blocks = unet.encoder_depths[l];
    if (l < unet.strides.size()) {
      blocks += unet.decoder_depths[l];
      count += 2 * std::int64_t{unet.strides[l]} * (width + 3) * unet.widths[l + 1];
    }
    count += blocks * (swiglu_parameters(width, config.mlp_ratio) + 4 * width * width);
  }
  const std::int64_t width = unet.widths.front();
  return count + message_passing(width) + width * (width + config.network_outputs());
}

const char* name_of(ModelKind kind) {
  switch (kind) {
    case ModelKind::Erwin:
      return "erwin";
    case ModelKind::ErwinNsa:
      return "erwin-nsa";
    case ModelKind::Full:
      return "full";
    case ModelKind::Ball:
      return "ball";
  }
  return "erwin-nsa";
}

const char* name_of(Compression value) {
  switch (value) {
    case Compression::Pool:
      return "pool";
    case Compression::Mlp:
      return "mlp";
    case Compression::Mean:
      return "mean";
  }
  return "pool";
}

const char* name_of(Exclude value) {
  switch (value) {
    case Exclude::Ball:
      return "ball";
    case Exclude::Block:
      return "block";
    case Exclude::None:
      return "none";
  }
  return "ball";
}

const char* name_of(CompressedQuery value) {
  return value == CompressedQuery::Token ? "token" : "block";
}
const char* name_of(GateStart value) {
  return value == GateStart::Even ? "even" : "local";
}
const char* name_of(Head value) {
  return value == Head::Value ? "value" : "gaussian";
}
const char* name_of(Embedding value) {
  return value == Embedding::Linear ? "linear" : "fourier";
}
const char* name_of(GraphKind value) {
  return value == GraphKind::Knn ? "knn" : "lines";
}
const char* name_of(Padding value) {
  return value == Padding::Masked ? "masked" : "duplicate";
}

}  // namespace erwin
