#include "core/base/memory.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <limits>
#include <sstream>
#include <string>

#include "core/base/error.h"

namespace erwin {

namespace {

std::uint64_t meminfo_available() {
  std::ifstream in("/proc/meminfo");
  for (std::string line; std::getline(in, line);) {
    std::istringstream words(line);
    std::string key;
    std::uint64_t kibibytes = 0;
    if (words >> key >> kibibytes && key == "MemAvailable:") return kibibytes * 1024;
  }
  return std::numeric_limits<std::uint64_t>::max();
}

std::uint64_t control_group_left() {
  std::ifstream maximum("/sys/fs/cgroup/memory.max"), current("/sys/fs/cgroup/memory.current");
  std::uint64_t limit = 0, used = 0;
  if (!(maximum >> limit) || !(current >> used)) return std::numeric_limits<std::uint64_t>::max();
  return limit > used ? limit - used : 0;
}

}  // namespace

std::uint64_t available_memory() {
  std::uint64_t bytes = std::min(meminfo_available(), control_group_left());
  if (const char* forced = std::getenv("ERWINSCOPE_MEMORY_LIMIT"))
    bytes = std::min<std::uint64_t>(bytes, std::strtoull(forced, nullptr, 10));
  return bytes;
}

void require_memory(std::uint64_t bytes, std::string_view what) {
  const std::uint64_t available = available_memory();
  if (bytes <= available) return;
  throw Error(ErrorKind::Memory, "not enough memory for " + std::string(what),
              "needs " + format_bytes(bytes) + ", " + format_bytes(available) + " are free",
              "Close other programs or use a smaller sample");
}

std::string format_bytes(std::uint64_t bytes) {
  static constexpr std::array<const char*, 5> units = {"B", "KiB", "MiB", "GiB", "TiB"};
  double value = static_cast<double>(bytes);
  std::size_t unit = 0;
  while (value >= 1024 && unit + 1 < units.size()) {
    value /= 1024;
    ++unit;
  }
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), value < 10 && unit > 0 ? "%.1f %s" : "%.0f %s", value, units[unit]);
  return text.data();
}

}  // namespace erwin
