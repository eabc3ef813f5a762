// The CUDA kernels against float64, and where that takes too long against the CPU twin, in float32 and in bf16.

#include <cuda_runtime.h>

#include <cmath>
#include <limits>

#include "tests/kernels/selected_attention/cases.h"
#include "tests/support/device_memory.h"

namespace erwin::kernels {
namespace {

using test::DeviceMemory;
using test::SelectedCase;
using test::SelectedData;
using test::SelectedResult;
using test::wide;

// Forward and backward on the device.
template <typename T>
SelectedResult run(const SelectedData& data) {
  using test::stored;
  using test::upload;
  const auto q = upload(stored(data.q, T())), k = upload(stored(data.k, T())), v = upload(stored(data.v, T())),
             grad_out = upload(stored(data.grad_out, T()));
  const auto mask = upload(data.mask);
  const auto selected = upload(data.selected);
  const std::size_t rows = data.q.size(), keys = data.k.size();
  const DeviceMemory out(rows * sizeof(T)), grad_q(rows * sizeof(T)), grad_k(keys * sizeof(T)),
      grad_v(keys * sizeof(T)), lse(rows / static_cast<std::size_t>(data.shape.width) * sizeof(float)),
      workspace(selected_attention_backward_workspace(data.shape));
  SelectedAttentionParams<T> params;
  params.shape = data.shape;
  params.q = q->template as<T>();
  params.k = k->template as<T>();
  params.v = v->template as<T>();
  params.mask = mask->template as<bool>();
  params.selected = selected->template as<std::int64_t>();
  params.selected_stride = data.stride;
  params.out = out.as<T>();
  params.lse = lse.as<float>();
  SelectedAttentionGradients<T> gradients;
  gradients.grad_out = grad_out->template as<T>();
  gradients.grad_q = grad_q.as<T>();
  gradients.grad_k = grad_k.as<T>();
  gradients.grad_v = grad_v.as<T>();
  EXPECT_TRUE(selected_attention_cuda_supports(data.shape));
  cudaStream_t stream = nullptr;
  EXPECT_EQ(cudaStreamCreate(&stream), cudaSuccess);
  EXPECT_EQ(selected_attention_cuda(params, stream), 0);
  EXPECT_EQ(selected_attention_backward_cuda(params, gradients, workspace.as<void>(), stream), 0);
  EXPECT_EQ(cudaStreamSynchronize(stream), cudaSuccess);
  cudaStreamDestroy(stream);
  return {wide(out.back<T>()), wide(lse.back<float>()), wide(grad_q.back<T>()), wide(grad_k.back<T>()),
          wide(grad_v.back<T>())};
}

// The CPU twin on the same numbers.
SelectedResult run_on_cpu(const SelectedData& data) {
  std::vector<float> out(data.q.size()), lse(data.q.size() / static_cast<std::size_t>(data.shape.width)),
      grad_q(data.q.size()), grad_k(data.k.size()), grad_v(data.k.size());
  SelectedAttentionParams<float> params;
  params.shape = data.shape;
  params.q = data.q.data();
  params.k = data.k.data();
  params.v = data.v.data();
  params.mask = reinterpret_cast<const bool*>(data.mask.data());
  params.selected = data.selected.data();
  params.selected_stride = data.stride;
  params.out = out.data();
  params.lse = lse.data();
  selected_attention_cpu(params);
  selected_attention_backward_cpu(params, {data.grad_out.data(), grad_q.data(), grad_k.data(), grad_v.data()});
  return {wide(out), wide(lse), wide(grad_q), wide(grad_k), wide(grad_v)};
}

template <typename T>
class SelectedAttentionGpu : public testing::Test {
protected:
  static constexpr bool bf16 = std::is_same_v<T, Bf16>;
  void SetUp() override {
    if (test::no_device()) GTEST_SKIP() << "no CUDA device here";
  }
  // In bf16 P and dS are rounded to 8 bits before they are multiplied, and results after.
  void expect_same(const SelectedResult& result, const SelectedResult& expected, double tolerance) {
    const auto agree = [&](const char* name, const std::vector<double>& value, const std::vector<double>& reference,
                           bool gradient) {
      EXPECT_TRUE(bf16 ? test::close_in_norm(name, value, reference, gradient ? 2e-2 : 8e-3)
                       : test::close(name, value, reference, tolerance));
    };
    agree("out", result.out, expected.out, false);
    EXPECT_TRUE(test::close("lse", result.lse, expected.lse, bf16 ? 2e-3 : tolerance));
    agree("grad q", result.grad_q, expected.grad_q, true);
    agree("grad k", result.grad_k, expected.grad_k, true);
    agree("grad v", result.grad_v, expected.grad_v, true);
  }
  void expect_same_bits(const SelectedResult& one, const SelectedResult& two) {
    EXPECT_TRUE(one.out == two.out) << "out";
    EXPECT_TRUE(one.lse == two.lse) << "lse";
    EXPECT_TRUE(one.grad_q == two.grad_q) << "grad_q";
    EXPECT_TRUE(one.grad_k == two.grad_k) << "grad_k";
    EXPECT_TRUE(one.grad_v == two.grad_v) << "grad_v";
  }
};
using Types = testing::Types<float, Bf16>;
TYPED_TEST_SUITE(SelectedAttentionGpu, Types);

TYPED_TEST(SelectedAttentionGpu, EqualsTheSumsInDouble) {
  for (const SelectedCase& what : test::selected_cases()) {
    SCOPED_TRACE(what.name);
    std::cout << what.name << "\n";
    const SelectedData data(what, this->bf16);
    this->expect_same(run<TypeParam>(data), selected_reference(data), what.size > 1 ? 4e-5 : 5e-6);
  }
}

// Lists that one thread block sorts, with keys whose lists are cut.
TYPED_TEST(SelectedAttentionGpu, TwoRunsGiveTheSameBits) {
  SelectedCase what;
  what.blocks = 300;
  what.block_size = 32;
  what.heads = 16;
  what.groups = 1;
  what.columns = 16;
  what.popular = true;
  const SelectedData data(what, this->bf16);
  const SelectedResult one = run<TypeParam>(data);
  this->expect_same_bits(one, run<TypeParam>(data));
  this->expect_same(one, run_on_cpu(data), 2e-5);
}

// About 200,003 points: lists sorted by several launches, in more than one window, and a block that 6251 others
// selected.
TYPED_TEST(SelectedAttentionGpu, ManyPoints) {
  SelectedCase what;
  what.blocks = 6252;
  what.block_size = 32;
  what.groups = 2;
  what.columns = 8;
  what.masked = 0.01;
  what.popular = true;
  const SelectedData data(what, this->bf16);
  const SelectedResult one = run<TypeParam>(data);
  this->expect_same_bits(one, run<TypeParam>(data));
  this->expect_same(one, run_on_cpu(data), 2e-5);
}

TYPED_TEST(SelectedAttentionGpu, NanAndInfinitySpreadAsInSoftmax) {
  SelectedCase what;
  what.blocks = 2;
  what.heads = what.groups = what.columns = 1;
  what.masked = 0;
  SelectedData data(what, this->bf16);
  data.selected = {1, 0};
  data.q[3 * 16] = std::numeric_limits<float>::quiet_NaN();  // row 3 alone
  const SelectedResult one = run<TypeParam>(data);
  for (std::size_t row = 0; row < 32; ++row)
    for (std::size_t d = 0; d < 16; ++d) EXPECT_EQ(std::isnan(one.out[row * 16 + d]), row == 3) << row;
  EXPECT_TRUE(std::isnan(one.lse[3]));
  data.q[3 * 16] = 0;
  data.k[20 * 16] = -std::numeric_limits<float>::infinity();  // seen by block 0: by the sign of q +-infinity
  const SelectedResult two = run<TypeParam>(data);
  for (std::size_t row = 0; row < 32; ++row) {
    const float q = data.q[row * 16];
    EXPECT_EQ(std::isnan(two.out[row * 16]), row < 16 && q <= 0) << row << " " << q;
  }
}

// The workspace stays below the bytes of q, k, v and out in bf16 at every size.
TEST(SelectedAttentionWorkspace, IsBounded) {
  for (const std::int64_t slots : {4096, 65536, 1 << 20})
    for (const int groups : {1, 4, 16})
      for (const int columns : {4, 16, 64}) {
        const SelectedShape shape{slots, 16, groups, 16, 32, columns};
        const auto whole = static_cast<std::size_t>(slots * 2 * (16 + groups) * 16 * 2);
        EXPECT_LT(selected_attention_backward_workspace(shape), whole + whole / 2)
            << slots << " " << groups << " " << columns;
      }
}

}  // namespace
}  // namespace erwin::kernels
