// The CUDA kernels against float64 and the CPU twin, in float32 and in bf16.

#include <cuda_runtime.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "tests/kernels/ball_attention/cases.h"
#include "tests/support/device_memory.h"

namespace erwin::kernels {
namespace {

using test::BallData;
using test::DeviceMemory;
using test::stored;
using test::upload;
using test::wide;

constexpr float nan = std::numeric_limits<float>::quiet_NaN();
constexpr float infinity = std::numeric_limits<float>::infinity();

// Forward and backward on the device.
template <typename T>
test::BallResult run(const BallData& data) {
  std::vector<std::unique_ptr<DeviceMemory>> arrays;
  const auto keep = [&](std::unique_ptr<DeviceMemory> array) -> const DeviceMemory& {
    arrays.push_back(std::move(array));
    return *arrays.back();
  };
  auto params =
      data.params<T>([&](const std::vector<float>& rows) { return keep(upload(stored(rows, T()))).template as<T>(); },
                     [&](const std::vector<float>& values) { return keep(upload(values)).template as<float>(); },
                     [&](const std::vector<std::uint8_t>& flags) { return keep(upload(flags)).template as<bool>(); });
  const std::size_t rows = data.query_values(), keys = data.key_values();
  const DeviceMemory out(rows * sizeof(T)), grad_q(rows * sizeof(T)), grad_k(keys * sizeof(T)),
      grad_v(keys * sizeof(T)), lse(rows / static_cast<std::size_t>(data.shape.width) * sizeof(float)),
      sigma(static_cast<std::size_t>(data.shape.heads) * sizeof(float)),
      workspace(ball_attention_backward_workspace(data.shape));
  params.out = out.as<T>();
  params.lse = lse.as<float>();
  BallAttentionGradients<T> gradients;
  gradients.grad_out = keep(upload(stored(data.grad_out, T()))).template as<T>();
  gradients.grad_q = grad_q.as<T>();
  gradients.grad_k = grad_k.as<T>();
  gradients.grad_v = grad_v.as<T>();
  if (data.what.sigma) gradients.grad_sigma = sigma.as<float>();
  EXPECT_TRUE(ball_attention_cuda_supports(data.shape));
  cudaStream_t stream = nullptr;
  EXPECT_EQ(cudaStreamCreate(&stream), cudaSuccess);
  EXPECT_EQ(ball_attention_cuda(params, stream), 0);
  EXPECT_EQ(ball_attention_backward_cuda(params, gradients, workspace.as<void>(), stream), 0);
  EXPECT_EQ(cudaStreamSynchronize(stream), cudaSuccess);
  cudaStreamDestroy(stream);
  test::BallResult result;
  result.out = wide(out.back<T>());
  result.lse = wide(lse.back<float>());
  result.grad_q = wide(grad_q.back<T>());
  result.grad_k = wide(grad_k.back<T>());
  result.grad_v = wide(grad_v.back<T>());
  if (data.what.sigma) result.grad_sigma = wide(sigma.back<float>());
  return result;
}

template <typename T>
class BallAttentionGpu : public test::KernelOnDevice<T> {};
TYPED_TEST_SUITE(BallAttentionGpu, test::KernelTypes);

TYPED_TEST(BallAttentionGpu, EqualsTheSumsInDouble) {
  for (const test::BallCase& what : test::ball_cases()) {
    SCOPED_TRACE(what.name);
    std::cout << what.name << "\n";
    const BallData data(what, this->bf16);
    const test::BallResult result = run<TypeParam>(data), expected = ball_reference(data);
    const double tolerance = what.size > 1 ? 4e-5 : 5e-6;  // logits of 100 have a rounding error of 4e-6
    this->agree("out", result.out, expected.out, tolerance, false);
    EXPECT_TRUE(test::close("lse", result.lse, expected.lse, this->bf16 ? 2e-3 : tolerance));
    this->agree("grad q", result.grad_q, expected.grad_q, tolerance, true);
    this->agree("grad k", result.grad_k, expected.grad_k, tolerance, true);
    this->agree("grad v", result.grad_v, expected.grad_v, tolerance, true);
    // In bf16 every term carries the rounding of out (8 bits, through delta), which few keys do not average away.
    EXPECT_TRUE(test::close_sigma(result.grad_sigma, expected, this->bf16 ? 8e-3 : what.size > 1 ? 1e-5 : 1e-6));
  }
}

// Many thread blocks: more than the small cases have, and heads in one part; with two or four of a KV head's query
// heads at a time.
TYPED_TEST(BallAttentionGpu, ManyBallsEqualTheSumsInDouble) {
  for (const test::BallCase& what : {test::BallCase{"heads their own", 300, 16, 8, 8, 8, 3, true, true, false, 0.2, 1},
                                     test::BallCase{"four heads", 1100, 16, 16, 1, 16, 3, true, true, false, 0.2, 1},
                                     test::BallCase{"two groups", 530, 64, 8, 2, 8, 2, true, false, true, 0.2, 1}}) {
    SCOPED_TRACE(what.name);
    const BallData data(what, this->bf16);
    const test::BallResult result = run<TypeParam>(data), expected = ball_reference(data);
    const double tolerance = this->bf16 ? 2e-2 : 5e-6;
    EXPECT_TRUE(test::close_in_norm("out", result.out, expected.out, tolerance));
    EXPECT_TRUE(test::close_in_norm("grad q", result.grad_q, expected.grad_q, tolerance));
    EXPECT_TRUE(test::close_in_norm("grad k", result.grad_k, expected.grad_k, tolerance));
    EXPECT_TRUE(test::close_in_norm("grad v", result.grad_v, expected.grad_v, tolerance));
    EXPECT_TRUE(test::close_sigma(result.grad_sigma, expected, this->bf16 ? 2e-3 : 1e-6));
  }
}

TYPED_TEST(BallAttentionGpu, TwoRunsGiveTheSameBits) {
  for (const test::BallCase& what :
       {test::BallCase{"", 9, 256, 16, 1, 16, 3, true, true}, test::BallCase{"", 40, 128, 4, 4, 32, 3, true, true},
        test::BallCase{"", 1056, 16, 16, 1, 16, 3, true, true}}) {
    const BallData data(what, this->bf16);
    const test::BallResult one = run<TypeParam>(data), two = run<TypeParam>(data);
    EXPECT_TRUE(one.out == two.out) << "out";
    EXPECT_TRUE(one.lse == two.lse) << "lse";
    EXPECT_TRUE(one.grad_q == two.grad_q) << "grad_q";
    EXPECT_TRUE(one.grad_k == two.grad_k) << "grad_k";
    EXPECT_TRUE(one.grad_v == two.grad_v) << "grad_v";
    EXPECT_TRUE(one.grad_sigma == two.grad_sigma) << "grad_sigma";
  }
}

TYPED_TEST(BallAttentionGpu, NanAndInfinitySpreadAsInSoftmax) {
  for (const int size : {16, 32, 64}) {
    SCOPED_TRACE(size);
    const auto rows = static_cast<std::size_t>(2 * size);
    BallData data({"", 2, size, 1, 1, 16, 3, true, false, false, 0, 1}, this->bf16);
    data.q[3 * 16] = nan;  // row 3 alone
    const test::BallResult one = run<TypeParam>(data);
    for (std::size_t row = 0; row < rows; ++row)
      for (std::size_t d = 0; d < 16; ++d) EXPECT_EQ(std::isnan(one.out[row * 16 + d]), row == 3);
    EXPECT_TRUE(std::isnan(one.lse[3]));
    data.q[3 * 16] = 0;
    data.k[5 * 16] = -infinity;  // a logit of +infinity or -infinity, by the sign of q, for the first ball's rows
    const test::BallResult two = run<TypeParam>(data);
    for (std::size_t row = 0; row < rows; ++row) {
      const float q = data.q[row * 16];
      EXPECT_EQ(std::isnan(two.out[row * 16]), row < rows / 2 && q <= 0) << row << " " << q;
    }
    data.k[5 * 16] = 0;
    data.v[2 * 16] = data.grad_out[2 * 16] = nan;  // the first ball's rows and gradients
    const test::BallResult three = run<TypeParam>(data);
    for (std::size_t row = 0; row < rows; ++row)
      for (const auto* values : {&three.out, &three.grad_q, &three.grad_k, &three.grad_v}) {
        const auto at = values->begin() + static_cast<std::ptrdiff_t>(row * 16);
        EXPECT_EQ(std::any_of(at, at + 16, [](auto x) { return std::isnan(x); }), row < rows / 2) << row;
      }
  }
}

}  // namespace
}  // namespace erwin::kernels
