// The CUDA kernels against float64, in float32 and in bf16.

#include "kernels/rms_norm/rms_norm.h"

#include <cuda_runtime.h>

#include <cmath>
#include <iostream>

#include "tests/support/kernel_values.h"
#include "tests/support/device_memory.h"

namespace erwin::kernels {
namespace {

struct Problem {
  std::int64_t rows;
  int width;
  std::vector<float> x, weight, grad_out;
  Problem(std::int64_t row_count, int row_width, bool bf16)
      : rows(row_count),
        width(row_width),
        x(test::random_values(static_cast<std::size_t>(rows * width), 3, 1, false)),
        weight(test::random_values(static_cast<std::size_t>(width), 1, 2, bf16)),
        grad_out(test::random_values(x.size(), 1, 3, bf16)) {}
};

constexpr double epsilon = 1.1920929e-7;

struct Result {
  std::vector<double> out, grad_x, grad_weight;
  bool operator==(const Result&) const = default;
};

Result expected_of(const Problem& problem) {
  const auto width = static_cast<std::size_t>(problem.width);
  Result result{std::vector<double>(problem.x.size()), std::vector<double>(problem.x.size()),
                std::vector<double>(width)};
  for (std::size_t first = 0; first < problem.x.size(); first += width) {
    double square = 0, slope = 0;
    const auto x = [&](std::size_t c) { return static_cast<double>(problem.x[first + c]); };
    const auto grad = [&](std::size_t c) { return static_cast<double>(problem.grad_out[first + c]); };
    for (std::size_t c = 0; c < width; ++c) square += x(c) * x(c);
    const double inverse = 1 / std::sqrt(square / static_cast<double>(width) + epsilon);
    for (std::size_t c = 0; c < width; ++c) slope += grad(c) * static_cast<double>(problem.weight[c]) * x(c);
    for (std::size_t c = 0; c < width; ++c) {
      const double weight = static_cast<double>(problem.weight[c]);
      result.out[first + c] = x(c) * inverse * weight;
      result.grad_x[first + c] =
          inverse * (grad(c) * weight - x(c) * inverse * inverse * slope / static_cast<double>(width));
      result.grad_weight[c] += grad(c) * x(c) * inverse;
    }
  }
  return result;
}

template <typename T>
Result run(const Problem& problem) {
  const auto x = test::upload(problem.x);
  const auto weight = test::upload(test::stored(problem.weight, T())),
             grad_out = test::upload(test::stored(problem.grad_out, T()));
  const test::DeviceMemory out(problem.x.size() * sizeof(T)), grad_x(problem.x.size() * sizeof(float)),
      grad_weight(problem.weight.size() * sizeof(T)), inverse(static_cast<std::size_t>(problem.rows) * sizeof(float)),
      workspace(rms_norm_backward_workspace(problem.rows, problem.width));
  const RmsNormParams<T> params{
      x->template as<float>(), weight->template as<T>(),   out.as<T>(), inverse.as<float>(), problem.rows,
      problem.width,           static_cast<float>(epsilon)};
  cudaStream_t stream = nullptr;
  EXPECT_EQ(cudaStreamCreate(&stream), cudaSuccess);
  EXPECT_EQ(rms_norm_cuda(params, stream), 0);
  EXPECT_EQ(rms_norm_backward_cuda(params, {grad_out->template as<T>(), grad_x.as<float>(), grad_weight.as<T>()},
                                   workspace.as<void>(), stream),
            0);
  EXPECT_EQ(cudaStreamSynchronize(stream), cudaSuccess);
  cudaStreamDestroy(stream);
  return {test::wide(out.back<T>()), test::wide(grad_x.back<float>()), test::wide(grad_weight.back<T>())};
}

template <typename T>
class RmsNormGpu : public testing::Test {
protected:
  static constexpr bool bf16 = std::is_same_v<T, Bf16>;
  void SetUp() override {
    if (test::no_device()) GTEST_SKIP() << "no CUDA device here";
  }
};
using Types = testing::Types<float, Bf16>;
TYPED_TEST_SUITE(RmsNormGpu, Types);

TYPED_TEST(RmsNormGpu, EqualsTheFormulaInDouble) {
  for (const int width : {4, 32, 60, 64, 128, 200, 256, 512, 1024})
    for (const std::int64_t rows : {1, 77, 40'000}) {
      if (rows * width > 8'000'000) continue;
      SCOPED_TRACE(std::to_string(rows) + " rows of " + std::to_string(width));
      const Problem problem(rows, width, this->bf16);
      const Result result = run<TypeParam>(problem), expected = expected_of(problem);
      EXPECT_TRUE(test::close("out", result.out, expected.out, this->bf16 ? 4e-3 : 1e-6));
      EXPECT_TRUE(test::close("grad x", result.grad_x, expected.grad_x, 3e-6));
      EXPECT_TRUE(test::close("grad weight", result.grad_weight, expected.grad_weight, this->bf16 ? 4e-3 : 5e-6));
    }
}

TYPED_TEST(RmsNormGpu, TwoRunsGiveTheSameBits) {
  for (const int width : {64, 256}) {
    const Problem problem(30'000, width, this->bf16);
    EXPECT_TRUE(run<TypeParam>(problem) == run<TypeParam>(problem)) << width;
  }
}

}  // namespace
}  // namespace erwin::kernels
