// The CUDA kernels against float64, in float32 and in bf16.

#include <cuda_runtime.h>

#include <cmath>
#include <iostream>

#include "tests/kernels/block_pool/cases.h"
#include "tests/support/device_memory.h"
#include "tests/support/kernel_values.h"

namespace erwin::kernels {
namespace {

using test::DeviceMemory;
using test::PoolCase;
using test::PoolData;
using test::PoolResult;
using Memory = std::unique_ptr<DeviceMemory>;

// Forward and backward on the device.
template <typename T>
PoolResult run(const PoolData& data) {
  const auto put = [](const std::vector<double>& values) {
    return test::upload(test::stored(test::narrow(values), T()));
  };
  const auto room = [](std::size_t count, std::size_t each) { return std::make_unique<DeviceMemory>(count * each); };
  const Memory k = put(data.k), v = put(data.v), relative = test::upload(test::narrow(data.relative)),
               mask = test::upload(data.mask), real = test::upload(data.real);
  const Memory grad_k = room(data.k.size(), sizeof(T)), grad_v = room(data.v.size(), sizeof(T));
  std::array<Memory, 6> weights[2], grad_weights[2];
  Memory out[2], pooled[2], lse[2], grad_out[2];
  BlockPoolParams<T> params;
  params.shape = data.shape;
  params.k = k->as<T>();
  params.v = v->as<T>();
  params.relative = relative->as<float>();
  params.mask = mask->as<bool>();
  params.real = real->as<bool>();
  BlockPoolGradients<T> gradients;
  gradients.grad_k = grad_k->as<T>();
  gradients.grad_v = grad_v->as<T>();
  for (std::size_t which = 0; which < 2; ++which) {
    const std::size_t outputs = data.grad_out[which].size();
    params.weights[which] = test::pool_weight_pointers<BlockPoolWeights<T>>(
        [&](std::size_t i) { return (weights[which][i] = put(data.weights[which][i]))->template as<T>(); });
    gradients.weights[which] = test::pool_weight_pointers<BlockPoolWeightGradients<T>>([&](std::size_t i) {
      return (grad_weights[which][i] = room(data.weights[which][i].size(), sizeof(T)))->template as<T>();
    });
    params.out[which] = (out[which] = room(outputs, sizeof(T)))->template as<T>();
    params.pooled[which] = (pooled[which] = room(outputs, sizeof(float)))->template as<float>();
    params.lse[which] =
        (lse[which] = room(outputs / static_cast<std::size_t>(data.shape.width), sizeof(float)))->template as<float>();
    gradients.grad_out[which] = (grad_out[which] = put(data.grad_out[which]))->template as<T>();
  }
  const DeviceMemory workspace(block_pool_backward_workspace(data.shape));
  cudaStream_t stream = nullptr;
  EXPECT_EQ(cudaStreamCreate(&stream), cudaSuccess);
  EXPECT_EQ(block_pool_cuda(params, stream), 0);
  EXPECT_EQ(block_pool_backward_cuda(params, gradients, workspace.as<void>(), stream), 0);
  EXPECT_EQ(cudaStreamSynchronize(stream), cudaSuccess);
  cudaStreamDestroy(stream);
  PoolResult result;
  result.grad_k = test::wide(grad_k->back<T>());
  result.grad_v = test::wide(grad_v->back<T>());
  for (std::size_t which = 0; which < 2; ++which) {
    result.out[which] = test::wide(out[which]->template back<T>());
    for (std::size_t i = 0; i < 6; ++i)
      result.grad_weights[which][i] = test::wide(grad_weights[which][i]->template back<T>());
  }
  return result;
}

template <typename T>
class BlockPoolGpu : public testing::Test {
protected:
  static constexpr bool bf16 = std::is_same_v<T, Bf16>;
  void SetUp() override {
    if (test::no_device()) GTEST_SKIP() << "no CUDA device here";
  }
};
using Types = testing::Types<float, Bf16>;
TYPED_TEST_SUITE(BlockPoolGpu, Types);

TYPED_TEST(BlockPoolGpu, EqualsTheSumsInDouble) {
  for (const PoolCase& what : test::pool_cases()) {
    SCOPED_TRACE(what.name);
    std::cout << what.name << "\n";
    const PoolData data(what, this->bf16);
    const PoolResult result = run<TypeParam>(data), expected = pool_reference(data);
    // Logits of 100 have a rounding error of 4e-6 in float32. bf16 results are rounded to 8 bits, at most 2^-8 of a
    // value, and nothing before them.
    const double tolerance = this->bf16 ? 4e-3 : what.size > 1 ? 6e-5 : 6e-6;
    EXPECT_TRUE(test::close("grad k", result.grad_k, expected.grad_k, tolerance));
    EXPECT_TRUE(test::close("grad v", result.grad_v, expected.grad_v, tolerance));
    for (std::size_t which = 0; which < 2; ++which) {
      EXPECT_TRUE(test::close("out", result.out[which], expected.out[which], tolerance));
      for (std::size_t i = 0; i < 6; ++i)
        EXPECT_TRUE(test::close(test::pool_weight_names[i], result.grad_weights[which][i],
                                expected.grad_weights[which][i], tolerance));
    }
  }
}

TYPED_TEST(BlockPoolGpu, TwoRunsGiveTheSameBits) {
  for (const int width : {16, 64}) {
    PoolCase what;
    what.blocks = 2500;
    what.width = width;
    const PoolData data(what, this->bf16);
    const PoolResult one = run<TypeParam>(data), two = run<TypeParam>(data);
    EXPECT_TRUE(one.grad_k == two.grad_k && one.grad_v == two.grad_v);
    for (std::size_t which = 0; which < 2; ++which) {
      EXPECT_TRUE(one.out[which] == two.out[which]);
      EXPECT_TRUE(one.grad_weights[which] == two.grad_weights[which]);
    }
  }
}

TYPED_TEST(BlockPoolGpu, NanStaysInItsBlockAndHead) {
  PoolCase what;
  what.blocks = 8;
  what.padding = what.empty = 0;
  PoolData data(what, this->bf16);
  const std::size_t width = 16;
  data.k[((3 * 32 + 7) * 2 + 1) * width + 2] = std::nan("");  // block 3, slot 7, head 1
  const PoolResult result = run<TypeParam>(data);
  for (std::size_t pair = 0; pair < 16; ++pair)
    for (std::size_t d = 0; d < width; ++d) {
      EXPECT_EQ(std::isnan(result.out[0][pair * width + d]), pair == 7) << pair;
      EXPECT_EQ(std::isnan(result.out[1][pair * width + d]), pair == 7) << pair;
    }
}

}  // namespace
}  // namespace erwin::kernels
