// Ball attention by our kernels against the same in ATen and float64, and the positions' part of q, k and v.

#include <torch/csrc/autograd/autograd.h>

#include "core/base/error.h"
#include "core/model/internal/attention_ops.h"
#include "core/model/internal/kernel_switch.h"
#include "core/model/internal/primitives.h"
#include "tests/core/model/attention/attention_test.h"

namespace erwin::model::test {

namespace {

struct Case {
  const char* name;
  std::int64_t heads, groups, width, ball, balls, dimension;
  bool sigma, update;
};

const Case cases[] = {
    {"plain", 4, 2, 16, 32, 5, 3, true, false},        {"multi-query", 8, 1, 16, 64, 3, 3, true, true},
    {"own keys", 4, 4, 32, 128, 2, 3, true, true},     {"plane", 3, 3, 8, 16, 9, 2, true, true},
    {"no distances", 4, 2, 64, 64, 2, 3, false, true},
};

// float64 on the CPU. q, k and v are slices of one matrix [M, H + 2G, D].
struct Problem {
  Case what;
  Slots slots;
  at::Tensor rows, sigma, relative, matrix, offset, cost;

  explicit Problem(const Case& given)
      : what(given), slots(random_slots({given.balls}, given.ball, 0.8, 1, given.dimension)) {
    const std::int64_t heads = given.heads + 2 * given.groups;
    rows = random({slots.size(), heads, given.width}, 2);
    sigma = random({given.heads}, 3);
    relative = random({slots.size(), given.dimension}, 4);
    matrix = 0.5 * random({heads * given.width, given.dimension}, 5);
    offset = 0.5 * random({heads * given.width}, 6);
    cost = random({slots.size(), given.heads, given.width}, 7);
  }
};

// out, then the gradients of rows, sigma, matrix and offset of out . cost.
std::vector<at::Tensor> run(const Problem& problem, const at::TensorOptions& options, bool kernels,
                            bool explicitly = false) {
  const KernelSwitch on(kernels);
  const Case& what = problem.what;
  const at::TensorOptions wide = options.dtype(wide_type(c10::typeMetaToScalarType(options.dtype())));
  const auto leaf = [&](const at::Tensor& values, const at::TensorOptions& as) {
    return values.to(as).clone().set_requires_grad(true);
  };
  std::vector<at::Tensor> inputs{leaf(problem.rows, options)};
  if (what.sigma) inputs.push_back(leaf(problem.sigma, options));
  at::Tensor rows = inputs[0];
  PositionUpdate update;
  if (what.update) {
    update = {problem.relative.to(wide), leaf(problem.matrix, wide), leaf(problem.offset, wide)};
    inputs.push_back(update.matrix);
    inputs.push_back(update.offset);
    if (explicitly) {
      rows = rows + at::linear(update.relative, update.matrix, update.offset).view_as(rows);
      update = {};
    }
  }
  const std::vector<at::Tensor> parts = rows.split_with_sizes({what.heads, what.groups, what.groups}, 1);
  const at::Tensor real = problem.slots.mask.to(options.device());
  const AttentionResult result = ball_attention(parts[0], parts[1], parts[2], problem.slots.positions.to(wide), real,
                                                what.sigma ? inputs[1] : at::Tensor(), what.ball, nullptr, update);
  std::vector<at::Tensor> found{result.out, result.lse.index({real})};  // -infinity elsewhere
  const at::Tensor total = (result.out * problem.cost.to(wide)).sum();
  for (const at::Tensor& gradient : torch::autograd::grad({total}, inputs)) found.push_back(gradient);
  return found;
}

class BallKernel : public OnDevice {
protected:
  template <typename Agree>
  void compare(const std::vector<at::Tensor>& values, const std::vector<at::Tensor>& expected, const Agree& agree) {
    ASSERT_EQ(values.size(), expected.size());
    for (std::size_t i = 0; i < values.size(); ++i) EXPECT_TRUE(agree(values[i], expected[i], i)) << i;
  }
};

TEST_P(BallKernel, the_update_is_what_it_adds) {
  for (const Case& what : cases) {
    SCOPED_TRACE(what.name);
    const Problem problem(what);
    compare(run(problem, doubles(), false), run(problem, doubles(), false, true),
            [](const at::Tensor& a, const at::Tensor& b, std::size_t) { return close(a, b, 1e-12); });
  }
}

TEST_P(BallKernel, agrees_with_float64) {
  for (const Case& what : cases) {
    SCOPED_TRACE(what.name);
    const Problem problem(what);
    compare(run(problem, options(at::kFloat), true), run(problem, doubles(), false),
            [](const at::Tensor& a, const at::Tensor& b, std::size_t) { return close(a.to(at::kDouble), b, 5e-5); });
  }
}

TEST_P(BallKernel, agrees_with_float64_in_bf16) {
  for (const Case& what : cases) {
    SCOPED_TRACE(what.name);
    Problem problem(what);
    problem.rows = problem.rows.to(at::kBFloat16).to(at::kDouble);
    problem.sigma = problem.sigma.to(at::kBFloat16).to(at::kDouble);
    compare(run(problem, options(at::kBFloat16), true), run(problem, doubles(), false),
            [](const at::Tensor& a, const at::Tensor& b, std::size_t i) {
              return close_in_norm(a.to(at::kDouble), b, i < 2 ? 2e-2 : 5e-2);
            });
  }
}

TEST_P(BallKernel, can_be_switched_off) {
  const Problem problem(cases[1]);
  compare(run(problem, options(at::kFloat), true), run(problem, options(at::kFloat), false),
          [](const at::Tensor& a, const at::Tensor& b, std::size_t) { return close(a, b, 5e-5); });
}

TEST_P(BallKernel, stops) {
  std::stop_source source;
  source.request_stop();
  const Job job(source.get_token());
  const at::Tensor rows = random({64, 2, 16}, 1).to(options(at::kFloat));
  const at::Tensor mask = at::ones({64}, options(at::kBool));
  try {
    ball_attention(rows, rows, rows, rows.select(1, 0).narrow(1, 0, 3), mask, {}, 32, &job);
    FAIL() << "went on";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::Cancelled);
  }
}

ON_ALL_DEVICES(BallKernel);

}  // namespace

}  // namespace erwin::model::test
