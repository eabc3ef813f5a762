#include "core/bench/internal/peers.h"

#include <ATen/ATen.h>
#include <ATen/Context.h>

#include <array>

#include "core/model/internal/kernel_switch.h"

namespace erwin::bench {

namespace {

// While it lives, scaled_dot_product_attention may use one kernel only.
class OnlyKernel {
public:
  explicit OnlyKernel(SdpaKernel kernel)
      : before_{context().userEnabledFlashSDP(), context().userEnabledCuDNNSDP(),
                context().userEnabledMemEfficientSDP(), context().userEnabledMathSDP()} {
    if (kernel == SdpaKernel::Any) return;
    set({kernel == SdpaKernel::Flash, kernel == SdpaKernel::Cudnn, kernel == SdpaKernel::Efficient,
         kernel == SdpaKernel::Math});
  }
  ~OnlyKernel() { set(before_); }
  OnlyKernel(const OnlyKernel&) = delete;
  OnlyKernel& operator=(const OnlyKernel&) = delete;

private:
  static at::Context& context() { return at::globalContext(); }
  static void set(const std::array<bool, 4>& enabled) {
    context().setSDPUseFlash(enabled[0]);
    context().setSDPUseCuDNN(enabled[1]);
    context().setSDPUseMemEfficient(enabled[2]);
    context().setSDPUseMath(enabled[3]);
  }
  std::array<bool, 4> before_;
};

}  // namespace

const char* name_of(SdpaKernel kernel) {
  switch (kernel) {
    case SdpaKernel::Flash:
      return "flash";
    case SdpaKernel::Cudnn:
      return "cuDNN";
    case SdpaKernel::Efficient:
      return "efficient";
    case SdpaKernel::Math:
      return "math";
    case SdpaKernel::Any:
      break;
  }
  return "default";
}

std::vector<SdpaKernel> sdpa_kernels(const at::Device& device, at::ScalarType type) {
  if (device.is_cpu()) return {SdpaKernel::Any};
  if (type == at::kFloat) return {SdpaKernel::Efficient, SdpaKernel::Math};
  return {SdpaKernel::Flash, SdpaKernel::Cudnn, SdpaKernel::Math};
}

at::Tensor sdpa(SdpaKernel kernel, const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                const at::Tensor& bias) {
  const OnlyKernel only(kernel);
  return at::scaled_dot_product_attention(q, k, v, bias.defined() ? std::optional(bias) : std::nullopt);
}

Problem without_kernels(Problem problem) {
  problem.forward = [forward = std::move(problem.forward)] {
    const model::KernelSwitch off(false);
    return forward();
  };
  return problem;
}

const char* precision_name(at::ScalarType type) {
  return type == at::kBFloat16 ? "bf16" : "float32";
}

at::Tensor leaf(const at::Tensor& values) {
  return values.detach().clone().set_requires_grad(true);
}

}  // namespace erwin::bench
