#include <ATen/detail/CUDAHooksInterface.h>

#include <algorithm>
#include <fstream>
#include <sstream>

#include "core/bench/bench.h"
#include "core/model/model.h"
#include "kernels/parallel/parallel.h"

namespace erwin::bench {

namespace {

// "NVRM version: NVIDIA UNIX x86_64 Kernel Module  580.82.07 ...": the first word that is a version.
std::string driver_version() {
  std::ifstream in("/proc/driver/nvidia/version");
  std::string line;
  std::getline(in, line);
  std::istringstream words(line);
  for (std::string word; words >> word;)
    if (word.find('.') != std::string::npos && word.find_first_not_of("0123456789.") == std::string::npos) return word;
  return {};
}

std::string cudnn_version() {
  const auto& hooks = at::detail::getCUDAHooks();
  if (!hooks.hasCUDA() || !hooks.compiledWithCuDNN()) return {};
  const long version = hooks.versionCuDNN();
  return std::to_string(version / 10000) + "." + std::to_string(version % 10000 / 100) + "." +
         std::to_string(version % 100);
}

}  // namespace

std::string processor_name() {
  std::ifstream in("/proc/cpuinfo");
  for (std::string line; std::getline(in, line);)
    if (line.starts_with("model name")) return line.substr(std::min(line.size(), line.find(':') + 2));
  return "unknown";
}

Environment describe(const std::string& device) {
  Environment environment;
  environment.id = device;
  environment.torch = torch_version();
  environment.cuda = torch_cuda_version();
  environment.threads = parallel_threads();
  if (device == "cpu") {
    environment.device = processor_name();
    return environment;
  }
  for (const DeviceInfo& info : find_devices())
    if (info.id == device || (device == "cuda" && info.id == "cuda:0")) environment.device = info.name;
  environment.driver = driver_version();
  environment.cudnn = cudnn_version();
  // Measured: 16 exponentials per multiprocessor and clock, and a copy.
  const bool h200 = environment.device.find("H200") != std::string::npos;
  if (h200 || environment.device.find("H100") != std::string::npos) {
    environment.exps_per_second = 4.2e12;
    environment.bytes_per_second = h200 ? 4.16e12 : 3.0e12;
  }
  return environment;
}

}  // namespace erwin::bench
