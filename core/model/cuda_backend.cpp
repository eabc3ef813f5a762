// LibTorch's CUDA half, loaded when the program starts on a machine with an NVIDIA driver and not at all elsewhere: it
// costs half a second that a laptop need not spend. It must be there before Torch first asks for its CUDA hooks.

#include <dlfcn.h>

#include <string>

#include "core/base/log.h"

namespace {

bool load_cuda_backend() {
  // The driver's library; without it Torch could not use a device anyway.
  if (!::dlopen("libcuda.so.1", RTLD_LAZY | RTLD_LOCAL)) return false;
  if (::dlopen("libtorch_cuda.so", RTLD_NOW | RTLD_GLOBAL)) return true;
  const char* why = ::dlerror();
  erwin::log(erwin::LogLevel::Warning, "there is an NVIDIA driver, but LibTorch's CUDA libraries cannot be loaded: " +
                                           std::string(why ? why : ""));
  return false;
}

}  // namespace

// Named on the linker's command line (core/model/CMakeLists.txt), so that this file is part of every program that uses
// the models.
extern "C" const bool erwin_cuda_backend_loaded;
const bool erwin_cuda_backend_loaded = load_cuda_backend();
