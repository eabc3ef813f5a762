#include "app/version.h"

#include <cstdio>

#include "core/base/memory.h"
#include "core/base/version.h"
#include "core/io/hdf5_version.h"
#include "core/model/model.h"
#ifdef ERWINSCOPE_UI
#include "ui/version.h"
#endif

namespace erwin::app {

void print_version() {
  std::printf("erwinscope %s\n", ERWINSCOPE_VERSION);
#ifdef ERWINSCOPE_UI
  std::printf("Qt %s\nVTK %s\n", ui::qt_version().c_str(), ui::vtk_version().c_str());
#else
  std::printf("Qt none\nVTK none\n");
#endif
  std::printf("LibTorch %s\nCUDA %s\nHDF5 %s\n", torch_version().c_str(), torch_cuda_version().c_str(),
              io::hdf5_version().c_str());
  for (const DeviceInfo& device : find_devices())
    std::printf("device %s: %s, %s\n", device.id.c_str(), device.name.c_str(),
                format_bytes(device.memory_bytes).c_str());
}

}  // namespace erwin::app
