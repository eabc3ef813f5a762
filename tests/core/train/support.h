#pragma once
// Small clouds, networks and data sets to train on in a moment.

#include <cmath>
#include <filesystem>
#include <fstream>
#include <numbers>
#include <string>

#include "core/config/config.h"
#include "core/io/write.h"
#include "core/model/sample.h"

namespace erwin::test {

// Points on a spiral with a smooth target of their position, standardised by hand.
inline PointCloudPtr spiral(int points, double phase) {
  PointCloud::Parts parts;
  std::vector<float> target;
  for (int i = 0; i < points; ++i) {
    const double t = (i + 0.5) / points, angle = 12 * t + phase;
    parts.positions.insert(parts.positions.end(),
                           {static_cast<float>(2 * t * std::cos(angle)), static_cast<float>(2 * t * std::sin(angle)),
                            static_cast<float>(2 * t - 1)});
    target.push_back(static_cast<float>(std::sqrt(2.0) * std::sin(2 * std::numbers::pi * t)));
  }
  parts.fields.emplace_back("height", FieldKind::Scalar, 1, std::move(target), "m");
  return std::make_shared<const PointCloud>(std::move(parts));
}

inline ModelConfig small_network(ModelKind kind) {
  ModelConfig config;
  config.kind = kind;
  config.embedding_channels = 16;
  config.mp_steps = 1;
  config.graph.k = 4;
  config.flat = {16, 2, 4, 1, 8, 32, 8, 2, Compression::Pool, Exclude::Ball, CompressedQuery::Token};
  config.unet = {{16, 32}, {32, 16}, {2, 4}, {1, 1}, {2}, {1}, {2}};
  return config;
}

// Spirals as a data set: train_0 to train_4, validation_0, test_0, of 60 to 90 points; returns its manifest.
inline std::filesystem::path make_spirals(const std::filesystem::path& folder) {
  for (int i = 0; i < 5; ++i)
    io::write(folder / ("train_" + std::to_string(i) + ".csv"), {{"cloud", spiral(60 + 6 * i, i)}});
  io::write(folder / "validation_0.csv", {{"cloud", spiral(80, 5.5)}});
  io::write(folder / "test_0.csv", {{"cloud", spiral(70, 6.5)}});
  const std::filesystem::path manifest = folder / "spirals.toml";
  std::ofstream(manifest) << "[dataset]\nname = \"spirals\"\nfiles = [\"*.csv\"]\ninputs = [\"position\"]\n"
                             "target = \"height\"\n[split]\ntrain = [\"train_*\"]\nvalidation = [\"validation_0\"]\n"
                             "test = [\"test_0\"]\n";
  return manifest;
}

// A small network on them, on the CPU, constant learning rate.
inline Config spiral_config(const std::filesystem::path& manifest, ModelKind kind = ModelKind::ErwinNsa) {
  Config config;
  put(config, small_network(kind));
  for (const char* key : {"model.dimension", "model.input_features", "model.output_features"})
    config.assign(key, std::int64_t{0});
  config.assign("data.path", manifest.string());
  config.assign("train.device", std::string("cpu"));
  config.assign("train.threads", std::int64_t{1});
  config.assign("train.lr", 1e-2);
  config.assign("train.steps", std::int64_t{12});
  config.assign("train.validate_every", std::int64_t{5});
  return config;
}

}  // namespace erwin::test
