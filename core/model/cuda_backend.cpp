// LibTorch's CUDA half, loaded when the program starts on a machine with an NVIDIA driver and not at all elsewhere: it
// costs half a second that a laptop need not spend. It must be there before Torch first asks for its CUDA hooks. Our
// own library that links it (cuda_plugin/) follows.

#include <c10/core/Device.h>
#include <dlfcn.h>

#include <filesystem>
#include <string>
#include <system_error>

#include "core/base/log.h"
#include "core/model/internal/device_graph.h"

namespace {

using MakeGraph = erwin::model::DeviceGraph* (*)(int device);
MakeGraph make_cuda_graph = nullptr;

std::string why() {
  const char* message = ::dlerror();
  return message ? message : "";
}

void load_plugin() {
#ifdef ERWINSCOPE_CUDA_PLUGIN
  // In lib/ beside the program's bin/, wherever both have been moved to.
  std::error_code problem;
  const auto program = std::filesystem::read_symlink("/proc/self/exe", problem);
  const auto library = program.parent_path().parent_path() / "lib" / ERWINSCOPE_CUDA_PLUGIN;
  void* const plugin = ::dlopen(library.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (plugin) make_cuda_graph = reinterpret_cast<MakeGraph>(::dlsym(plugin, "erwin_make_cuda_graph"));
  if (!make_cuda_graph)
    erwin::log(erwin::LogLevel::Warning, "work on the device will be launched kernel by kernel, which is slower: " + why());
#endif
}

bool load_cuda_backend() {
  // The driver's library; without it Torch could not use a device anyway.
  if (!::dlopen("libcuda.so.1", RTLD_LAZY | RTLD_LOCAL)) return false;
  if (!::dlopen("libtorch_cuda.so", RTLD_NOW | RTLD_GLOBAL)) {
    erwin::log(erwin::LogLevel::Warning,
               "there is an NVIDIA driver, but LibTorch's CUDA libraries cannot be loaded: " + why());
    return false;
  }
  load_plugin();
  return true;
}

}  // namespace

// Named on the linker's command line (core/model/CMakeLists.txt), so that this file is part of every program that uses
// the models.
extern "C" const bool erwin_cuda_backend_loaded;
const bool erwin_cuda_backend_loaded = load_cuda_backend();

namespace erwin::model {

std::unique_ptr<DeviceGraph> make_device_graph(const c10::Device& device) {
  if (!device.is_cuda() || !make_cuda_graph) return nullptr;
  return std::unique_ptr<DeviceGraph>(make_cuda_graph(device.index()));
}

}  // namespace erwin::model
