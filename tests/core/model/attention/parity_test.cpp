// Three-branch attention against fixtures made by a slow program from the method's text.

#include <c10/core/GradMode.h>
#include <torch/csrc/autograd/autograd.h>

#include <iostream>
#include <set>

#include "core/model/internal/attention_ops_dense.h"
#include "tests/core/model/attention/attention_test.h"

namespace erwin::model::test {

namespace {

using erwin::test::Fixture;

// A layer with a fixture's weights, run on the fixture's input.
struct LayerRun {
  SlotGeometry geometry;
  std::vector<std::pair<std::string, at::Tensor>> weights;
  at::Tensor u, out, loss;
  NsaTrace trace;
};

LayerRun run_fixture(const Fixture& fixture, const FlatConfig& config, const at::TensorOptions& options,
                     const at::Tensor& prescribed, bool rounded = false) {
  const auto stored = [&](const std::string& path) {
    const at::Tensor value = tensor_of(fixture, path);
    return rounded ? value.to(at::kBFloat16).to(at::kDouble) : value;
  };
  LayerRun run;
  const auto type = c10::typeMetaToScalarType(options.dtype());
  Slots slots{tensor_of(fixture, "input/positions"), integers_of(fixture, "input/mask").to(at::kBool),
              list_of(fixture, "input/slot_offsets")};
  run.geometry = geometry_of(slots, config, options);
  Parameters parameters;
  const NsaAttention attention(Builder{parameters, at::detail::createCPUGenerator(1), options, ""}, config,
                               slots.positions.size(1), false);
  std::set<std::string> names;
  {
    const c10::NoGradGuard no_gradient;
    for (auto& entry : parameters.entries()) {
      const at::Tensor value = stored("weight/" + entry.name);
      EXPECT_EQ(value.sizes(), entry.tensor.sizes()) << entry.name;
      entry.tensor.copy_(value);
      names.insert(entry.name);
      run.weights.emplace_back(entry.name, entry.tensor);
    }
  }
  for (const std::string& name : fixture.datasets("weight"))
    EXPECT_TRUE(names.count(name)) << name << " is not a weight of ours";
  run.u = stored("input/u").to(options.device(), type).requires_grad_(true);
  run.out = attention.forward(run.u, run.geometry, prescribed, nullptr, &run.trace);
  const at::Tensor wide = run.out.to(softmax_type(run.out));
  const at::Tensor target = tensor_of(fixture, "input/target").to(wide.options());
  const at::Tensor real = run.geometry.mask.unsqueeze(1).to(wide.scalar_type());
  run.loss = ((wide - target).square() * real).sum() / (real.sum() * target.size(1));
  return run;
}

at::Tensor scores_as_stored(const LayerRun& run, const at::Tensor& key, std::int64_t columns) {
  const at::Tensor rows = at::full({key.size(0), columns}, std::numeric_limits<double>::quiet_NaN(), at::kDouble);
  for (std::int64_t r = 0; r < key.size(0); ++r) {
    const auto s = static_cast<std::size_t>(key[r][0].item<std::int64_t>());
    const std::int64_t first = run.geometry.block_offsets[s], count = run.geometry.block_offsets[s + 1] - first;
    rows[r]
        .narrow(0, 0, count)
        .copy_(block_scores(run.trace.mean_query, run.trace.blocks.k, first + key[r][1].item<std::int64_t>(), 1, first,
                            count)
                   .select(0, 0)
                   .select(0, key[r][2].item<std::int64_t>()));
  }
  return rows;
}

class NsaParity : public OnDevice {};

void expect_agreement(const Fixture& fixture, LayerRun& run, double tolerance) {
  const at::Tensor real = run.geometry.mask.cpu().unsqueeze(1);
  const auto on_real = [&](const at::Tensor& value) {
    const at::Tensor host = value.detach().to(at::kCPU, at::kDouble).clone();
    return host.masked_fill_(real.view({-1, 1, 1}).expand(host.sizes()).logical_not(), 0.0);
  };
  double worst = 0;
  const auto expect = [&](const std::string& path, const at::Tensor& value, const at::Tensor& expected) {
    EXPECT_TRUE(close(value, expected, tolerance)) << fixture.file().filename() << " " << path;
    worst = std::max(worst, largest_error(value, expected));
  };
  expect("o_compressed", on_real(run.trace.compressed.out), on_real(tensor_of(fixture, "output/o_compressed")));
  expect("o_selected", on_real(run.trace.selected.out), on_real(tensor_of(fixture, "output/o_selected")));
  expect("o_local", on_real(run.trace.local.out), on_real(tensor_of(fixture, "output/o_local")));
  expect("gate", run.trace.gate, tensor_of(fixture, "output/gate"));
  expect("out", run.out.masked_fill(run.geometry.mask.logical_not().unsqueeze(1), 0.0),
         tensor_of(fixture, "output/out").masked_fill(real.logical_not(), 0.0));
  expect("loss", run.loss, tensor_of(fixture, "output/loss"));
  std::vector<at::Tensor> inputs{run.u};
  for (const auto& [name, tensor] : run.weights) inputs.push_back(tensor);
  const auto gradients = torch::autograd::grad({run.loss}, inputs);
  expect("grad/u", gradients[0], tensor_of(fixture, "grad/u"));
  for (std::size_t i = 0; i < run.weights.size(); ++i)
    expect("grad/" + run.weights[i].first, gradients[i + 1], tensor_of(fixture, "grad/" + run.weights[i].first));
  std::cout << "  " << fixture.file().filename().string() << ": largest relative difference " << worst << "\n";
}

void expect_wide_parity(const std::filesystem::path& folder, const at::TensorOptions& options, double tolerance) {
  const auto files = erwin::test::fixtures_of_kind(folder, "nsa");
  ASSERT_FALSE(files.empty());
  for (const auto& file : files) {
    const Fixture fixture(file);
    const FlatConfig config = flat_config_of(nlohmann::json::parse(fixture.text_attribute("", "config")));
    LayerRun run = run_fixture(fixture, config, options, {});
    const at::Tensor key = integers_of(fixture, "output/selection_key");
    EXPECT_TRUE(
        at::equal(selection_as_stored(run.trace.selection.ids, run.geometry.block_offsets, key, config.selected_blocks),
                  integers_of(fixture, "output/selected_blocks")))
        << file << " selected_blocks";
    const at::Tensor scores = tensor_of(fixture, "output/block_scores");
    const at::Tensor ours = scores_as_stored(run, key, scores.size(1));
    EXPECT_TRUE(at::equal(ours.isnan(), scores.isnan())) << file;
    EXPECT_TRUE(close(ours.nan_to_num(0.0), scores.nan_to_num(0.0), tolerance)) << file << " block_scores";
    expect_agreement(fixture, run, tolerance);
  }
}

TEST_P(NsaParity, parity_float64) {
  ERWIN_SHARED_OR_SKIP(folder, "parity");
  expect_wide_parity(folder, options(at::kDouble), 1e-10);
}

TEST_P(NsaParity, parity_float32) {
  ERWIN_SHARED_OR_SKIP(folder, "parity");
  expect_wide_parity(folder, options(at::kFloat), 5e-5);
}

std::vector<at::Tensor> gradients_of(const LayerRun& run) {
  std::vector<at::Tensor> inputs{run.u};
  for (const auto& [name, tensor] : run.weights) inputs.push_back(tensor);
  return torch::autograd::grad({run.loss}, inputs);
}

// Outputs against the fixture; each gradient against the float32 run on the same rounded numbers (section 7). All with
// the selection of the float32 run.
TEST_P(NsaParity, parity_bf16) {
  ERWIN_SHARED_OR_SKIP(folder, "parity");
  for (const auto& file : erwin::test::fixtures_of_kind(folder, "nsa")) {
    const Fixture fixture(file);
    const FlatConfig config = flat_config_of(nlohmann::json::parse(fixture.text_attribute("", "config")));
    const LayerRun first = run_fixture(fixture, config, options(at::kFloat), {});
    const at::Tensor selection = first.trace.selection.ids.narrow(2, 0, first.trace.selection.columns);
    const LayerRun wide = run_fixture(fixture, config, options(at::kFloat), selection, true);
    const LayerRun run = run_fixture(fixture, config, options(at::kBFloat16), selection);
    const at::Tensor padding = run.geometry.mask.cpu().logical_not().unsqueeze(1);
    EXPECT_TRUE(close_in_norm(run.out.cpu().masked_fill(padding, 0.0),
                              tensor_of(fixture, "output/out").masked_fill(padding, 0.0), 2e-2))
        << file;
    EXPECT_TRUE(close_in_norm(run.trace.compressed.out, tensor_of(fixture, "output/o_compressed"), 2e-2)) << file;
    EXPECT_TRUE(close_in_norm(run.trace.selected.out, tensor_of(fixture, "output/o_selected"), 2e-2)) << file;
    EXPECT_TRUE(close_in_norm(run.trace.local.out, tensor_of(fixture, "output/o_local"), 2e-2)) << file;
    const auto gradients = gradients_of(run), same_numbers = gradients_of(wide);
    for (std::size_t i = 0; i < gradients.size(); ++i)
      EXPECT_TRUE(close_in_norm(gradients[i], same_numbers[i], 5e-2))
          << file << " grad/" << (i == 0 ? "u" : run.weights[i - 1].first);
  }
}

ON_ALL_DEVICES(NsaParity);

}  // namespace

}  // namespace erwin::model::test
