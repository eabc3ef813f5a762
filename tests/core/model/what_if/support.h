#pragma once
// Small networks with lively weights, and samples for them.

#include <cmath>
#include <cstring>
#include <functional>
#include <random>
#include <string>
#include <vector>

#include "core/model/checkpoint.h"
#include "core/model/model.h"
#include "core/model/predict.h"
#include "core/model/sample.h"

namespace erwin::test {

inline ModelConfig nsa_config() {
  ModelConfig config;
  config.kind = ModelKind::ErwinNsa;
  config.input_features = 3;
  config.graph = {.kind = GraphKind::Knn, .k = 4, .self_loop = true};
  config.mp_steps = 1;
  config.flat = {.width = 16,
                 .depth = 3,
                 .heads = 4,
                 .kv_heads = 2,
                 .head_dim = 8,
                 .ball_size = 32,
                 .block_size = 8,
                 .selected_blocks = 3};
  return config;
}

inline ModelConfig unet_config() {
  ModelConfig config;
  config.kind = ModelKind::Erwin;
  config.input_features = 3;
  config.graph = {.kind = GraphKind::Knn, .k = 4, .self_loop = true};
  config.mp_steps = 1;
  config.embedding_channels = 16;
  config.unet = {.widths = {16, 24},
                 .ball_sizes = {32, 16},
                 .encoder_heads = {2, 4},
                 .encoder_depths = {2, 2},
                 .decoder_heads = {2},
                 .decoder_depths = {2},
                 .strides = {2}};
  return config;
}

inline ModelConfig flat_config(ModelKind kind) {
  ModelConfig config = nsa_config();
  config.kind = kind;
  return config;
}

inline PointCloudPtr make_cloud(int points, unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal(0, 1);
  PointCloud::Parts parts;
  std::vector<float> heat;
  for (int i = 0; i < 3 * points; ++i) parts.positions.push_back(normal(random));
  for (int i = 0; i < points; ++i) heat.push_back(normal(random));
  parts.unit = "m";
  parts.fields.emplace_back("heat", FieldKind::Scalar, 1, heat, "K");
  for (std::uint32_t i = 0; i + 2 < static_cast<std::uint32_t>(points); i += 3)
    parts.cells.triangles.insert(parts.cells.triangles.end(), {i, i + 1, i + 2});
  return std::make_shared<const PointCloud>(std::move(parts));
}

// Weights that make attention uneven and every branch count; norms and statistics stay.
inline Weights lively(Weights weights, unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal(0, 1);
  for (WeightArray& array : weights) {
    if (array.type != ElementType::Float32 || array.name.find("norm") != std::string::npos) continue;
    std::vector<float> values(array.data.size() / sizeof(float));
    const float scale = array.shape.size() == 2 ? 1.2F / std::sqrt(static_cast<float>(array.shape.back())) : 0.5F;
    for (float& value : values) value = scale * normal(random);
    std::memcpy(array.data.data(), values.data(), array.data.size());
  }
  return weights;
}

inline void edit(Weights& weights, const std::string& name, const std::function<float(std::size_t, float)>& change) {
  for (WeightArray& array : weights) {
    if (array.name != name) continue;
    std::vector<float> values(array.data.size() / sizeof(float));
    std::memcpy(values.data(), array.data.data(), array.data.size());
    for (std::size_t i = 0; i < values.size(); ++i) values[i] = change(i, values[i]);
    std::memcpy(array.data.data(), values.data(), array.data.size());
    return;
  }
  throw std::runtime_error("no weight " + name);
}

// A checkpoint of positions (and heat) in, one number out.
inline Checkpoint make_checkpoint(ModelConfig config, bool with_heat = false) {
  if (with_heat) config.input_features = 4;
  Checkpoint checkpoint;
  checkpoint.config = config;
  checkpoint.recipe.inputs =
      with_heat ? std::vector<std::string>{"position", "heat"} : std::vector<std::string>{"position"};
  checkpoint.weights = lively(Model(config, 3).weights(), 29);
  return checkpoint;
}

inline Model make_model(const ModelConfig& config, const Weights& weights) {
  Model model(config, 3);
  model.load_weights(weights);
  return model;
}

}  // namespace erwin::test
