#include <ATen/Parallel.h>
#include <ATen/detail/CUDAHooksInterface.h>
#include <dlfcn.h>
#include <torch/version.h>

#include <algorithm>
#include <array>
#include <thread>

#include "core/base/error.h"
#include "core/base/memory.h"
#include "core/model/model.h"
#include "kernels/parallel/parallel.h"

namespace erwin {

namespace {

// Names and memory of CUDA devices from the driver itself, so that no CUDA header is needed.
class CudaDriver {
public:
  CudaDriver() : library_(::dlopen("libcuda.so.1", RTLD_LAZY | RTLD_LOCAL)) {
    if (!library_) return;
    const auto init = function<int(unsigned)>("cuInit");
    name_ = function<int(char*, int, int)>("cuDeviceGetName");
    memory_ = function<int(std::size_t*, int)>("cuDeviceTotalMem_v2");
    handle_ = function<int(int*, int)>("cuDeviceGet");
    ready_ = init && name_ && memory_ && handle_ && init(0) == 0;
  }

  DeviceInfo device(int index) const {
    DeviceInfo info{"cuda:" + std::to_string(index), "CUDA device", 0};
    int handle = 0;
    if (!ready_ || handle_(&handle, index) != 0) return info;
    std::array<char, 256> name{};
    std::size_t bytes = 0;
    if (name_(name.data(), static_cast<int>(name.size()) - 1, handle) == 0) info.name = name.data();
    if (memory_(&bytes, handle) == 0) info.memory_bytes = bytes;
    return info;
  }

private:
  template <typename Signature>
  Signature* function(const char* symbol) const {
    return reinterpret_cast<Signature*>(::dlsym(library_, symbol));
  }
  void* library_;
  bool ready_ = false;
  int (*name_)(char*, int, int) = nullptr;
  int (*memory_)(std::size_t*, int) = nullptr;
  int (*handle_)(int*, int) = nullptr;
};

}  // namespace

std::vector<DeviceInfo> find_devices() {
  const unsigned threads = std::max(1U, std::thread::hardware_concurrency());
  std::vector<DeviceInfo> devices{{"cpu", std::to_string(threads) + " threads", available_memory()}};
  const auto& hooks = at::detail::getCUDAHooks();
  const int count = hooks.hasCUDA() ? hooks.getNumGPUs() : 0;
  if (count == 0) return devices;
  const CudaDriver driver;
  for (int index = 0; index < count; ++index) devices.push_back(driver.device(index));
  return devices;
}

std::string torch_version() {
  return std::to_string(TORCH_VERSION_MAJOR) + "." + std::to_string(TORCH_VERSION_MINOR) + "." +
         std::to_string(TORCH_VERSION_PATCH);
}

// The CUDA half is not loaded on a machine without a driver (cuda_backend.cpp), so its runtime is asked, not Torch's
// hooks.
std::string torch_cuda_version() {
  void* library = ::dlopen("libtorch_cuda.so", RTLD_LAZY | RTLD_LOCAL);
  if (!library) return "none";
  const auto runtime_version = reinterpret_cast<int (*)(int*)>(::dlsym(library, "cudaRuntimeGetVersion"));
  int version = 0;
  if (!runtime_version || runtime_version(&version) != 0) return "none";
  return std::to_string(version / 1000) + "." + std::to_string(version % 1000 / 10);
}

void set_thread_count(int threads) {
  if (threads < 1 || threads > 4096)
    throw Error(ErrorKind::Config, "the number of threads is out of range", "threads = " + std::to_string(threads),
                "Allowed: 1 to 4096");
  at::set_num_threads(threads);
  set_parallel_threads(threads);
}

}  // namespace erwin
