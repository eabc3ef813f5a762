// The selected branch by our kernels against the same operation in ATen, float32.

#include <c10/core/GradMode.h>
#include <torch/csrc/autograd/autograd.h>

#include "core/base/error.h"
#include "core/model/internal/attention_ops.h"
#include "core/model/internal/selected_kernel.h"
#include "tests/core/model/attention/attention_test.h"

namespace erwin::model::test {

namespace {

class SelectedKernel : public OnDevice {
protected:
  static constexpr std::int64_t blocks = 12, size = 16, heads = 6, groups = 2, width = 16, columns = 3;

  void SetUp() override {
    OnDevice::SetUp();
    if (IsSkipped()) return;
    const std::int64_t slots = blocks * size;
    // Slices of one tensor, as the projection leaves them: rows that are not side by side.
    const at::Tensor qkv = random({slots, heads + 2 * groups, width}, 1).to(options(at::kFloat));
    const auto part = [&](std::int64_t first, std::int64_t count) {
      return qkv.narrow(1, first, count).detach().requires_grad_(true);
    };
    inputs = {part(0, heads), part(heads, groups), part(heads + groups, groups)};
    mask = (random({slots}, 2) > -1.0).to(qkv.device());
    // The first ids of longer rows.
    const at::Tensor order = random({blocks, groups, blocks}, 3).argsort(std::int64_t{2});
    selected = at::where(random({blocks, groups, blocks}, 4) > -1.0, order, -1).to(qkv.device()).narrow(2, 0, columns);
    cost = random({slots, heads, width}, 5).to(qkv.options());
  }

  std::vector<at::Tensor> run(bool kernels, AttentionResult& result) const {
    const KernelSwitch now(kernels);
    result = selected_attention(inputs[0], inputs[1], inputs[2], mask, selected, size, nullptr);
    return torch::autograd::grad({(result.out * cost).sum()}, inputs);
  }

  std::vector<at::Tensor> inputs;
  at::Tensor mask, selected, cost;
};

TEST_P(SelectedKernel, equals_the_same_in_aten) {
  ASSERT_TRUE(selected_kernel_applies(inputs[0], inputs[1], inputs[2], selected, size));
  AttentionResult ours, aten;
  const std::vector<at::Tensor> gradients = run(true, ours), expected = run(false, aten);
  EXPECT_TRUE(close(ours.out, aten.out, 5e-6));
  EXPECT_TRUE(close(ours.lse, aten.lse, 5e-6));
  for (std::size_t i = 0; i < gradients.size(); ++i) EXPECT_TRUE(close(gradients[i], expected[i], 1e-5)) << i;
}

TEST_P(SelectedKernel, without_gradients_the_same_bits) {
  AttentionResult ours;
  run(true, ours);
  const c10::NoGradGuard none;
  const AttentionResult again = selected_attention(inputs[0], inputs[1], inputs[2], mask, selected, size, nullptr);
  EXPECT_TRUE(ours.out.equal(again.out));
  EXPECT_TRUE(ours.lse.equal(again.lse));
}

TEST_P(SelectedKernel, leaves_other_types_and_widths_to_aten) {
  const at::Tensor &q = inputs[0], &k = inputs[1], &v = inputs[2];
  const auto applies = [&](const at::Tensor& a, const at::Tensor& b, const at::Tensor& c) {
    return selected_kernel_applies(a, b, c, selected, size);
  };
  EXPECT_FALSE(applies(q.to(at::kDouble), k.to(at::kDouble), v.to(at::kDouble)));
  EXPECT_FALSE(applies(q.to(at::kHalf), k.to(at::kHalf), v.to(at::kHalf)));
  EXPECT_FALSE(applies(q, k.to(at::kBFloat16), v));
  EXPECT_FALSE(applies(q.narrow(2, 0, 12), k.narrow(2, 0, 12), v.narrow(2, 0, 12)));
  const KernelSwitch off(false);
  EXPECT_FALSE(applies(q, k, v));
}

TEST_P(SelectedKernel, ends_when_the_job_is_stopped) {
  std::stop_source source;
  const Job job(source.get_token());
  source.request_stop();
  EXPECT_THROW(selected_attention(inputs[0], inputs[1], inputs[2], mask, selected, size, &job), Error);
}

ON_ALL_DEVICES(SelectedKernel);

}  // namespace

}  // namespace erwin::model::test
