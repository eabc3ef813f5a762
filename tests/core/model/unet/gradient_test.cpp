// Oracle 28 for the U-net: central differences in float64 for every parameter, and gradients that repeat to the bit.

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/core/model/unet/erwin_fixture.h"
#include "tests/core/model/unet/random_sample.h"

namespace {

using namespace erwin;

// An uneven function of the outputs, so that no gradient vanishes by symmetry.
at::Tensor objective(const at::Tensor& output) {
  const at::Tensor weights = at::linspace(0.3, 1.7, output.numel(), output.options()).view_as(output);
  return (weights * output + output.square() * 0.5).sum();
}

at::Tensor value_of(model::Network& network, const model::Batch& batch) {
  model::ForwardContext context;
  context.training = true;
  return objective(network.forward(batch, context));
}

struct Toy {
  ModelConfig config = test::small_unet();
  std::unique_ptr<model::Network> network;
  model::Batch batch;

  explicit Toy(Embedding embedding = Embedding::Linear) {
    config.embedding = embedding;
    const std::vector<ModelSample> samples{test::random_sample(41, config, 1), test::random_sample(23, config, 2)};
    const at::TensorOptions options = at::TensorOptions().dtype(at::kDouble);
    network = model::make_network(config, 3, options);
    batch = model::make_batch(test::pointers(samples), config, options);
    const c10::AutoGradMode without_gradient(false);
    at::manual_seed(11);
    for (auto& entry : network->parameters().entries())
      if (!entry.buffer) entry.tensor.add_(at::randn_like(entry.tensor) * 0.2);
  }
};

// The derivative along `direction` from two values of the network.
double central_difference(Toy& toy, at::Tensor& tensor, const at::Tensor& direction, double step) {
  const c10::AutoGradMode without_gradient(false);
  tensor.add_(direction, step);
  const double above = value_of(*toy.network, toy.batch).item<double>();
  tensor.add_(direction, -2 * step);
  const double below = value_of(*toy.network, toy.batch).item<double>();
  tensor.add_(direction, step);
  return (above - below) / (2 * step);
}

void check_tensor(Toy& toy, const std::string& name, at::Tensor& tensor, const at::Tensor& gradient) {
  const double scale = gradient.abs().max().item<double>();
  std::vector<at::Tensor> directions{at::randn_like(tensor.detach())};
  const at::Tensor largest = at::zeros_like(tensor.detach());
  largest.view({-1}).select(0, gradient.abs().view({-1}).argmax().item<std::int64_t>()).fill_(1);
  directions.push_back(largest);
  for (const at::Tensor& direction : directions) {
    const double expected = (gradient * direction).sum().item<double>();
    const double measured = central_difference(toy, tensor, direction, 1e-5);
    EXPECT_NEAR(measured, expected, 1e-6 * std::max({1.0, scale, std::abs(expected)})) << name;
  }
}

class UnetGradients : public testing::TestWithParam<Embedding> {};

TEST_P(UnetGradients, OfEveryParameterAndTheFeaturesAreCentralDifferences) {
  Toy toy(GetParam());
  toy.batch.features.set_requires_grad(true);
  value_of(*toy.network, toy.batch).backward();
  std::size_t without = 0;
  for (auto& entry : toy.network->parameters().entries()) {
    if (entry.buffer) continue;
    ASSERT_TRUE(entry.tensor.grad().defined()) << entry.name;
    if (entry.tensor.grad().abs().max().item<double>() < 1e-12) ++without;
    check_tensor(toy, entry.name, entry.tensor, entry.tensor.grad());
  }
  // Of the pooling and unpooling layers, a bias that BatchNorm takes away again has none: the pool's is one for all
  // rows.
  EXPECT_LE(without, 1U);
  at::Tensor features = toy.batch.features.detach();
  check_tensor(toy, "features", features, toy.batch.features.grad());
}

INSTANTIATE_TEST_SUITE_P(Unet, UnetGradients, testing::Values(Embedding::Linear, Embedding::Fourier),
                         [](const auto& chosen) { return std::string(name_of(chosen.param)); });

TEST(Unet, GradientsRepeatToTheBit) {
  std::vector<at::Tensor> first;
  for (int run = 0; run < 2; ++run) {
    Toy toy;
    value_of(*toy.network, toy.batch).backward();
    std::size_t i = 0;
    for (const auto& entry : toy.network->parameters().entries()) {
      if (entry.buffer) continue;
      if (run == 0)
        first.push_back(entry.tensor.grad());
      else
        EXPECT_TRUE(at::equal(entry.tensor.grad(), first.at(i++))) << entry.name;
    }
  }
}

TEST(Unet, AFrozenSigmaGetsNoGradient) {
  ModelConfig config = test::small_unet();
  config.freeze_sigma = true;
  const at::TensorOptions options = at::TensorOptions().dtype(at::kDouble);
  auto network = model::make_network(config, 3, options);
  const std::vector<ModelSample> samples{test::random_sample(41, config, 1)};
  value_of(*network, model::make_batch(test::pointers(samples), config, options)).backward();
  for (const auto& entry : network->parameters().entries()) {
    if (entry.buffer) continue;
    EXPECT_EQ(entry.tensor.grad().defined(), !entry.name.ends_with("sigma_att")) << entry.name;
  }
}

}  // namespace
