// Between a configuration's values and the plain structures that the program works with.

#include <algorithm>
#include <cmath>
#include <numbers>

#include "core/base/error.h"
#include "core/config/config.h"

namespace erwin {

namespace {

int small(const Config& config, const std::string& key) {
  return static_cast<int>(config.integer(key));
}

std::vector<int> small_list(const Config& config, const std::string& key) {
  const auto& values = config.integers(key);
  return {values.begin(), values.end()};
}

std::vector<std::int64_t> wide(const std::vector<int>& values) {
  return {values.begin(), values.end()};
}

// The enumerator with that name; the schema has checked that there is one.
template <typename E>
E named(const Config& config, const std::string& key, std::initializer_list<E> all) {
  for (const E candidate : all)
    if (config.text(key) == name_of(candidate)) return candidate;
  throw Error(ErrorKind::Internal, "an option's choices differ from the program's", key + " = " + config.text(key));
}

}  // namespace

ModelConfig model_config(const Config& config) {
  ModelConfig model;
  model.kind = named(config, "model.kind", {ModelKind::Erwin, ModelKind::ErwinNsa, ModelKind::Full, ModelKind::Ball});
  model.dimension = small(config, "model.dimension");
  model.input_features = small(config, "model.input_features");
  model.output_features = small(config, "model.output_features");
  model.head = named(config, "model.head", {Head::Value, Head::Gaussian});
  model.embedding = named(config, "model.embedding", {Embedding::Linear, Embedding::Fourier});
  model.embedding_channels = small(config, "model.embedding_channels");
  model.wrapper = config.flag("model.wrapper");
  model.graph.kind = named(config, "model.graph", {GraphKind::Knn, GraphKind::Lines});
  model.graph.k = small(config, "model.graph_k");
  model.graph.self_loop = config.flag("model.graph_self_loop");
  model.mp_steps = small(config, "model.mp_steps");
  model.mlp_ratio = small(config, "model.mlp_ratio");
  model.rotate_degrees = config.real("model.rotate");
  model.padding = named(config, "model.padding", {Padding::Masked, Padding::Duplicate});
  model.freeze_sigma = config.flag("model.freeze_sigma");
  model.weight_deviation = config.real("model.weight_deviation");
  FlatConfig& flat = model.flat;
  flat.width = small(config, "model.width");
  flat.depth = small(config, "model.depth");
  flat.heads = small(config, "model.heads");
  flat.kv_heads = small(config, "model.kv_heads");
  flat.head_dim = small(config, "model.head_dim");
  flat.ball_size = small(config, "model.ball_size");
  flat.block_size = small(config, "model.block_size");
  flat.selected_blocks = small(config, "model.selected_blocks");
  flat.compression = named(config, "model.compression", {Compression::Pool, Compression::Mlp, Compression::Mean});
  flat.exclude = named(config, "model.exclude", {Exclude::Ball, Exclude::Block, Exclude::None});
  flat.compressed_query = named(config, "model.compressed_query", {CompressedQuery::Token, CompressedQuery::Block});
  flat.gate_start = named(config, "model.gate_start", {GateStart::Even, GateStart::Local});
  UnetConfig& unet = model.unet;
  unet.widths = small_list(config, "model.widths");
  unet.ball_sizes = small_list(config, "model.ball_sizes");
  unet.encoder_heads = small_list(config, "model.encoder_heads");
  unet.encoder_depths = small_list(config, "model.encoder_depths");
  unet.decoder_heads = small_list(config, "model.decoder_heads");
  unet.decoder_depths = small_list(config, "model.decoder_depths");
  unet.strides = small_list(config, "model.strides");
  return model;
}

void put(Config& config, const ModelConfig& model) {
  const auto whole = [&](const char* key, std::int64_t value) { config.assign(key, value); };
  const auto name = [&](const char* key, const char* value) { config.assign(key, std::string(value)); };
  name("model.kind", name_of(model.kind));
  whole("model.dimension", model.dimension);
  whole("model.input_features", model.input_features);
  whole("model.output_features", model.output_features);
  name("model.head", name_of(model.head));
  name("model.embedding", name_of(model.embedding));
  whole("model.embedding_channels", model.embedding_channels);
  config.assign("model.wrapper", model.wrapper);
  name("model.graph", name_of(model.graph.kind));
  whole("model.graph_k", model.graph.k);
  config.assign("model.graph_self_loop", model.graph.self_loop);
  whole("model.mp_steps", model.mp_steps);
  whole("model.mlp_ratio", model.mlp_ratio);
  config.assign("model.rotate", model.rotate_degrees);
  name("model.padding", name_of(model.padding));
  config.assign("model.freeze_sigma", model.freeze_sigma);
  config.assign("model.weight_deviation", model.weight_deviation);
  const FlatConfig& flat = model.flat;
  whole("model.width", flat.width);
  whole("model.depth", flat.depth);
  whole("model.heads", flat.heads);
  whole("model.kv_heads", flat.kv_heads);
  whole("model.head_dim", flat.head_dim);
  whole("model.ball_size", flat.ball_size);
  whole("model.block_size", flat.block_size);
  whole("model.selected_blocks", flat.selected_blocks);
  name("model.compression", name_of(flat.compression));
  name("model.exclude", name_of(flat.exclude));
  name("model.compressed_query", name_of(flat.compressed_query));
  name("model.gate_start", name_of(flat.gate_start));
  const UnetConfig& unet = model.unet;
  config.assign("model.widths", wide(unet.widths));
  config.assign("model.ball_sizes", wide(unet.ball_sizes));
  config.assign("model.encoder_heads", wide(unet.encoder_heads));
  config.assign("model.encoder_depths", wide(unet.encoder_depths));
  config.assign("model.decoder_heads", wide(unet.decoder_heads));
  config.assign("model.decoder_depths", wide(unet.decoder_depths));
  config.assign("model.strides", wide(unet.strides));
}

TrainConfig train_config(const Config& config) {
  TrainConfig train;
  train.steps = config.integer("train.steps");
  train.schedule_steps = config.integer("train.schedule_steps");
  train.batch = config.integer("train.batch");
  train.accumulate = config.integer("train.accumulate");
  train.lr = config.real("train.lr");
  train.schedule = named(config, "train.schedule", {Schedule::Const, Schedule::Cosine});
  train.eta_min = config.real("train.eta_min");
  train.warmup = config.integer("train.warmup");
  train.weight_decay = config.real("train.weight_decay");
  const std::vector<double>& betas = config.reals("train.betas");
  if (betas.size() != 2 || betas[0] >= 1 || betas[1] >= 1)
    throw Error(ErrorKind::Config, "the configuration has a value that is not allowed",
                "train.betas = " + toml_text(betas), "Allowed: two numbers from 0 to below 1");
  train.beta1 = betas[0];
  train.beta2 = betas[1];
  train.eps = config.real("train.eps");
  train.clip = config.real("train.clip");
  train.seed = static_cast<std::uint64_t>(config.integer("train.seed"));
  train.device = config.text("train.device");
  train.precision = config.text("train.precision");
  train.threads = small(config, "train.threads");
  train.loaders = small(config, "train.loaders");
  train.graph = config.flag("train.graph");
  train.recompute = config.text("train.recompute");
  train.shuffle_points = config.flag("train.shuffle_points");
  train.rotate_points = config.text("train.rotate_points");
  train.log_every = config.integer("train.log_every");
  train.checkpoint_every = config.integer("train.checkpoint_every");
  train.checkpoint_minutes = config.real("train.checkpoint_minutes");
  train.keep_every = config.integer("train.keep_every");
  train.validate_every = config.integer("train.validate_every");
  train.memory_limit = config.real("train.memory_limit");
  train.memory_check = config.flag("train.memory_check");
  return train;
}

void put(Config& config, const TrainConfig& train) {
  config.assign("train.steps", train.steps);
  config.assign("train.schedule_steps", train.schedule_steps);
  config.assign("train.batch", train.batch);
  config.assign("train.accumulate", train.accumulate);
  config.assign("train.lr", train.lr);
  config.assign("train.schedule", std::string(name_of(train.schedule)));
  config.assign("train.eta_min", train.eta_min);
  config.assign("train.warmup", train.warmup);
  config.assign("train.weight_decay", train.weight_decay);
  config.assign("train.betas", std::vector<double>{train.beta1, train.beta2});
  config.assign("train.eps", train.eps);
  config.assign("train.clip", train.clip);
  config.assign("train.seed", static_cast<std::int64_t>(train.seed));
  config.assign("train.device", train.device);
  config.assign("train.precision", train.precision);
  config.assign("train.threads", std::int64_t{train.threads});
  config.assign("train.loaders", std::int64_t{train.loaders});
  config.assign("train.graph", train.graph);
  config.assign("train.recompute", train.recompute);
  config.assign("train.shuffle_points", train.shuffle_points);
  config.assign("train.rotate_points", train.rotate_points);
  config.assign("train.log_every", train.log_every);
  config.assign("train.checkpoint_every", train.checkpoint_every);
  config.assign("train.checkpoint_minutes", train.checkpoint_minutes);
  config.assign("train.keep_every", train.keep_every);
  config.assign("train.validate_every", train.validate_every);
  config.assign("train.memory_limit", train.memory_limit);
  config.assign("train.memory_check", train.memory_check);
}

const char* name_of(Schedule schedule) {
  return schedule == Schedule::Const ? "const" : "cosine";
}

double TrainConfig::learning_rate(std::int64_t step) const {
  if (step < warmup) return lr * static_cast<double>(step + 1) / static_cast<double>(warmup);
  if (schedule == Schedule::Const) return lr;
  const std::int64_t whole = schedule_steps > 0 ? schedule_steps : steps;
  const double length = static_cast<double>(std::max<std::int64_t>(1, whole - warmup));
  const double part = std::min(1.0, static_cast<double>(step - warmup) / length);
  return eta_min + (lr - eta_min) * 0.5 * (1 + std::cos(std::numbers::pi * part));
}

}  // namespace erwin
