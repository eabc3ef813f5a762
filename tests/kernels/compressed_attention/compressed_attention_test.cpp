// The CPU twin against float64.

#include "kernels/compressed_attention/compressed_attention.h"

#include <cmath>
#include <limits>

#include "kernels/parallel/parallel.h"
#include "tests/kernels/compressed_attention/cases.h"

namespace erwin::kernels {
namespace {

using test::CompressedData;
using test::wide;

struct Result {
  std::vector<float> out, lse, grad_q, grad_k, grad_v, grad_memory_k, grad_memory_v;
  bool operator==(const Result&) const = default;
};

Result run(const CompressedData& data) {
  Result result;
  const auto sized = [](std::vector<float>& to, std::size_t size) {
    to.assign(size, 99.0f);
    return to.data();
  };
  CompressedAttentionParams<float> params;
  params.shape = data.shape;
  params.q = data.q.data();
  params.k = data.k.data();
  params.v = data.v.data();
  if (data.shape.memory) {
    params.memory_k = data.memory_k.data();
    params.memory_v = data.memory_v.data();
  }
  params.mask = reinterpret_cast<const bool*>(data.mask.data());
  params.real = reinterpret_cast<const bool*>(data.real.data());
  params.row_offsets = data.row_offsets.data();
  params.block_offsets = data.block_offsets.data();
  params.out = sized(result.out, data.q.size());
  params.lse = sized(result.lse, data.q.size() / static_cast<std::size_t>(data.shape.width));
  compressed_attention_cpu(params);
  CompressedAttentionGradients<float> gradients;
  gradients.grad_out = data.grad_out.data();
  gradients.grad_q = sized(result.grad_q, data.q.size());
  gradients.grad_k = sized(result.grad_k, data.k.size());
  gradients.grad_v = sized(result.grad_v, data.k.size());
  if (data.shape.memory) {
    gradients.grad_memory_k = sized(result.grad_memory_k, data.memory_k.size());
    gradients.grad_memory_v = sized(result.grad_memory_v, data.memory_k.size());
  }
  compressed_attention_backward_cpu(params, gradients);
  return result;
}

TEST(CompressedAttention, EqualsTheSumsInDouble) {
  for (const test::CompressedCase& what : test::compressed_cases()) {
    SCOPED_TRACE(what.name);
    const CompressedData data(what);
    const Result result = run(data);
    const test::CompressedResult expected = compressed_reference(data);
    const double tolerance = what.size > 1 ? 2e-5 : 3e-6;  // logits of 100 have a rounding error of 4e-6
    EXPECT_TRUE(test::close("out", wide(result.out), expected.out, tolerance));
    EXPECT_TRUE(test::close("lse", wide(result.lse), expected.lse, tolerance));
    EXPECT_TRUE(test::close("grad q", wide(result.grad_q), expected.grad_q, tolerance));
    EXPECT_TRUE(test::close("grad k", wide(result.grad_k), expected.grad_k, tolerance));
    EXPECT_TRUE(test::close("grad v", wide(result.grad_v), expected.grad_v, tolerance));
    if (!what.memory) continue;
    EXPECT_TRUE(test::close("grad memory k", wide(result.grad_memory_k), expected.grad_memory_k, tolerance));
    EXPECT_TRUE(test::close("grad memory v", wide(result.grad_memory_v), expected.grad_memory_v, tolerance));
  }
}

TEST(CompressedAttention, ThreadsChangeNoBit) {
  const CompressedData data({"", {2000, 100}, {300, 20}, 8, 2, 16});
  const int before = parallel_threads();
  set_parallel_threads(1);
  const Result one = run(data);
  for (const int threads : {2, 5}) {
    set_parallel_threads(threads);
    const Result again = run(data);
    EXPECT_TRUE(one == again) << threads << " threads";
  }
  set_parallel_threads(before);
}

TEST(CompressedAttention, NanAndInfinitySpreadAsInSoftmax) {
  CompressedData data({"", {40}, {20}, 1, 1, 16, true, 0, 0});
  const float nan = std::numeric_limits<float>::quiet_NaN(), infinity = std::numeric_limits<float>::infinity();
  data.q[3 * 16] = nan;  // row 3 alone
  const Result one = run(data);
  for (std::size_t row = 0; row < 40; ++row)
    for (std::size_t d = 0; d < 16; ++d) EXPECT_EQ(std::isnan(one.out[row * 16 + d]), row == 3);
  EXPECT_TRUE(std::isnan(one.lse[3]));
  data.q[3 * 16] = 0;
  data.k[5 * 16] = -infinity;  // a logit of +infinity or -infinity, by the sign of q
  const Result two = run(data);
  for (std::size_t row = 0; row < 40; ++row) {
    const float q = data.q[row * 16];
    EXPECT_EQ(std::isnan(two.out[row * 16]), q <= 0) << row << " " << q;
  }
}

}  // namespace
}  // namespace erwin::kernels
