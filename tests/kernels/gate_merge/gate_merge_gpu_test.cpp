// The CUDA kernels against float64, in float32 and in bf16.

#include <cuda_runtime.h>

#include <iostream>

#include "tests/kernels/gate_merge/cases.h"
#include "tests/support/device_memory.h"
#include "tests/support/kernel_values.h"

namespace erwin::kernels {
namespace {

using test::DeviceMemory;
using test::MergeCase;
using test::MergeData;
using test::MergeResult;

// Forward and backward on the device.
template <typename T>
MergeResult run(const MergeData& data) {
  const auto put = [](const std::vector<double>& values) {
    return test::upload(test::stored(test::narrow(values), T()));
  };
  const auto logits = put(data.logits), coarse = put(data.coarse), selected = put(data.selected),
             local = put(data.local), grad_out = put(data.grad_out);
  const auto mask = test::upload(data.mask);
  const std::size_t rows = data.selected.size() * sizeof(T);
  const DeviceMemory out(rows), grad_selected(rows), grad_local(rows), grad_logits(data.logits.size() * sizeof(T)),
      grad_coarse(data.coarse.size() * sizeof(T));
  const GateMergeParams<T> params{data.shape,
                                  logits->template as<T>(),
                                  coarse->template as<T>(),
                                  selected->template as<T>(),
                                  local->template as<T>(),
                                  mask->template as<bool>(),
                                  out.as<T>()};
  const GateMergeGradients<T> gradients{grad_out->template as<T>(), grad_logits.as<T>(), grad_coarse.as<T>(),
                                        grad_selected.as<T>(), grad_local.as<T>()};
  cudaStream_t stream = nullptr;
  EXPECT_EQ(cudaStreamCreate(&stream), cudaSuccess);
  EXPECT_EQ(gate_merge_cuda(params, stream), 0);
  EXPECT_EQ(gate_merge_backward_cuda(params, gradients, stream), 0);
  EXPECT_EQ(cudaStreamSynchronize(stream), cudaSuccess);
  cudaStreamDestroy(stream);
  return {test::wide(out.back<T>()), test::wide(grad_logits.back<T>()), test::wide(grad_coarse.back<T>()),
          test::wide(grad_selected.back<T>()), test::wide(grad_local.back<T>())};
}

template <typename T>
class GateMergeGpu : public testing::Test {
protected:
  static constexpr bool bf16 = std::is_same_v<T, Bf16>;
  void SetUp() override {
    if (test::no_device()) GTEST_SKIP() << "no CUDA device here";
  }
};
using Types = testing::Types<float, Bf16>;
TYPED_TEST_SUITE(GateMergeGpu, Types);

TYPED_TEST(GateMergeGpu, EqualsTheSumsInDouble) {
  for (const MergeCase& what : test::merge_cases()) {
    SCOPED_TRACE(what.name);
    std::cout << what.name << "\n";
    const MergeData data(what, this->bf16);
    const MergeResult result = run<TypeParam>(data), expected = merge_reference(data);
    const double tolerance = this->bf16 ? 4e-3 : 2e-6;  // bf16 results are rounded to 8 bits, and nothing before them
    EXPECT_TRUE(test::close("out", result.out, expected.out, tolerance));
    EXPECT_TRUE(test::close("grad logits", result.grad_logits, expected.grad_logits, tolerance));
    EXPECT_TRUE(test::close("grad coarse", result.grad_coarse, expected.grad_coarse, tolerance));
    EXPECT_TRUE(test::close("grad selected", result.grad_selected, expected.grad_selected, tolerance));
    EXPECT_TRUE(test::close("grad local", result.grad_local, expected.grad_local, tolerance));
  }
}

TYPED_TEST(GateMergeGpu, TwoRunsGiveTheSameBits) {
  for (const int slots : {1, 32}) {
    const MergeData data({"", 6400 / slots, slots, 16, 16, 0.2, 1}, this->bf16);
    const MergeResult one = run<TypeParam>(data), two = run<TypeParam>(data);
    EXPECT_TRUE(one.out == two.out && one.grad_logits == two.grad_logits && one.grad_coarse == two.grad_coarse &&
                one.grad_selected == two.grad_selected && one.grad_local == two.grad_local);
  }
}

}  // namespace
}  // namespace erwin::kernels
