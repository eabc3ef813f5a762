// Whole erwin-nsa networks against fixtures: trees, activations, selections, prediction, loss, every gradient.

#include <c10/core/GradMode.h>
#include <torch/csrc/autograd/autograd.h>

#include <iostream>
#include <map>
#include <set>

#include "core/model/internal/network.h"
#include "core/tree/ball_tree.h"
#include "tests/core/model/attention/attention_test.h"

namespace erwin::model::test {

namespace {

using erwin::test::Fixture;

ModelConfig config_of(const Fixture& fixture) {
  const auto json = nlohmann::json::parse(fixture.text_attribute("", "config"));
  ModelConfig config;
  config.kind = ModelKind::ErwinNsa;
  config.flat = flat_config_of(json);
  config.dimension = static_cast<int>(fixture.shape("input/positions")[1]);
  config.input_features = json.at("input_channels");
  config.output_features = static_cast<int>(fixture.shape("input/target")[1]);
  config.mp_steps = json.at("mp_steps");
  config.mlp_ratio = json.at("mlp_ratio");
  config.rotate_degrees = json.at("rotate_degrees");
  return config;
}

// A sample's part of a fixture's tree ("tree", "tree_rotated"), ids made local.
BallTreePtr stored_tree(const Fixture& fixture, const std::string& group, std::size_t sample, std::int64_t first_point,
                        std::int64_t points, const ModelConfig& config) {
  const auto offsets = list_of(fixture, group + "/slot_offsets"), point = list_of(fixture, group + "/point"),
             mask = list_of(fixture, group + "/mask");
  auto tree = std::make_shared<BallTree>();
  tree->point_count = points;
  tree->slot_count = offsets[sample + 1] - offsets[sample];
  tree->unit = config.unit();
  tree->unit_count = tree->slot_count / tree->unit;
  tree->dimension = config.dimension;
  tree->point_slot.resize(static_cast<std::size_t>(points));
  for (std::int64_t slot = 0; slot < tree->slot_count; ++slot) {
    const auto index = static_cast<std::size_t>(offsets[sample] + slot);
    tree->slot_point.push_back(static_cast<std::int32_t>(point[index] - first_point));
    tree->slot_mask.push_back(mask[index] != 0);
    if (mask[index])
      tree->point_slot[static_cast<std::size_t>(tree->slot_point.back())] = static_cast<std::int32_t>(slot);
  }
  return tree;
}

std::vector<ModelSample> stored_samples(const Fixture& fixture, const ModelConfig& config) {
  const auto offsets = list_of(fixture, "input/sample_offsets"), edges = list_of(fixture, "input/edge_index");
  const auto positions = fixture.doubles("input/positions").values, features = fixture.doubles("input/features").values;
  std::vector<ModelSample> samples;
  for (std::size_t s = 0; s + 1 < offsets.size(); ++s) {
    ModelSample sample;
    const std::int64_t first = offsets[s], last = offsets[s + 1];
    sample.name = "sample " + std::to_string(s);
    sample.points = last - first;
    const auto part = [&](const std::vector<double>& values, std::int64_t columns) {
      return std::vector<float>(values.begin() + first * columns, values.begin() + last * columns);
    };
    sample.positions = part(positions, config.dimension);
    sample.features = part(features, config.input_features);
    for (std::size_t e = 0; e < edges.size() / 2; ++e)
      if (edges[e] >= first && edges[e] < last) {
        sample.edge_source.push_back(static_cast<std::int32_t>(edges[e] - first));
        sample.edge_receiver.push_back(static_cast<std::int32_t>(edges[edges.size() / 2 + e] - first));
      }
    sample.trees.main = stored_tree(fixture, "tree", s, first, sample.points, config);
    sample.trees.rotated = {stored_tree(fixture, "tree_rotated", s, first, sample.points, config)};
    samples.push_back(std::move(sample));
  }
  return samples;
}

struct NetworkRun {
  std::unique_ptr<Network> network;
  at::Tensor features, prediction, loss;
  SelectionList selections;
  std::map<std::string, at::Tensor> activations;
  std::vector<std::int64_t> slots, rotated_slots;  // offsets
};

NetworkRun run_fixture(const Fixture& fixture, const at::TensorOptions& options, const SelectionList* prescribed,
                       bool rounded = false) {
  const auto stored_value = [&](const std::string& path) {
    const at::Tensor value = tensor_of(fixture, path);
    return rounded ? value.to(at::kBFloat16).to(at::kDouble) : value;
  };
  const ModelConfig config = config_of(fixture);
  config.check();
  NetworkRun run;
  run.network = make_network(config, 1, options);
  std::set<std::string> names;
  {
    const c10::AutoGradMode without_gradient(false);
    for (auto& entry : run.network->parameters().entries()) {
      entry.tensor.copy_(stored_value("weight/" + entry.name));
      names.insert(entry.name);
    }
  }
  const auto stored = fixture.datasets("weight");
  EXPECT_EQ(names, std::set<std::string>(stored.begin(), stored.end()));
  const auto samples = stored_samples(fixture, config);
  std::vector<const ModelSample*> pointers;
  for (const ModelSample& sample : samples) pointers.push_back(&sample);
  Batch batch = make_batch(pointers, config, options);
  // A sample keeps float32; the fixture's features are float64.
  batch.features = tensor_of(fixture, "input/features").to(batch.features.options()).requires_grad_(true);
  run.features = batch.features;
  run.slots = batch.levels[0].offsets;
  run.rotated_slots = batch.levels[0].rotated.offsets;
  if (prescribed) run.selections = *prescribed;
  ForwardContext context;
  context.training = true;
  context.selections = &run.selections;
  context.observe = [&](const std::string& module, const at::Tensor& rows) { run.activations[module] = rows.detach(); };
  run.prediction = run.network->forward(batch, context);
  const at::Tensor wide = run.prediction.to(batch.features.scalar_type());
  run.loss = (wide - tensor_of(fixture, "input/target").to(wide.options())).square().mean();
  return run;
}

class NetworkParity : public OnDevice {
protected:
  void expect_parity(at::ScalarType type, double tolerance) {
    ERWIN_SHARED_OR_SKIP(folder, "parity");
    const auto files = erwin::test::fixtures_of_kind(folder, "network");
    ASSERT_FALSE(files.empty());
    for (const auto& file : files) {
      const Fixture fixture(file);
      NetworkRun run = run_fixture(fixture, options(type), nullptr);
      double worst = 0;
      const auto expect = [&](const std::string& path, const at::Tensor& value) {
        const at::Tensor expected = tensor_of(fixture, path);
        EXPECT_TRUE(close(value, expected, tolerance)) << file.filename() << " " << path;
        worst = std::max(worst, largest_error(value, expected));
      };
      expect_selections(fixture, run);
      for (const std::string& module : fixture.datasets("output/after")) {
        ASSERT_TRUE(run.activations.count(module)) << module;
        expect("output/after/" + module, run.activations[module]);
      }
      expect("output/prediction", run.prediction);
      expect("output/loss", run.loss);
      const auto gradients = gradients_of(run);
      for (const auto& [name, gradient] : gradients) expect("grad/" + name, gradient);
      EXPECT_EQ(gradients.size(), fixture.datasets("grad").size());
      std::cout << "  " << file.filename().string() << ": largest relative difference " << worst << "\n";
    }
  }

