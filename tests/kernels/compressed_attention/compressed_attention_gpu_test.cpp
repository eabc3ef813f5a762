// The CUDA kernels against float64, in float32 and in bf16.

#include <cuda_runtime.h>

#include <cmath>
#include <limits>

#include "tests/kernels/compressed_attention/cases.h"
#include "tests/support/device_memory.h"

namespace erwin::kernels {
namespace {

using test::CompressedData;
using test::DeviceMemory;
using test::stored;
using test::upload;
using test::wide;

// Forward and backward on the device.
template <typename T>
test::CompressedResult run(const CompressedData& data) {
  const auto q = upload(stored(data.q, T())), k = upload(stored(data.k, T())), v = upload(stored(data.v, T())),
             memory_k = upload(stored(data.memory_k, T())), memory_v = upload(stored(data.memory_v, T())),
             grad_out = upload(stored(data.grad_out, T()));
  const auto mask = upload(data.mask), real = upload(data.real);
  const auto row_offsets = upload(data.row_offsets), block_offsets = upload(data.block_offsets);
  const std::size_t rows = data.q.size(), keys = data.k.size(), slots = data.memory_k.size();
  const DeviceMemory out(rows * sizeof(T)), grad_q(rows * sizeof(T)), grad_k(keys * sizeof(T)),
      grad_v(keys * sizeof(T)), grad_memory_k(slots * sizeof(T)), grad_memory_v(slots * sizeof(T)),
      lse(rows / static_cast<std::size_t>(data.shape.width) * sizeof(float)),
      workspace(compressed_attention_backward_workspace(data.shape));
  CompressedAttentionParams<T> params;
  params.shape = data.shape;
  params.q = q->template as<T>();
  params.k = k->template as<T>();
  params.v = v->template as<T>();
  CompressedAttentionGradients<T> gradients;
  if (data.shape.memory) {
    params.memory_k = memory_k->template as<T>();
    params.memory_v = memory_v->template as<T>();
    gradients.grad_memory_k = grad_memory_k.as<T>();
    gradients.grad_memory_v = grad_memory_v.as<T>();
  }
  params.mask = mask->template as<bool>();
  params.real = real->template as<bool>();
  params.row_offsets = row_offsets->template as<std::int64_t>();
  params.block_offsets = block_offsets->template as<std::int64_t>();
  params.out = out.as<T>();
  params.lse = lse.as<float>();
  gradients.grad_out = grad_out->template as<T>();
  gradients.grad_q = grad_q.as<T>();
  gradients.grad_k = grad_k.as<T>();
  gradients.grad_v = grad_v.as<T>();
  EXPECT_TRUE(compressed_attention_cuda_supports(data.shape));
  cudaStream_t stream = nullptr;
  EXPECT_EQ(cudaStreamCreate(&stream), cudaSuccess);
  EXPECT_EQ(compressed_attention_cuda(params, stream), 0);
  EXPECT_EQ(compressed_attention_backward_cuda(params, gradients, workspace.as<void>(), stream), 0);
  EXPECT_EQ(cudaStreamSynchronize(stream), cudaSuccess);
  cudaStreamDestroy(stream);
  test::CompressedResult result;
  result.out = wide(out.back<T>());
  result.lse = wide(lse.back<float>());
  result.grad_q = wide(grad_q.back<T>());
  result.grad_k = wide(grad_k.back<T>());
  result.grad_v = wide(grad_v.back<T>());
  if (data.shape.memory) {
    result.grad_memory_k = wide(grad_memory_k.back<T>());
    result.grad_memory_v = wide(grad_memory_v.back<T>());
  }
  return result;
}

template <typename T>
class CompressedAttentionGpu : public test::KernelOnDevice<T> {};
TYPED_TEST_SUITE(CompressedAttentionGpu, test::KernelTypes);

TYPED_TEST(CompressedAttentionGpu, EqualsTheSumsInDouble) {
  for (const test::CompressedCase& what : test::compressed_cases()) {
    SCOPED_TRACE(what.name);
    std::cout << what.name << "\n";
    const CompressedData data(what, this->bf16);
    const test::CompressedResult result = run<TypeParam>(data), expected = compressed_reference(data);
    const double tolerance = what.size > 1 ? 4e-5 : 5e-6;  // logits of 100 have a rounding error of 4e-6
    this->agree("out", result.out, expected.out, tolerance, false);
    EXPECT_TRUE(test::close("lse", result.lse, expected.lse, this->bf16 ? 2e-3 : tolerance));
    this->agree("grad q", result.grad_q, expected.grad_q, tolerance, true);
    this->agree("grad k", result.grad_k, expected.grad_k, tolerance, true);
    this->agree("grad v", result.grad_v, expected.grad_v, tolerance, true);
    if (!what.memory) continue;
    this->agree("grad memory k", result.grad_memory_k, expected.grad_memory_k, tolerance, true);
    this->agree("grad memory v", result.grad_memory_v, expected.grad_memory_v, tolerance, true);
  }
}

TYPED_TEST(CompressedAttentionGpu, TwoRunsGiveTheSameBits) {
  const CompressedData data({"", {700, 1, 1300}, {200, 1, 90}, 16, 1, 16}, this->bf16);
  const test::CompressedResult one = run<TypeParam>(data), two = run<TypeParam>(data);
  EXPECT_TRUE(one.out == two.out) << "out";
  EXPECT_TRUE(one.grad_q == two.grad_q) << "grad_q";
  EXPECT_TRUE(one.grad_k == two.grad_k) << "grad_k";
  EXPECT_TRUE(one.grad_v == two.grad_v) << "grad_v";
  EXPECT_TRUE(one.grad_memory_k == two.grad_memory_k) << "grad_memory_k";
  EXPECT_TRUE(one.grad_memory_v == two.grad_memory_v) << "grad_memory_v";
}

TYPED_TEST(CompressedAttentionGpu, NanAndInfinitySpreadAsInSoftmax) {
  CompressedData data({"", {40}, {20}, 1, 1, 16, true, 0, 0}, this->bf16);
  data.q[3 * 16] = std::numeric_limits<float>::quiet_NaN();  // row 3 alone
  const test::CompressedResult one = run<TypeParam>(data);
  for (std::size_t row = 0; row < 40; ++row)
    for (std::size_t d = 0; d < 16; ++d) EXPECT_EQ(std::isnan(one.out[row * 16 + d]), row == 3) << row;
  EXPECT_TRUE(std::isnan(one.lse[3]));
  data.q[3 * 16] = 0;
  data.k[5 * 16] = -std::numeric_limits<float>::infinity();  // a logit of +infinity or -infinity, by the sign of q
  const test::CompressedResult two = run<TypeParam>(data);
  for (std::size_t row = 0; row < 40; ++row) {
    const float q = data.q[row * 16];
    EXPECT_EQ(std::isnan(two.out[row * 16]), q <= 0) << row << " " << q;
  }
}

}  // namespace
}  // namespace erwin::kernels
