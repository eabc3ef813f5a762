#include "core/model/internal/kernel_switch.h"

#include <c10/core/impl/VirtualGuardImpl.h>

#include <cstdlib>
#include <mutex>
#include <set>
#include <string>

#include "core/base/error.h"
#include "core/base/log.h"
#ifdef ERWINSCOPE_CUDA
#include <cuda_runtime_api.h>
#endif

namespace erwin::model {

namespace {

thread_local int switched = -1;  // -1: as the environment says

bool environment_allows() {
  static const bool allowed = [] {
    const char* const value = std::getenv("ERWINSCOPE_KERNELS");
    return !value || std::string_view(value) != "off";
  }();
  return allowed;
}

}  // namespace

bool kernels_enabled() {
  return switched < 0 ? environment_allows() : switched == 1;
}

KernelSwitch::KernelSwitch(bool on) : before_(switched) {
  switched = on ? 1 : 0;
}
KernelSwitch::~KernelSwitch() {
  switched = before_;
}

bool is_kernel_type(const at::Tensor& tensor) {
#ifdef ERWINSCOPE_CUDA
  if (tensor.is_cuda()) return tensor.scalar_type() == at::kFloat || tensor.scalar_type() == at::kBFloat16;
#endif
  return tensor.is_cpu() && tensor.scalar_type() == at::kFloat;
}

void* current_stream(const at::Tensor& tensor) {
  return c10::impl::VirtualGuardImpl(tensor.device().type()).getStream(tensor.device()).native_handle();
}

void check_launch(int status, std::string_view kernel) {
  if (status == 0) return;
#ifdef ERWINSCOPE_CUDA
  const std::string what = cudaGetErrorString(static_cast<cudaError_t>(status));
#else
  const std::string what = "error " + std::to_string(status);
#endif
  throw Error(ErrorKind::Device, "a CUDA kernel could not be started", std::string(kernel) + ": " + what,
              "ERWINSCOPE_KERNELS=off computes without our kernels");
}

void log_aten_path(std::string_view operation, std::string_view reason) {
  static std::mutex mutex;
  static std::set<std::string> said;
  const std::string line = std::string(operation) + " runs without our kernel: " + std::string(reason);
  {
    const std::lock_guard lock(mutex);
    if (!said.insert(line).second) return;
  }
  log(LogLevel::Info, line);
}

}  // namespace erwin::model
