// The layers one by one, against their formulas.

#include "core/model/internal/primitives.h"

#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>
#include <c10/core/GradMode.h>
#include <gtest/gtest.h>

#include <cmath>

#include "core/base/error.h"
#include "core/model/internal/message_passing.h"
#include "tests/core/model/unet/erwin_fixture.h"

namespace {

using namespace erwin;
using namespace erwin::model;

struct Bench {
  Parameters parameters;
  Builder builder;
  explicit Bench(at::ScalarType type)
      : builder{parameters, at::detail::createCPUGenerator(3), at::TensorOptions().dtype(type), "layer."} {}
};

double largest(const at::Tensor& difference) {
  return difference.abs().max().item<double>();
}

TEST(Primitives, LinearWeightsStartSmallAndBiasesAtZero) {
  Bench bench(at::kFloat);
  const Linear linear(bench.builder, 300, 200);
  EXPECT_EQ(linear.weight().sizes(), (at::IntArrayRef{200, 300}));
  EXPECT_NEAR(linear.weight().std().item<double>(), 0.02, 2e-4);
  EXPECT_NEAR(linear.weight().mean().item<double>(), 0, 3e-4);
  EXPECT_EQ(largest(linear.bias()), 0);
  EXPECT_TRUE(bench.parameters.find("layer.weight") && bench.parameters.find("layer.bias"));
  EXPECT_FALSE(bench.parameters.find("weight"));
  EXPECT_THROW(Linear(bench.builder, 2, 2), Error);  // the names are taken
}

TEST(Primitives, RmsNormHasTheEpsilonOfItsType) {
  for (const auto& [type, epsilon] :
       {std::pair{at::kFloat, 1.1920928955078125e-07}, std::pair{at::kDouble, 2.220446049250313e-16},
        std::pair{at::kBFloat16, 1.1920928955078125e-07}}) {
    Bench bench(type);
    const RmsNorm norm(bench.builder, 4);
    // Small enough for the epsilon to matter: mean square 1e-8 against it.
    const at::Tensor x = at::full({1, 4}, 1e-4, at::TensorOptions().dtype(type));
    const double value = x.select(1, 0).item<double>();
    const double expected = value / std::sqrt(value * value + epsilon);
    EXPECT_NEAR(norm(x).select(1, 0).item<double>() / expected, 1.0, type == at::kBFloat16 ? 4e-3 : 1e-5);
  }
}

TEST(Primitives, SwiGluIsItsFormula) {
  Bench bench(at::kDouble);
  const SwiGlu layer(bench.builder, 3, 5);
  const c10::AutoGradMode without_gradient(false);
  for (auto& entry : bench.parameters.entries()) entry.tensor.add_(at::randn_like(entry.tensor));
  const auto get = [&](const std::string& name) { return bench.parameters.find("layer." + name)->tensor; };
  const at::Tensor x = at::randn({2500, 3}, at::kDouble);  // more than one chunk
  const at::Tensor a = x.matmul(get("w1.weight").t()) + get("w1.bias"),
                   b = x.matmul(get("w2.weight").t()) + get("w2.bias");
  const at::Tensor expected = (b * a / (1 + (-a).exp())).matmul(get("w3.weight").t()) + get("w3.bias");
  EXPECT_LT(largest(layer(x) - expected), 1e-10);
  const c10::AutoGradMode with_gradient(true);
  EXPECT_LT(largest(layer(x) - expected), 1e-10);
}

// Masked statistics are those of the real rows alone, running statistics and gradients included; junk in padding is
// unseen.
TEST(Primitives, BatchNormCountsRealRowsOnly) {
  const at::Tensor mask = at::rand({40}) < 0.6;
  const at::Tensor kept = mask.nonzero().squeeze(1);
  at::Tensor rows = at::randn({40, 5}, at::kDouble) * 3 + 1;
  rows.masked_fill_(mask.logical_not().unsqueeze(1), 1e6);
  std::vector<at::Tensor> outputs, gradients, means, variances;
  for (const bool masked : {true, false}) {
    Bench bench(at::kDouble);
    const BatchNorm1d norm(bench.builder, 5);
    const at::Tensor x = (masked ? rows : rows.index_select(0, kept)).clone().set_requires_grad(true);
    at::Tensor y;
    for (int step = 0; step < 3; ++step) y = norm(x, masked ? mask : at::Tensor(), true);
    if (masked) y = y.index_select(0, kept);
    (y * at::linspace(0, 1, y.numel(), at::kDouble).view_as(y)).sum().backward();
    outputs.push_back(y.detach());
    gradients.push_back(masked ? x.grad().index_select(0, kept) : x.grad());
    means.push_back(bench.parameters.find("layer.running_mean")->tensor);
    variances.push_back(bench.parameters.find("layer.running_var")->tensor);
    EXPECT_EQ(bench.parameters.find("layer.num_batches_tracked")->tensor.item<std::int64_t>(), 3);
    const at::Tensor evaluated = norm(x, {}, false);
    EXPECT_LT(largest(evaluated - (x - means.back()) / (variances.back() + 1e-5).sqrt()), 1e-9 * largest(evaluated));
  }
  EXPECT_LT(largest(outputs[0] - outputs[1]), 1e-10);
  EXPECT_LT(largest(gradients[0] - gradients[1]), 1e-10);
  EXPECT_LT(largest(means[0] - means[1]), 1e-12);
  EXPECT_LT(largest(variances[0] - variances[1]), 1e-12);
}

TEST(Primitives, GathersAndMeansAlongEdgesHavePlainGradients) {
  const at::Tensor source = at::randint(0, 30, {200}, at::kLong),
                   receiver = std::get<0>(at::randint(0, 30, {200}, at::kLong).sort());
  Batch batch;
  batch.features = at::zeros({30, 1}, at::kDouble);
  set_edges(batch, source, receiver);
  EXPECT_TRUE(at::equal(batch.edge_source, source));
  for (const at::ScalarType type : {at::kFloat, at::kDouble}) {
    const double tolerance = type == at::kFloat ? 1e-4 : 1e-12;
    const at::Tensor x = at::randn({30, 6}, type).set_requires_grad(true),
                     y = x.detach().clone().set_requires_grad(true);
    const at::Tensor weights = at::randn({30, 6}, type);
    const at::Tensor ours =
        mean_segments(gather_rows(x, batch.edge_source, batch.source_order, batch.source_offsets).square(),
                      batch.edge_receiver, batch.receiver_offsets);
    const at::Tensor counts = at::bincount(receiver, {}, 30).clamp_min(1).to(type).unsqueeze(1);
    const at::Tensor plain =
        at::zeros({30, 6}, type).index_add(0, receiver, y.index_select(0, source).square()) / counts;
    EXPECT_LT(largest(ours - plain), tolerance);
    (ours * weights).sum().backward();
    (plain * weights).sum().backward();
    EXPECT_LT(largest(x.grad() - y.grad()), tolerance);
  }
}

TEST(Primitives, EdgesAreSortedByReceiverAndOtherwiseKept) {
  Batch batch;
  batch.features = at::zeros({4, 1});
  set_edges(batch, at::tensor({3, 0, 2, 1, 0}, at::kLong), at::tensor({2, 0, 2, 0, 3}, at::kLong));
  EXPECT_TRUE(at::equal(batch.edge_receiver, at::tensor({0, 0, 2, 2, 3}, at::kLong)));
  EXPECT_TRUE(at::equal(batch.edge_source, at::tensor({0, 1, 3, 2, 0}, at::kLong)));
  EXPECT_TRUE(at::equal(batch.receiver_offsets, at::tensor({0, 2, 2, 4, 5}, at::kLong)));
  EXPECT_TRUE(at::equal(batch.source_order, at::tensor({0, 4, 1, 3, 2}, at::kLong)));
  EXPECT_TRUE(at::equal(batch.source_offsets, at::tensor({0, 2, 3, 4, 5}, at::kLong)));
  EXPECT_THROW(set_edges(batch, at::tensor({4}, at::kLong), at::tensor({0}, at::kLong)), Error);
}

}  // namespace
