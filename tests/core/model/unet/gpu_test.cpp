// What the fixtures do not hold of the U-net on a CUDA device: masked padding, determinism, running out of memory.

#include <ATen/ATen.h>
#include <ATen/detail/CUDAHooksInterface.h>
#include <gtest/gtest.h>

#include "core/base/error.h"
#include "core/model/internal/torch_errors.h"
#include "core/model/model.h"
#include "tests/core/model/unet/erwin_fixture.h"
#include "tests/core/model/unet/random_sample.h"

#define ERWIN_CUDA_OR_SKIP() \
  if (!at::detail::getCUDAHooks().hasCUDA()) GTEST_SKIP() << "there is no CUDA device on this machine"

namespace {

using namespace erwin;

struct Answer {
  at::Tensor output;
  std::vector<at::Tensor> gradients;
};

// A training step's output and gradients on a masked batch of three samples.
Answer training_step(const at::TensorOptions& options) {
  const ModelConfig config = test::small_unet();
  const std::vector<ModelSample> samples{test::random_sample(153, config, 1), test::random_sample(9, config, 2),
                                         test::random_sample(400, config, 3)};
  auto network = model::make_network(config, 5, options);
  test::randomise(*network, 0.2);
  const model::Batch batch = model::make_batch(test::pointers(samples), config, options);
  model::ForwardContext context;
  context.training = true;
  Answer answer{network->forward(batch, context), {}};
  (answer.output.square() *
   at::linspace(0.5, 1.5, answer.output.numel(), answer.output.options()).view_as(answer.output))
      .mean()
      .backward();
  for (const auto& entry : network->parameters().entries())
    if (!entry.buffer) answer.gradients.push_back(entry.tensor.grad());
  return answer;
}

void expect_close(const Answer& value, const Answer& reference, double tolerance) {
  const test::Difference output = test::difference(value.output, reference.output);
  EXPECT_LE(output.error, tolerance * output.scale);
  ASSERT_EQ(value.gradients.size(), reference.gradients.size());
  for (std::size_t i = 0; i < value.gradients.size(); ++i) {
    const test::Difference gradient = test::difference(value.gradients[i], reference.gradients[i]);
    // Some gradients are zero in exact arithmetic (a bias in front of BatchNorm).
    EXPECT_LE(gradient.error, tolerance * std::max(gradient.scale, 1e-2)) << i;
  }
}

TEST(Unet_cuda, MaskedTrainingStepsAreThoseOfTheCpu) {
  ERWIN_CUDA_OR_SKIP();
  for (const auto& [type, tolerance] : {std::pair{at::kDouble, 1e-10}, std::pair{at::kFloat, 1e-3}}) {
    const at::TensorOptions options = at::TensorOptions().dtype(type);
    expect_close(training_step(options.device(at::kCUDA)), training_step(options), tolerance);
  }
}

TEST(Unet_cuda, TrainingStepsRepeatToTheBit) {
  ERWIN_CUDA_OR_SKIP();
  const at::TensorOptions options = at::TensorOptions().dtype(at::kFloat).device(at::kCUDA);
  const Answer first = training_step(options);
  for (int run = 0; run < 3; ++run) {
    const Answer again = training_step(options);
    EXPECT_TRUE(at::equal(again.output, first.output));
    for (std::size_t i = 0; i < first.gradients.size(); ++i)
      EXPECT_TRUE(at::equal(again.gradients[i], first.gradients[i])) << i;
  }
}

TEST(Unet_cuda, PredictionsOfTheModelAreThoseOfTheCpu) {
  ERWIN_CUDA_OR_SKIP();
  const ModelConfig config = test::small_unet();
  const ModelSample sample = test::random_sample(500, config, 1);
  const std::vector<float> reference = Model(config, 3).predict(sample).values;
  double scale = 0;
  for (const float value : reference) scale = std::max(scale, std::abs(static_cast<double>(value)));
  for (const auto& [precision, tolerance] : {std::pair{Precision::Float32, 5e-5}, std::pair{Precision::Float64, 5e-5},
                                             std::pair{Precision::BFloat16, 3e-2}}) {
    const std::vector<float> values = Model(config, 3, "cuda", precision).predict(sample).values;
    ASSERT_EQ(values.size(), reference.size());
    for (std::size_t i = 0; i < values.size(); ++i)
      EXPECT_NEAR(static_cast<double>(values[i]), static_cast<double>(reference[i]), tolerance * scale)
          << name_of(precision);
  }
}

TEST(Unet_cuda, DevicesHaveNamesAndMemory) {
  ERWIN_CUDA_OR_SKIP();
  const auto devices = find_devices();
  ASSERT_GE(devices.size(), 2U);
  EXPECT_EQ(devices[1].id, "cuda:0");
  EXPECT_NE(devices[1].name, "CUDA device");
  EXPECT_GT(devices[1].memory_bytes, std::uint64_t{1} << 30);
  EXPECT_NE(torch_cuda_version(), "none");
}

TEST(Unet_cuda, TheDeviceGoesOnAfterRunningOutOfMemory) {
  ERWIN_CUDA_OR_SKIP();
  const ModelConfig config = test::small_unet();
  const ModelSample sample = test::random_sample(500, config, 1);
  const Model model(config, 3, "cuda");
  const std::vector<float> before = model.predict(sample).values;
  try {
    model::translating_torch_errors("a test",
                                    [] { at::zeros({std::int64_t{1} << 42}, at::TensorOptions().device(at::kCUDA)); });
    FAIL() << "4 TiB were allocated";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::DeviceMemory) << error.what();
  }
  EXPECT_EQ(model.predict(sample).values, before);
}

}  // namespace
