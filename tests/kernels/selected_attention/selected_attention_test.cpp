// The CPU twin against float64.

#include "kernels/selected_attention/selected_attention.h"

#include <cmath>
#include <limits>
#include <numeric>
#include <stdexcept>

#include "kernels/parallel/parallel.h"
#include "tests/kernels/selected_attention/cases.h"

namespace erwin::kernels {
namespace {

using test::SelectedCase;
using test::SelectedData;
using test::wide;

struct Result {
  std::vector<float> out, lse, grad_q, grad_k, grad_v;
  bool operator==(const Result&) const = default;
};

Result run(const SelectedData& data, const std::function<void()>& between = {}) {
  Result result;
  const auto sized = [](std::vector<float>& to, std::size_t size) {
    to.assign(size, 99.0f);
    return to.data();
  };
  SelectedAttentionParams<float> params;
  params.shape = data.shape;
  params.q = data.q.data();
  params.k = data.k.data();
  params.v = data.v.data();
  params.mask = reinterpret_cast<const bool*>(data.mask.data());
  params.selected = data.selected.data();
  params.selected_stride = data.stride;
  params.out = sized(result.out, data.q.size());
  params.lse = sized(result.lse, data.q.size() / static_cast<std::size_t>(data.shape.width));
  selected_attention_cpu(params, between);
  SelectedAttentionGradients<float> gradients;
  gradients.grad_out = data.grad_out.data();
  gradients.grad_q = sized(result.grad_q, data.q.size());
  gradients.grad_k = sized(result.grad_k, data.k.size());
  gradients.grad_v = sized(result.grad_v, data.k.size());
  selected_attention_backward_cpu(params, gradients, between);
  return result;
}

void expect_reference(const SelectedData& data, double tolerance) {
  const Result result = run(data);
  const test::SelectedResult expected = selected_reference(data);
  EXPECT_TRUE(test::close("out", wide(result.out), expected.out, tolerance));
  EXPECT_TRUE(test::close("lse", wide(result.lse), expected.lse, tolerance));
  EXPECT_TRUE(test::close("grad q", wide(result.grad_q), expected.grad_q, tolerance));
  EXPECT_TRUE(test::close("grad k", wide(result.grad_k), expected.grad_k, tolerance));
  EXPECT_TRUE(test::close("grad v", wide(result.grad_v), expected.grad_v, tolerance));
}

TEST(SelectedAttention, EqualsTheSumsInDouble) {
  for (const SelectedCase& what : test::selected_cases()) {
    SCOPED_TRACE(what.name);
    ASSERT_TRUE(selected_attention_cpu_supports(SelectedData(what).shape));
    expect_reference(SelectedData(what), what.size > 1 ? 2e-5 : 3e-6);  // logits of 100: a rounding error of 4e-6
  }
}

TEST(SelectedAttention, TakesBlocksOfAnySize) {
  for (const int size : {1, 2, 5, 8, 64, 128, 256}) {
    SelectedCase what;
    SCOPED_TRACE(size);
    what.blocks = 7;
    what.block_size = size;
    what.missing = 0.2;
    expect_reference(SelectedData(what), 3e-6);
  }
  SelectedShape shape = SelectedData(SelectedCase{}).shape;
  shape.block_size = 512;
  EXPECT_FALSE(selected_attention_cpu_supports(shape));
  shape.block_size = 32;
  shape.width = 24;
  EXPECT_FALSE(selected_attention_cpu_supports(shape));
}

// The reference's gradients are those of its own loss.
TEST(SelectedAttention, TheReferenceAgreesWithCentralDifferences) {
  SelectedCase what;
  what.blocks = 5;
  what.width = 8;
  what.missing = 0.2;
  const SelectedData data(what);
  const test::SelectedResult expected = selected_reference(data);
  const auto filled = [](const std::vector<float>& values) {
    std::vector<double> result(values.begin(), values.end());
    for (double& x : result)
      if (std::isnan(x)) x = 0;
    return result;
  };
  std::vector<double> q = filled(data.q), k = filled(data.k), v = filled(data.v);
  const auto check = [&](std::vector<double>& values, const std::vector<double>& gradient) {
    for (std::size_t i = 0; i < values.size(); i += 37) {
      constexpr double step = 1e-5;
      const double before = values[i];
      values[i] = before + step;
      const double above = selected_loss(data, q, k, v);
      values[i] = before - step;
      const double below = selected_loss(data, q, k, v);
      values[i] = before;
      EXPECT_NEAR((above - below) / (2 * step), gradient[i], 1e-8) << i;
    }
  };
  check(q, expected.grad_q);
  check(k, expected.grad_k);
  check(v, expected.grad_v);
}

// Every block selects every block, in any order: attention to all real slots.
TEST(SelectedAttention, SelectingAllIsDenseAttention) {
  SelectedCase what;
  what.blocks = what.columns = 6;
  const SelectedData data(what);
  SelectedData ordered(what);
  for (std::size_t i = 0; i < ordered.selected.size(); ++i) ordered.selected[i] = static_cast<std::int64_t>(i % 6);
  const Result shuffled = run(data), dense = run(ordered);
  EXPECT_TRUE(test::close("out", wide(shuffled.out), wide(dense.out), 2e-6));
  EXPECT_TRUE(test::close("grad k", wide(shuffled.grad_k), wide(dense.grad_k), 2e-6));
}

TEST(SelectedAttention, BlocksThatNobodySelectedGetNoGradient) {
  SelectedCase what;
  what.blocks = 70;
  what.columns = 4;
  what.popular = true;
  const SelectedData data(what);
  const Result result = run(data);
  const auto block = static_cast<std::ptrdiff_t>(what.block_size * what.groups * what.width);
  const auto zeros = [&](const std::vector<float>& gradient, std::ptrdiff_t first) {
    return std::all_of(gradient.begin() + first * block, gradient.begin() + (first + 1) * block,
                       [](float x) { return x == 0; });
  };
  EXPECT_TRUE(zeros(result.grad_k, what.blocks - 1));
  EXPECT_TRUE(zeros(result.grad_v, what.blocks - 1));
  EXPECT_FALSE(zeros(result.grad_v, 0));
}

TEST(SelectedAttention, ThreadsChangeNoBit) {
  SelectedCase what;
  what.blocks = 90;
  what.heads = 8;
  what.columns = 6;
  what.popular = true;
  const SelectedData data(what);
  const int before = parallel_threads();
  set_parallel_threads(1);
  const Result one = run(data);
  for (const int threads : {1, 2, 5}) {
    set_parallel_threads(threads);
    const Result again = run(data);
    EXPECT_TRUE(one == again) << threads << " threads";
  }
  set_parallel_threads(before);
}

TEST(SelectedAttention, NanAndInfinitySpreadAsInSoftmax) {
  SelectedCase what;
  what.blocks = 2;
  what.heads = what.groups = what.columns = 1;
  what.masked = 0;
  SelectedData data(what);
  data.selected = {1, 0};
  const float nan = std::numeric_limits<float>::quiet_NaN();
  data.q[3 * 16] = nan;  // row 3 alone
  const Result one = run(data);
  for (std::size_t row = 0; row < 32; ++row)
    for (std::size_t d = 0; d < 16; ++d) EXPECT_EQ(std::isnan(one.out[row * 16 + d]), row == 3);
  EXPECT_TRUE(std::isnan(one.lse[3]));
  data.q[3 * 16] = 0;
  data.k[20 * 16] = -std::numeric_limits<float>::infinity();  // seen by block 0: by the sign of q +-infinity
  const Result two = run(data);
  for (std::size_t row = 0; row < 32; ++row) {
    const float q = data.q[row * 16];
    EXPECT_EQ(std::isnan(two.out[row * 16]), row < 16 && q <= 0) << row << " " << q;
  }
}

TEST(SelectedAttention, StopsBetweenStretchesOfTheWork) {
  SelectedCase what;
  what.blocks = 600;  // 6e7 logits: more than one stretch
  what.block_size = 32;
  what.heads = 4;
  what.groups = 1;
  what.columns = 28;
  const SelectedData data(what);
  int calls = 0;
  run(data, [&] { ++calls; });
  EXPECT_GE(calls, 4);
  EXPECT_THROW(run(data, [] { throw std::runtime_error("stop"); }), std::runtime_error);
}

}  // namespace
}  // namespace erwin::kernels
