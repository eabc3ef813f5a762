// The CPU twin against float64, and the sums in float64 against differences.

#include "kernels/gate_merge/gate_merge.h"

#include <cmath>

#include "kernels/parallel/parallel.h"
#include "tests/kernels/gate_merge/cases.h"
#include "tests/support/kernel_values.h"

namespace erwin::kernels {
namespace {

using test::MergeCase;
using test::MergeData;
using test::MergeResult;

struct Result {
  std::vector<float> out, grad_logits, grad_coarse, grad_selected, grad_local;
  bool operator==(const Result&) const = default;
};

Result run(const MergeData& data) {
  Result result;
  const auto sized = [](std::vector<float>& to, std::size_t size) {
    to.assign(size, 99.0f);
    return to.data();
  };
  const std::vector<float> logits = test::narrow(data.logits), coarse = test::narrow(data.coarse),
                           selected = test::narrow(data.selected), local = test::narrow(data.local),
                           grad_out = test::narrow(data.grad_out);
  GateMergeParams<float> params{data.shape,
                                logits.data(),
                                coarse.data(),
                                selected.data(),
                                local.data(),
                                reinterpret_cast<const bool*>(data.mask.data()),
                                sized(result.out, selected.size())};
  const GateMergeGradients<float> gradients{
      grad_out.data(), sized(result.grad_logits, logits.size()), sized(result.grad_coarse, coarse.size()),
      sized(result.grad_selected, selected.size()), sized(result.grad_local, local.size())};
  EXPECT_TRUE(gate_merge_supports(data.shape));
  gate_merge_cpu(params);
  params.out = nullptr;
  gate_merge_backward_cpu(params, gradients);
  return result;
}

TEST(GateMerge, EqualsTheSumsInDouble) {
  for (const MergeCase& what : test::merge_cases()) {
    SCOPED_TRACE(what.name);
    const MergeData data(what);
    const Result result = run(data);
    const MergeResult expected = merge_reference(data);
    constexpr double tolerance = 1e-6;
    EXPECT_TRUE(test::close("out", test::wide(result.out), expected.out, tolerance));
    EXPECT_TRUE(test::close("grad logits", test::wide(result.grad_logits), expected.grad_logits, tolerance));
    EXPECT_TRUE(test::close("grad coarse", test::wide(result.grad_coarse), expected.grad_coarse, tolerance));
    EXPECT_TRUE(test::close("grad selected", test::wide(result.grad_selected), expected.grad_selected, tolerance));
    EXPECT_TRUE(test::close("grad local", test::wide(result.grad_local), expected.grad_local, tolerance));
  }
}

// (loss(x + step) - loss(x - step)) / (2 step) of every value of an array, NaN left alone.
std::vector<double> differences(MergeData& data, std::vector<double>& values) {
  constexpr double step = 1e-5;
  std::vector<double> result(values.size());
  for (std::size_t i = 0; i < values.size(); ++i) {
    const double before = values[i];
    if (std::isnan(before)) continue;
    values[i] = before + step;
    const double above = merge_loss(data);
    values[i] = before - step;
    result[i] = (above - merge_loss(data)) / (2 * step);
    values[i] = before;
  }
  return result;
}

TEST(GateMerge, TheReferenceEqualsCentralDifferences) {
  MergeData data({"", 4, 3, 2, 8, 0.2, 1});
  const MergeResult expected = merge_reference(data);
  constexpr double tolerance = 1e-8;
  EXPECT_TRUE(test::close("grad logits", expected.grad_logits, differences(data, data.logits), tolerance));
  EXPECT_TRUE(test::close("grad coarse", expected.grad_coarse, differences(data, data.coarse), tolerance));
  EXPECT_TRUE(test::close("grad selected", expected.grad_selected, differences(data, data.selected), tolerance));
  EXPECT_TRUE(test::close("grad local", expected.grad_local, differences(data, data.local), tolerance));
}

TEST(GateMerge, ThreadsChangeNoBit) {
  const int before = parallel_threads();
  for (const int slots : {1, 32}) {
    const MergeData data({"", 3200 / slots, slots, 16, 16, 0.2, 1});
    set_parallel_threads(1);
    const Result one = run(data);
    for (const int threads : {1, 2, 5}) {
      set_parallel_threads(threads);
      EXPECT_TRUE(one == run(data)) << threads << " threads, " << slots << " slots";
    }
  }
  set_parallel_threads(before);
}

TEST(GateMerge, OtherShapesAreRefused) {
  EXPECT_TRUE(gate_merge_supports({64, 4, 16, 32}));
  EXPECT_FALSE(gate_merge_supports({64, 4, 24, 32}));
  EXPECT_FALSE(gate_merge_supports({63, 4, 16, 32}));
}

}  // namespace
}  // namespace erwin::kernels
