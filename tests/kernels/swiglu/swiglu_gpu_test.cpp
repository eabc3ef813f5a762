// The CUDA kernels against float64, in float32 and in bf16.

#include "kernels/swiglu/swiglu.h"

#include <cuda_runtime.h>

#include <cmath>
#include <limits>

#include "tests/support/kernel_values.h"
#include "tests/support/device_memory.h"

namespace erwin::kernels {
namespace {

template <typename T>
class SwigluGpu : public testing::Test {
protected:
  static constexpr bool bf16 = std::is_same_v<T, Bf16>;
  void SetUp() override {
    if (test::no_device()) GTEST_SKIP() << "no CUDA device here";
  }
};
using Types = testing::Types<float, Bf16>;
TYPED_TEST_SUITE(SwigluGpu, Types);

struct Result {
  std::vector<double> out, grad_a, grad_b;
};

template <typename T>
Result run(const std::vector<float>& a, const std::vector<float>& b, const std::vector<float>& grad_out) {
  const auto put = [](const std::vector<float>& values) { return test::upload(test::stored(values, T())); };
  const auto on_a = put(a), on_b = put(b), on_grad = put(grad_out);
  const test::DeviceMemory out(a.size() * sizeof(T)), grad_a(a.size() * sizeof(T)), grad_b(a.size() * sizeof(T));
  SwigluParams<T> params{on_a->template as<T>(), on_b->template as<T>(), out.as<T>(),
                         static_cast<std::int64_t>(a.size())};
  cudaStream_t stream = nullptr;
  EXPECT_EQ(cudaStreamCreate(&stream), cudaSuccess);
  EXPECT_EQ(swiglu_cuda(params, stream), 0);
  params.out = nullptr;
  EXPECT_EQ(swiglu_backward_cuda(params, {on_grad->template as<T>(), grad_a.as<T>(), grad_b.as<T>()}, stream), 0);
  EXPECT_EQ(cudaStreamSynchronize(stream), cudaSuccess);
  cudaStreamDestroy(stream);
  return {test::wide(out.back<T>()), test::wide(grad_a.back<T>()), test::wide(grad_b.back<T>())};
}

TYPED_TEST(SwigluGpu, EqualsTheFormulaInDouble) {
  for (const std::size_t count : {std::size_t{4}, std::size_t{1000}, std::size_t{3'000'000}}) {
    const std::vector<float> a = test::random_values(count, 3, 1, this->bf16),
                             b = test::random_values(count, 1, 2, this->bf16),
                             grad = test::random_values(count, 1, 3, this->bf16);
    const Result result = run<TypeParam>(a, b, grad);
    Result expected{std::vector<double>(count), std::vector<double>(count), std::vector<double>(count)};
    for (std::size_t i = 0; i < count; ++i) {
      const double x = static_cast<double>(a[i]), y = static_cast<double>(b[i]), g = static_cast<double>(grad[i]);
      const double gate = 1 / (1 + std::exp(-x));
      expected.out[i] = x * gate * y;
      expected.grad_a[i] = g * y * gate * (1 + x * (1 - gate));
      expected.grad_b[i] = g * x * gate;
    }
    const double tolerance = this->bf16 ? 4e-3 : 1e-6;  // bf16 results are rounded to 8 bits, and nothing before them
    EXPECT_TRUE(test::close("out", result.out, expected.out, tolerance));
    EXPECT_TRUE(test::close("grad a", result.grad_a, expected.grad_a, tolerance));
    EXPECT_TRUE(test::close("grad b", result.grad_b, expected.grad_b, tolerance));
  }
}

TYPED_TEST(SwigluGpu, LargeLogitsSaturate) {
  const Result result =
      run<TypeParam>({-200, 200, std::numeric_limits<float>::quiet_NaN(), 0}, {1, 1, 1, 1}, {1, 1, 1, 1});
  EXPECT_EQ(result.out[0], 0);
  EXPECT_EQ(result.out[1], 200);
  EXPECT_TRUE(std::isnan(result.out[2]));
  EXPECT_EQ(result.grad_a[0], 0);
  EXPECT_EQ(result.grad_a[1], 1);
  EXPECT_EQ(result.grad_a[3], 0.5);
}

}  // namespace
}  // namespace erwin::kernels
