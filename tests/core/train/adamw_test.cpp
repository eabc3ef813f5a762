#include "core/train/internal/adamw.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>

namespace erwin::train {
namespace {

// Three steps of torch.optim.AdamW (2.11, float64) on the gradients of i * |p|^2; q is never reached by the loss.
TEST(AdamW, StepsAsPyTorchDoes) {
  at::Tensor p = at::tensor({1.0, -2.0, 0.5}, at::kDouble).set_requires_grad(true);
  at::Tensor q = at::tensor({3.0}, at::kDouble).set_requires_grad(true);
  AdamW optimiser({{"p", p}, {"q", q}}, {.weight_decay = 0.2, .beta1 = 0.8, .beta2 = 0.9, .eps = 1e-3});
  for (int i = 1; i <= 3; ++i) {
    optimiser.zero_gradients();
    p.square().sum().mul(i).backward();
    optimiser.set_learning_rate(0.1);
    optimiser.step();
  }
  const double wanted[] = {0.6507555046008333, -1.5931603620369055, 0.17804965495185893};
  for (int i = 0; i < 3; ++i) EXPECT_NEAR(p.detach()[i].item<double>(), wanted[i], 1e-14);
  EXPECT_EQ(q.detach()[0].item<double>(), 3.0) << "without a gradient not even decay applies";
}

TEST(AdamW, NormOfAllGradients) {
  at::Tensor p = at::tensor({3.0f, 0.0f}).set_requires_grad(true), q = at::tensor({4.0f}).set_requires_grad(true);
  AdamW optimiser({{"p", p}, {"q", q}}, {});
  EXPECT_FALSE(optimiser.gradient_norm().defined());
  (p.sum() * 0 + p[0] * 3 + q[0] * 4).backward();
  EXPECT_DOUBLE_EQ(optimiser.gradient_norm().item<double>(), 5);
  (p.sum() * std::nan("")).backward();
  EXPECT_TRUE(std::isnan(optimiser.gradient_norm().item<double>()));
}

// A divisor of 2 is a gradient half as large; skipping leaves values, averages and counts as they were.
TEST(AdamW, DividesAndSkips) {
  at::Tensor p = at::tensor({1.0f, -2.0f}).set_requires_grad(true),
             q = at::tensor({1.0f, -2.0f}).set_requires_grad(true);
  AdamW halved({{"p", p}}, {.eps = 1e-2}), half({{"q", q}}, {.eps = 1e-2});
  halved.set_learning_rate(0.1);
  half.set_learning_rate(0.1);
  for (int i = 0; i < 3; ++i) {
    halved.zero_gradients();
    half.zero_gradients();
    p.square().sum().backward();
    q.square().sum().mul(0.5).backward();
    halved.step(at::scalar_tensor(2.0f));
    half.step();
  }
  EXPECT_TRUE(at::allclose(p.detach(), q.detach(), 1e-6, 0));
  const at::Tensor before = p.detach().clone(), mean = halved.states()[0].mean.clone();
  (p.sum() * std::nan("")).backward();
  halved.step({}, at::scalar_tensor(1.0f));
  EXPECT_TRUE(at::equal(p.detach(), before));
  EXPECT_TRUE(at::equal(halved.states()[0].mean, mean));
  EXPECT_EQ(halved.states()[0].updates.item<float>(), 3);
}

// A step of 1e-3 of a value is below bf16's resolution of 2^-8: without the float32 copy nothing would move.
TEST(AdamW, NarrowParametersKeepSmallSteps) {
  at::Tensor p = at::tensor({1.0f}).to(at::kBFloat16).set_requires_grad(true);
  AdamW optimiser({{"p", p}}, {.weight_decay = 0});
  for (int i = 0; i < 20; ++i) {
    optimiser.zero_gradients();
    p.sum().backward();
    optimiser.set_learning_rate(1e-3);
    optimiser.step();
  }
  EXPECT_NEAR(p.detach().item<double>(), 0.98, 0.004);
}

}  // namespace
}  // namespace erwin::train
