#include "tests/support/shared_data.h"

#include <unistd.h>

#include <cstdlib>
#include <stdexcept>

namespace erwin::test {

namespace fs = std::filesystem;

fs::path source_folder() {
  return ERWIN_SOURCE_DIR;
}

std::optional<fs::path> shared_folder() {
  const char* given = std::getenv("ERWINSCOPE_SHARED");
  const fs::path folder = given && *given ? fs::path(given) : source_folder().parent_path() / "shared";
  if (!fs::is_directory(folder)) return std::nullopt;
  return folder;
}

bool shared_is_required() {
  const char* value = std::getenv("ERWINSCOPE_REQUIRE_SHARED");
  return value && std::string(value) == "1";
}

ScratchFolder::ScratchFolder() {
  std::string pattern = (fs::temp_directory_path() / "erwinscope-test-XXXXXX").string();
  if (!mkdtemp(pattern.data())) throw std::runtime_error("cannot make a scratch folder " + pattern);
  path_ = pattern;
}

ScratchFolder::~ScratchFolder() {
  std::error_code ignored;
  fs::remove_all(path_, ignored);
}

}  // namespace erwin::test
