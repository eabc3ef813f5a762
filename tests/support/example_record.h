#pragma once
// The attention record of resources/help/record_example.py, which needs h5py and numpy and nothing of ours.

#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "tests/support/shared_data.h"

namespace erwin::test {

inline constexpr const char* no_numpy = "no Python with h5py and numpy; packaging/test.sh makes one";

// The Python of the project's environment, where it has h5py; empty otherwise.
inline std::string numpy_python() {
  std::vector<std::string> candidates;
  if (const char* named = std::getenv("ERWINSCOPE_PYTHON")) candidates.emplace_back(named);
  const char* cache = std::getenv("XDG_CACHE_HOME");
  const char* home = std::getenv("HOME");
  if (cache)
    candidates.push_back(std::string(cache) + "/erwinscope/venv/bin/python3");
  else if (home)
    candidates.push_back(std::string(home) + "/.cache/erwinscope/venv/bin/python3");
  candidates.emplace_back("python3");
  for (const std::string& candidate : candidates)
    if (std::system(("'" + candidate + "' -c 'import h5py, numpy' 2>/dev/null").c_str()) == 0) return candidate;
  return "";
}

// 200 points; layer 0 "near" as lists of the 16 heaviest keys, layer 1 "everywhere" as queries and keys; 4 heads. Empty
// where there is no such Python.
inline std::filesystem::path write_example_record(const std::filesystem::path& folder) {
  const std::string interpreter = numpy_python();
  if (interpreter.empty()) return {};
  const auto path = folder / "toy.h5";
  const auto script = source_folder() / "resources" / "help" / "record_example.py";
  const int code = std::system(("'" + interpreter + "' '" + script.string() + "' '" + path.string() + "'").c_str());
  EXPECT_EQ(code, 0);
  return path;
}

}  // namespace erwin::test