  static std::map<std::string, at::Tensor> gradients_of(const NetworkRun& run) {
    std::vector<at::Tensor> inputs{run.features};
    for (const auto& entry : run.network->parameters().entries()) inputs.push_back(entry.tensor);
    const auto gradients = torch::autograd::grad({run.loss}, inputs);
    std::map<std::string, at::Tensor> named{{"features", gradients[0]}};
    for (std::size_t i = 1; i < inputs.size(); ++i)
      named[run.network->parameters().entries()[i - 1].name] = gradients[i];
    return named;
  }

  static void expect_selections(const Fixture& fixture, const NetworkRun& run) {
    const ModelConfig config = config_of(fixture);
    ASSERT_EQ(run.selections.layers.size(), fixture.children("output/selection").size());
    for (std::size_t layer = 0; layer < run.selections.layers.size(); ++layer) {
      const std::string group = "output/selection/" + std::to_string(layer);
      std::vector<std::int64_t> blocks = layer % 2 ? run.rotated_slots : run.slots;
      for (std::int64_t& offset : blocks) offset /= config.flat.block_size;
      EXPECT_TRUE(at::equal(selection_as_stored(run.selections.layers[layer], blocks,
                                                integers_of(fixture, group + "/key"), config.flat.selected_blocks),
                            integers_of(fixture, group + "/blocks")))
          << fixture.file().filename() << " selection of layer " << layer;
    }
  }
};

TEST_P(NetworkParity, parity_float64) {
  expect_parity(at::kDouble, 1e-10);
}
TEST_P(NetworkParity, parity_float32) {
  expect_parity(at::kFloat, 5e-5);
}

// The prediction against the fixture; the gradient, all arrays as one vector, against the float32 run with the same
// rounded weights (section 7). All with the selection of the float32 run. Single arrays differ by more: the first layer
// of mlp compression by up to a sixth, since its ReLU turns on rounded keys.
TEST_P(NetworkParity, parity_bf16) {
  ERWIN_SHARED_OR_SKIP(folder, "parity");
  for (const auto& file : erwin::test::fixtures_of_kind(folder, "network")) {
    const Fixture fixture(file);
    NetworkRun first = run_fixture(fixture, options(at::kFloat), nullptr);
    first.selections.prescribed = true;
    const NetworkRun wide = run_fixture(fixture, options(at::kFloat), &first.selections, true);
    const NetworkRun run = run_fixture(fixture, options(at::kBFloat16), &first.selections);
    EXPECT_TRUE(close_in_norm(run.prediction, tensor_of(fixture, "output/prediction"), 2e-2)) << file;
    const auto same_numbers = gradients_of(wide);
    std::vector<at::Tensor> ours, expected;
    for (const auto& [name, gradient] : gradients_of(run)) {
      ours.push_back(gradient.flatten().to(at::kDouble));
      expected.push_back(same_numbers.at(name).flatten().to(at::kDouble));
    }
    EXPECT_TRUE(close_in_norm(at::cat(ours), at::cat(expected), 5e-2)) << file;
  }
}

ON_ALL_DEVICES(NetworkParity);

// The fixtures' trees are those that we build.
TEST(NetworkTrees, parity_own_trees) {
  ERWIN_SHARED_OR_SKIP(folder, "parity");
  for (const auto& file : erwin::test::fixtures_of_kind(folder, "network")) {
    const Fixture fixture(file);
    const ModelConfig config = config_of(fixture);
    for (const ModelSample& sample : stored_samples(fixture, config)) {
      const std::vector<double> positions(sample.positions.begin(), sample.positions.end());
      const TreeOptions options{config.unit(), Padding::Masked, false};
      const BallTree main = build_ball_tree(positions, config.dimension, options);
      const BallTree rotated = build_ball_tree(rotate_positions(positions, config.dimension, config.rotate_degrees),
                                               config.dimension, options);
      EXPECT_EQ(main.slot_point, sample.trees.main->slot_point) << file << " " << sample.name;
      EXPECT_EQ(main.slot_mask, sample.trees.main->slot_mask);
      EXPECT_EQ(rotated.slot_point, sample.trees.rotated[0]->slot_point);
      EXPECT_EQ(rotated.slot_mask, sample.trees.rotated[0]->slot_mask);
    }
  }
}

}  // namespace

}  // namespace erwin::model::test
