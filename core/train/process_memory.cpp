#include "core/train/internal/process_memory.h"

#include <fstream>
#include <sstream>
#include <string>

namespace erwin::train {

namespace {

std::uint64_t status_bytes(const std::string& wanted) {
  std::ifstream in("/proc/self/status");
  for (std::string line; std::getline(in, line);) {
    std::istringstream words(line);
    std::string key;
    std::uint64_t kibibytes = 0;
    if (words >> key >> kibibytes && key == wanted) return kibibytes * 1024;
  }
  return 0;
}

}  // namespace

std::uint64_t peak_process_memory() {
  return status_bytes("VmHWM:");
}

std::uint64_t process_memory() {
  return status_bytes("VmRSS:");
}

}  // namespace erwin::train
