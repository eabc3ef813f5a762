// The CPU twin against float64.

#include "kernels/ball_attention/ball_attention.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "kernels/parallel/parallel.h"
#include "tests/kernels/ball_attention/cases.h"

namespace erwin::kernels {
namespace {

using test::BallData;
using test::wide;

constexpr float nan = std::numeric_limits<float>::quiet_NaN();
constexpr float infinity = std::numeric_limits<float>::infinity();

struct Result {
  std::vector<float> out, lse, grad_q, grad_k, grad_v, grad_sigma;
  bool operator==(const Result&) const = default;
};

Result run(const BallData& data) {
  Result result;
  const auto sized = [](std::vector<float>& to, std::size_t size) {
    to.assign(size, 99.0f);
    return to.data();
  };
  const auto pointer = [](const std::vector<float>& values) { return values.data(); };
  auto params = data.params<float>(pointer, pointer, [](const std::vector<std::uint8_t>& flags) {
    return reinterpret_cast<const bool*>(flags.data());
  });
  params.out = sized(result.out, data.query_values());
  params.lse = sized(result.lse, data.query_values() / static_cast<std::size_t>(data.shape.width));
  EXPECT_TRUE(ball_attention_cpu_supports(data.shape));
  ball_attention_cpu(params);
  BallAttentionGradients<float> gradients;
  gradients.grad_out = data.grad_out.data();
  gradients.grad_q = sized(result.grad_q, data.query_values());
  gradients.grad_k = sized(result.grad_k, data.key_values());
  gradients.grad_v = sized(result.grad_v, data.key_values());
  if (data.what.sigma) gradients.grad_sigma = sized(result.grad_sigma, static_cast<std::size_t>(data.shape.heads));
  ball_attention_backward_cpu(params, gradients);
  return result;
}

TEST(BallAttention, EqualsTheSumsInDouble) {
  for (const test::BallCase& what : test::ball_cases()) {
    SCOPED_TRACE(what.name);
    const BallData data(what);
    const Result result = run(data);
    const test::BallResult expected = ball_reference(data);
    const double tolerance = what.size > 1 ? 2e-5 : 3e-6;  // logits of 100 have a rounding error of 4e-6
    EXPECT_TRUE(test::close("out", wide(result.out), expected.out, tolerance));
    EXPECT_TRUE(test::close("lse", wide(result.lse), expected.lse, tolerance));
    EXPECT_TRUE(test::close("grad q", wide(result.grad_q), expected.grad_q, tolerance));
    EXPECT_TRUE(test::close("grad k", wide(result.grad_k), expected.grad_k, tolerance));
    EXPECT_TRUE(test::close("grad v", wide(result.grad_v), expected.grad_v, tolerance));
    EXPECT_TRUE(test::close_sigma(wide(result.grad_sigma), expected, what.size > 1 ? 5e-6 : 5e-7));
  }
}

// The sum out . grad_out, whose gradients the backward pass gives.
double objective(const BallData& data) {
  const std::vector<double> out = ball_reference(data).out;
  double sum = 0;
  for (std::size_t i = 0; i < out.size(); ++i)
    if (out[i] != 0) sum += out[i] * static_cast<double>(data.grad_out[i]);
  return sum;
}

// Sums over the real slots of g r^T and g: the gradients of matrix and offset, by which the update itself is judged.
std::vector<double> update_gradient(const BallData& data, const Result& result) {
  const BallShape& shape = data.shape;
  std::vector<double> sums(data.offset.size());
  const auto add = [&](const std::vector<float>& rows, std::int64_t heads, std::int64_t first) {
    const std::int64_t columns = heads * shape.width;
    for (std::size_t i = 0; i < rows.size(); ++i)
      sums[static_cast<std::size_t>(first * shape.width) + i % static_cast<std::size_t>(columns)] +=
          static_cast<double>(rows[i]);
  };
  add(result.grad_q, shape.heads, 0);
  add(result.grad_k, shape.groups, shape.heads);
  add(result.grad_v, shape.groups, shape.heads + shape.groups);
  return sums;
}

TEST(BallAttention, GradientsAreCentralDifferences) {
  BallData data({"", 2, 16, 4, 2, 8, 3, true, true, false, 0.2, 1});
  const Result result = run(data);
  const auto differences = [&](std::vector<float>& values) {
    std::vector<double> found;
    for (float& x : values) {
      const float before = x, above = before + 0.0078125f, below = before - 0.0078125f;
      if (std::isnan(before)) {
        found.push_back(0);
        continue;
      }
      x = above;
      const double more = objective(data);
      x = below;
      found.push_back((more - objective(data)) / static_cast<double>(above - below));
      x = before;
    }
    return found;
  };
  EXPECT_TRUE(test::close("grad q", wide(result.grad_q), differences(data.q), 2e-4));
  EXPECT_TRUE(test::close("grad k", wide(result.grad_k), differences(data.k), 2e-4));
  EXPECT_TRUE(test::close("grad v", wide(result.grad_v), differences(data.v), 2e-4));
  EXPECT_TRUE(test::close("grad sigma", wide(result.grad_sigma), differences(data.sigma), 2e-4));
  EXPECT_TRUE(test::close("grad offset", update_gradient(data, result), differences(data.offset), 2e-4));
}

TEST(BallAttention, OneRealSlotIsItsOwnValue) {
  BallData data({"", 2, 32, 2, 1, 16, 3, true, false, false, 1, 1});
  BallData other({"", 2, 32, 2, 1, 16, 3, true, false, false, 0, 1});
  other.mask = data.mask;
  other.mask[37] = 1;
  const Result result = run(other);
  for (std::size_t head = 0; head < 2; ++head)
    for (std::size_t d = 0; d < 16; ++d) {
      const std::size_t entry = (37 * 2 + head) * 16 + d;
      EXPECT_FLOAT_EQ(result.out[entry], other.v[37 * 16 + d]);
      EXPECT_NEAR(result.grad_q[entry], 0.0f, 1e-5f);
    }
  EXPECT_EQ(result.lse[0], -infinity);
  EXPECT_EQ(result.out[0], 0.0f);
  EXPECT_EQ(result.grad_sigma[0], 0.0f);  // its distance to itself is 0
}

TEST(BallAttention, SteepDistancesLeaveTheOwnValue) {
  BallData data({"", 3, 64, 2, 2, 16, 3, true, false, false, 0, 1});
  data.sigma = {-1e5f, -1e5f};
  EXPECT_TRUE(test::close("out", wide(run(data).out), wide(data.v), 1e-6));
}

TEST(BallAttention, ThreadsChangeNoBit) {
  const BallData data({"", 40, 64, 8, 4, 16, 3, true, true, false, 0.2, 1});
  const int before = parallel_threads();
  set_parallel_threads(1);
  const Result one = run(data);
  for (const int threads : {1, 2, 5}) {
    set_parallel_threads(threads);
    EXPECT_TRUE(one == run(data)) << threads << " threads";
  }
  set_parallel_threads(before);
}

TEST(BallAttention, NanAndInfinitySpreadAsInSoftmax) {
  for (const int size : {16, 32, 64}) {
    SCOPED_TRACE(size);
    const auto rows = static_cast<std::size_t>(2 * size);
    BallData data({"", 2, size, 1, 1, 16, 3, true, false, false, 0, 1});
    data.q[3 * 16] = nan;  // row 3 alone
    const Result one = run(data);
    for (std::size_t row = 0; row < rows; ++row)
      for (std::size_t d = 0; d < 16; ++d) EXPECT_EQ(std::isnan(one.out[row * 16 + d]), row == 3);
    EXPECT_TRUE(std::isnan(one.lse[3]));
    data.q[3 * 16] = 0;
    data.k[5 * 16] = -infinity;  // a logit of +infinity or -infinity, by the sign of q, for the first ball's rows
    const Result two = run(data);
    for (std::size_t row = 0; row < rows; ++row) {
      const float q = data.q[row * 16];
      EXPECT_EQ(std::isnan(two.out[row * 16]), row < rows / 2 && q <= 0) << row << " " << q;
    }
    data.k[5 * 16] = 0;
    data.v[2 * 16] = data.grad_out[2 * 16] = nan;  // the first ball's rows and gradients
    const Result three = run(data);
    for (std::size_t row = 0; row < rows; ++row)
      for (const auto* values : {&three.out, &three.grad_q, &three.grad_k, &three.grad_v}) {
        const auto at = values->begin() + static_cast<std::ptrdiff_t>(row * 16);
        EXPECT_EQ(std::any_of(at, at + 16, [](auto x) { return std::isnan(x); }), row < rows / 2) << row;
      }
  }
}

TEST(BallAttention, RefusesWhatItCannotDo) {
  BallShape shape;
  shape.slots = 96;
  shape.ball_size = 32;
  shape.heads = shape.groups = 1;
  shape.width = 16;
  shape.dimension = 3;
  EXPECT_TRUE(ball_attention_cpu_supports(shape));
  for (const int size : {8, 24, 64, 2048}) {
    BallShape other = shape;
    other.ball_size = size;
    EXPECT_FALSE(ball_attention_cpu_supports(other)) << size;
  }
  shape.width = 24;
  EXPECT_FALSE(ball_attention_cpu_supports(shape));
}

}  // namespace
}  // namespace erwin::kernels
