#pragma once
// Where tests find data and parity files that are not part of the project.

#include <gtest/gtest.h>

#include <filesystem>
#include <optional>
#include <string>

namespace erwin::test {

// $ERWINSCOPE_SHARED, or ../shared beside the source tree; nothing where the folder is absent.
std::optional<std::filesystem::path> shared_folder();

// True where ERWINSCOPE_REQUIRE_SHARED=1 turns a missing shared folder into a failure.
bool shared_is_required();

// The root of the project's source tree.
std::filesystem::path source_folder();

// A fresh, empty folder that is removed when the object goes.
class ScratchFolder {
public:
  ScratchFolder();
  ~ScratchFolder();
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;
  const std::filesystem::path& path() const { return path_; }

private:
  std::filesystem::path path_;
};

}  // namespace erwin::test

// Declares `const std::filesystem::path name`, the shared folder's `relative`; skips the test (or fails it, see
// shared_is_required) where it is absent. Use at the top of a test body.
#define ERWIN_SHARED_OR_SKIP(name, relative)                                                                           \
  const std::filesystem::path name =                                                                                   \
      ::erwin::test::shared_folder() ? *::erwin::test::shared_folder() / (relative) : std::filesystem::path(relative); \
  if (!::erwin::test::shared_folder() || !std::filesystem::exists(name)) {                                             \
    if (::erwin::test::shared_is_required()) FAIL() << "ERWINSCOPE_REQUIRE_SHARED=1, but " << name << " is absent";    \
    GTEST_SKIP() << name << " is absent: set ERWINSCOPE_SHARED to the folder with data and parity files";              \
  }                                                                                                                    \
  static_assert(true, "ends with a semicolon")
