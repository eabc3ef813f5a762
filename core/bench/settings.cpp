#include "core/bench/internal/settings.h"

#include <ATen/Context.h>

#include <algorithm>
#include <random>

#include "core/tree/knn.h"

namespace erwin::bench {

namespace {

constexpr double gigabyte = 1e9;

ModelConfig common(ModelKind kind, int inputs, int outputs, int channels, GraphConfig graph) {
  ModelConfig config;
  config.kind = kind;
  config.input_features = inputs;
  config.output_features = outputs;
  config.embedding_channels = channels;
  config.graph = graph;
  return config;
}

ModelConfig nsa(ModelConfig config, int width, int ball, double rotate) {
  config.kind = ModelKind::ErwinNsa;
  config.flat.width = width;
  config.flat.ball_size = ball;
  config.rotate_degrees = rotate;
  return config;
}

ModelConfig full(ModelConfig config, int width) {
  config.kind = ModelKind::Full;
  config.flat.width = width;
  config.flat.heads = std::max(1, width / 16);
  config.rotate_degrees = 0;
  return config;
}

void add(std::vector<Setting>& settings, const Setting& erwin, int width, int ball, double rotate) {
  settings.push_back(erwin);
  for (const ModelConfig& config : {nsa(erwin.config, width, ball, rotate), full(erwin.config, width)})
    settings.push_back({erwin.name, name_of(config.kind), config, erwin.batch, erwin.points});
}

// Neighbours along the chain, both directions; receivers ascend.
void add_chain(ModelSample& sample) {
  for (std::int32_t bead = 0; bead < static_cast<std::int32_t>(sample.points); ++bead)
    for (const std::int32_t other : {bead - 1, bead + 1}) {
      if (other < 0 || other >= static_cast<std::int32_t>(sample.points)) continue;
      sample.edge_source.push_back(other);
      sample.edge_receiver.push_back(bead);
    }
}

std::vector<float> normal_numbers(std::int64_t count, unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> number;
  std::vector<float> numbers(static_cast<std::size_t>(count));
  for (float& x : numbers) x = number(random);
  return numbers;
}

}  // namespace

std::vector<Setting> paper_settings(bool small) {
  std::vector<Setting> settings;
  Setting cosmology{"cosmology", "erwin",        common(ModelKind::Erwin, 3, 3, 32, {GraphKind::Knn, 10, false}),
                    16,          5000,           21.2,
                    66.6,        12.2 * gigabyte};
  cosmology.config.unet = {{32, 64, 128, 256}, {256, 256, 256, 256}, {2, 4, 8, 16}, {2, 2, 6, 2}, {2, 4, 8}, {2, 2, 2},
                           {2, 2, 2}};
  add(settings, cosmology, 32, 128, 45);
  Setting chains{"MD", "erwin",       common(ModelKind::Erwin, 18, 3, 16, {GraphKind::Lines, 0, false}), 32, 890, 13.7,
                 56.2, 2.9 * gigabyte};
  chains.config.graph.k = 1;  // not used: the edges are the chain's
  chains.config.unet = {{32, 64, 128, 256, 512},
                        {128, 128, 128, 64, 32},
                        {2, 4, 8, 16, 32},
                        {2, 2, 2, 6, 2},
                        {4, 4, 8, 16},
                        {2, 2, 2, 2},
                        {2, 2, 2, 2}};
  add(settings, chains, 64, 32, 45);
  Setting car{"car", "erwin",       common(ModelKind::Erwin, 3, 1, 64, {GraphKind::Knn, 8, true}), 2, 3586, 8.45,
              32.6,  2.2 * gigabyte};
  car.config.embedding = Embedding::Fourier;
  add(settings, car, 64, 512, 0);
  for (Setting& setting : settings) {
    if (!small) break;
    setting.batch = 1;
    setting.points = std::min<std::int64_t>(setting.points, 512);
  }
  return settings;
}

std::vector<Setting> curve_settings(std::int64_t points) {
  ModelConfig erwin = common(ModelKind::Erwin, 3, 1, 64, {GraphKind::Knn, 8, true});
  erwin.unet = {{64, 64}, {256, 256}, {4, 4}, {2, 2}, {4}, {2}, {2}};
  std::vector<Setting> settings;
  for (const ModelConfig& config : {erwin, nsa(erwin, 64, 256, 45), full(erwin, 64)})
    settings.push_back({"curve", name_of(config.kind), config, 1, points});
  return settings;
}

Setting car_setting() {
  ModelConfig config = nsa(common(ModelKind::ErwinNsa, 3, 1, 64, {GraphKind::Knn, 8, true}), 64, 512, 0);
  config.embedding = Embedding::Fourier;
  return {"one car", name_of(config.kind), config, 1, 3586};
}

std::vector<float> generated_positions(const ModelConfig& config, std::int64_t points, unsigned seed) {
  const auto count = static_cast<std::size_t>(points * config.dimension);
  const auto dimension = static_cast<std::size_t>(config.dimension);
  if (config.graph.kind == GraphKind::Lines) {
    std::vector<float> positions = normal_numbers(static_cast<std::int64_t>(count), seed);
    for (std::size_t i = dimension; i < count; ++i) positions[i] += positions[i - dimension];
    return positions;
  }
  std::mt19937 random(seed);
  std::uniform_real_distribution<float> coordinate(-1.7f, 1.7f);  // of deviation 1
  std::vector<float> positions(count);
  for (float& x : positions) x = coordinate(random);
  return positions;
}

void add_geometry(ModelSample& sample, const ModelConfig& config, const Job& job) {
  sample.trees = make_sample_trees(sample.positions, config, job, /*cached=*/false);
  if (config.graph.kind == GraphKind::Lines) return add_chain(sample);
  const std::vector<double> positions(sample.positions.begin(), sample.positions.end());
  KnnGraph graph = build_knn_graph(positions, config.dimension, config.graph.k, config.graph.self_loop, job);
  sample.edge_source = std::move(graph.source);
  sample.edge_receiver = std::move(graph.receiver);
}

std::vector<std::shared_ptr<const ModelSample>> generated_samples(const Setting& setting, const Job& job) {
  std::vector<std::shared_ptr<const ModelSample>> samples;
  for (unsigned seed = 0; seed < static_cast<unsigned>(setting.batch); ++seed) {
    ModelSample sample;
    sample.name = setting.name + " " + std::to_string(seed);
    sample.points = setting.points;
    sample.positions = generated_positions(setting.config, setting.points, seed);
    sample.features = setting.config.input_features == setting.config.dimension
                          ? sample.positions
                          : normal_numbers(setting.points * setting.config.input_features, seed);
    sample.targets = normal_numbers(setting.points * setting.config.output_features, seed + 1000);
    add_geometry(sample, setting.config, job);
    samples.push_back(std::make_shared<const ModelSample>(std::move(sample)));
  }
  return samples;
}

std::vector<Arithmetic> arithmetics(bool on_cpu) {
  if (on_cpu) return {{"float32", "float32"}};
  return {{"float32", "float32"}, {"tf32", "float32", true}, {"bf16", "bf16"}};
}

}  // namespace erwin::bench
