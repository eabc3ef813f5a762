#include "core/base/cache_folder.h"

#include <cstdlib>
#include <string>

namespace erwin {

namespace {

std::string variable(const char* name) {
  const char* const value = std::getenv(name);
  return value ? value : "";
}

}  // namespace

std::filesystem::path cache_folder(std::string_view kind) {
  const std::filesystem::path cache = variable("XDG_CACHE_HOME"), home = variable("HOME");
  if (cache.is_absolute()) return cache / "erwinscope" / kind;  // the XDG rules ignore relative paths
  return home.empty() ? std::filesystem::path() : home / ".cache" / "erwinscope" / kind;
}

bool caching_allowed() {
  return variable("ERWINSCOPE_CACHE") != "off";
}

}  // namespace erwin
