#include "tests/core/model/unet/erwin_fixture.h"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <stdexcept>

namespace erwin::test {

namespace {

std::vector<float> floats(const Fixture& fixture, const std::string& path, std::int64_t first, std::int64_t last) {
  const FixtureArray<double> array = fixture.doubles(path);
  const std::int64_t columns = array.shape.at(1);
  return {array.values.begin() + first * columns, array.values.begin() + last * columns};
}

std::shared_ptr<BallTree> tree_of_permutation(const std::vector<std::int64_t>& slots, std::int64_t offset,
                                              int dimension) {
  auto tree = std::make_shared<BallTree>();
  tree->dimension = dimension;
  tree->point_count = tree->slot_count = static_cast<std::int64_t>(slots.size());
  tree->slot_mask.assign(slots.size(), 1);
  tree->point_slot.resize(slots.size());
  for (std::size_t slot = 0; slot < slots.size(); ++slot) {
    tree->slot_point.push_back(static_cast<std::int32_t>(slots[slot] - offset));
    tree->point_slot.at(static_cast<std::size_t>(slots[slot] - offset)) = static_cast<std::int32_t>(slot);
  }
  return tree;
}

ModelSample sample_from(const Fixture& fixture, const ModelConfig& config, const SamplePaths& paths,
                        const SampleRange& range) {
  ModelSample sample;
  sample.name = fixture.file().filename().string();
  sample.points = range.last_point - range.first_point;
  sample.positions = floats(fixture, paths.positions, range.first_point, range.last_point);
  sample.features = floats(fixture, paths.features, range.first_point, range.last_point);
  const FixtureArray<std::int64_t> edges = fixture.integers(paths.edges);
  const std::size_t count = edges.values.size() / 2;
  for (std::size_t e = 0; e < count; ++e) {
    if (edges.values[e] < range.first_point || edges.values[e] >= range.last_point) continue;
    sample.edge_source.push_back(static_cast<std::int32_t>(edges.values[e] - range.first_point));
    sample.edge_receiver.push_back(static_cast<std::int32_t>(edges.values[count + e] - range.first_point));
  }
  const auto index = fixture.integers(paths.tree).values;
  const auto mask = fixture.bools(paths.mask).values;
  auto tree = std::make_shared<BallTree>();
  tree->dimension = config.dimension;
  tree->unit = config.unit();
  tree->point_count = sample.points;
  tree->slot_count = range.last_slot - range.first_slot;
  tree->point_slot.resize(static_cast<std::size_t>(sample.points));
  for (std::int64_t slot = range.first_slot; slot < range.last_slot; ++slot) {
    const std::int64_t point = index[static_cast<std::size_t>(slot)] - range.first_point;
    tree->slot_point.push_back(static_cast<std::int32_t>(point));
    tree->slot_mask.push_back(mask[static_cast<std::size_t>(slot)]);
    if (mask[static_cast<std::size_t>(slot)])
      tree->point_slot.at(static_cast<std::size_t>(point)) = static_cast<std::int32_t>(slot - range.first_slot);
  }
  sample.trees.main = tree;
  std::int64_t pooled = 1;
  for (std::size_t l = 0; config.rotate_degrees > 0 && l < config.unet.widths.size(); ++l) {
    const auto all = fixture.integers(paths.rotated_prefix + std::to_string(l)).values;
    const std::vector<std::int64_t> own(all.begin() + range.first_slot / pooled,
                                        all.begin() + range.last_slot / pooled);
    sample.trees.rotated.push_back(tree_of_permutation(own, range.first_slot / pooled, config.dimension));
    if (l < config.unet.strides.size()) pooled *= config.unet.strides[l];
  }
  return sample;
}

}  // namespace

ModelConfig erwin_config(const Fixture& fixture) {
  const auto json = nlohmann::json::parse(fixture.text_attribute("", "config"));
  ModelConfig config;
  config.kind = ModelKind::Erwin;
  config.wrapper = false;
  config.padding = Padding::Duplicate;
  config.dimension = json.at("dimensionality");
  config.input_features = config.embedding_channels = json.at("c_in");
  config.mp_steps = json.at("mp_steps");
  config.mlp_ratio = json.at("mlp_ratio");
  config.rotate_degrees = json.at("rotate");
  config.unet.widths = json.at("c_hidden").get<std::vector<int>>();
  config.unet.ball_sizes = json.at("ball_sizes").get<std::vector<int>>();
  config.unet.encoder_heads = json.at("enc_num_heads").get<std::vector<int>>();
  config.unet.encoder_depths = json.at("enc_depths").get<std::vector<int>>();
  config.unet.decoder_heads = json.at("dec_num_heads").get<std::vector<int>>();
  config.unet.decoder_depths = json.at("dec_depths").get<std::vector<int>>();
  config.unet.strides = json.at("strides").get<std::vector<int>>();
  config.output_features = config.unet.widths.front();
  config.check();
  return config;
}

at::Tensor tensor_from(const Fixture& fixture, const std::string& dataset, const at::TensorOptions& options) {
  FixtureArray<double> array = fixture.doubles(dataset);
  return at::from_blob(array.values.data(), array.shape, at::TensorOptions().dtype(at::kDouble))
      .to(options.device(), c10::typeMetaToScalarType(options.dtype()), false, /*copy=*/true);
}

std::vector<ModelSample> erwin_samples(const Fixture& fixture, const ModelConfig& config) {
  const std::vector<std::int64_t> batch = fixture.integers("input/batch").values;
  const std::vector<std::int64_t> tree = fixture.integers("tree/idx").values;
  const SamplePaths paths{"input/positions", "input/features", "input/edge_index",
                          "tree/idx",        "tree/mask",      "tree/idx_rotated_"};
  std::vector<ModelSample> samples;
  std::int64_t slot = 0;
  for (std::int64_t first = 0; first < static_cast<std::int64_t>(batch.size());) {
    const std::int64_t id = batch[static_cast<std::size_t>(first)];
    const std::int64_t last = std::upper_bound(batch.begin(), batch.end(), id) - batch.begin();
    const std::int64_t first_slot = slot;
    while (slot < static_cast<std::int64_t>(tree.size()) && tree[static_cast<std::size_t>(slot)] < last) ++slot;
    samples.push_back(sample_from(fixture, config, paths, {first, last, first_slot, slot}));
    first = last;
  }
  return samples;
}

ModelSample curve_sample(const Fixture& fixture, const ModelConfig& config, std::int64_t cloud) {
  const std::string root = "cloud/" + std::to_string(cloud) + "/";
  const SamplePaths paths{root + "positions", root + "features",  root + "edge_index",
                          root + "tree_idx",  root + "tree_mask", root + "tree_idx_rotated_"};
  return sample_from(fixture, config, paths,
                     {0, fixture.shape(paths.positions).at(0), 0, fixture.shape(paths.tree).at(0)});
}

std::unique_ptr<model::Network> erwin_network(const Fixture& fixture, const ModelConfig& config,
                                              const at::TensorOptions& options) {
  auto network = model::make_network(config, 1, options);
  std::vector<std::string> wanted = fixture.datasets("state"), present;
  for (const auto& entry : network->parameters().entries()) present.push_back(entry.name);
  std::sort(wanted.begin(), wanted.end());
  std::sort(present.begin(), present.end());
  if (wanted != present)
    throw std::runtime_error("the network's names are not those of the state in " + fixture.file().string());
  const c10::AutoGradMode without_gradient(false);
  for (auto& entry : network->parameters().entries()) {
    const at::Tensor value = tensor_from(fixture, "state/" + entry.name, at::TensorOptions().dtype(at::kDouble));
    if (value.sizes() != entry.tensor.sizes()) throw std::runtime_error("shape of " + entry.name);
    entry.tensor.copy_(value);
  }
  return network;
}

Difference difference(const at::Tensor& value, const at::Tensor& reference) {
  const at::Tensor a = value.detach().to(at::kCPU, at::kDouble), b = reference.detach().to(at::kCPU, at::kDouble);
  if (a.sizes() != b.sizes()) throw std::runtime_error("arrays of different shapes are compared");
  if (a.numel() == 0) return {};
  const double error = (a - b).abs().max().item<double>();
  return {error, b.abs().max().item<double>()};
}

std::vector<const ModelSample*> pointers(const std::vector<ModelSample>& samples) {
  std::vector<const ModelSample*> result;
  for (const ModelSample& sample : samples) result.push_back(&sample);
  return result;
}

}  // namespace erwin::test
