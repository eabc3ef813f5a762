#pragma once
// What the tests of the published data sets share: files that a Python script wrote, and what went wrong.

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <string>
#include <vector>

#include "core/base/error.h"
#include "core/dataset/dataset.h"
#include "tests/support/shared_data.h"

namespace erwin::test {

namespace fs = std::filesystem;
using Names = std::vector<std::string>;
using Indices = std::vector<std::int64_t>;

inline bool has_python() {
  static const bool has = std::system("python3 -c 'import struct' >/dev/null 2>&1") == 0;
  return has;
}

// Runs tests/core/dataset/originals/write_originals.py KIND FOLDER.
inline void write_originals(const std::string& kind, const fs::path& folder) {
  const std::string script = (source_folder() / "tests/core/dataset/originals/write_originals.py").string();
  const std::string command = "python3 '" + script + "' " + kind + " '" + folder.string() + "'";
  ASSERT_EQ(std::system(command.c_str()), 0) << command;
}

inline std::string bytes_of(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

inline fs::path put(const fs::path& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary).write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  return path;
}

inline Names names_of(const Dataset& dataset) {
  Names names;
  for (const SampleEntry& entry : dataset.samples()) names.push_back(entry.name);
  return names;
}

inline io::OpenOptions skipping() {
  io::OpenOptions options;
  options.skip_bad = true;
  return options;
}

// The Error that `work` raises; fails the test where there is none.
inline Error error_of(const std::function<void()>& work) {
  try {
    work();
  } catch (const Error& error) {
    return error;
  }
  ADD_FAILURE() << "nothing was refused";
  return Error(ErrorKind::Internal, "nothing was refused");
}

inline void expect_says(const Error& error, ErrorKind kind, const Names& parts) {
  EXPECT_EQ(error.kind(), kind) << error.what();
  for (const std::string& part : parts)
    EXPECT_NE(std::string(error.what()).find(part), std::string::npos) << part << " in: " << error.what();
}

}  // namespace erwin::test

// At the top of a test body that needs files of write_originals().
#define ERWIN_PYTHON_OR_SKIP() \
  if (!::erwin::test::has_python()) GTEST_SKIP() << "there is no python3, which writes the files of this test"
