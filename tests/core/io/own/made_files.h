#pragma once
// One small, correct file of each format, for tests that change or cut it.

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace erwin::test {

// An NPY file of version 1: header and raw data.
std::string make_npy(const std::string& descr, const std::string& shape, const std::string& data, bool fortran = false);

// A ZIP of stored members with correct checksums; deflated where `deflate` says so.
std::string make_zip(const std::vector<std::pair<std::string, std::string>>& members, bool deflate = false);

// A LAS file of that version and point format; each record is the standard one (zeros beside what is set here) and
// `extra` bytes. Points lie at (i, 2 i, 3 i) * 0.01 + (1000, 2000, 3000).
struct LasRecipe {
  int minor = 2, format = 0;
  std::uint32_t points = 4;
  std::size_t extra = 0;
  std::string vlrs = {};  // whole records
  std::uint32_t vlr_count = 0;
};
std::string make_las(const LasRecipe& recipe);
// Where the records of make_las begin.
std::size_t las_points_offset(const LasRecipe& recipe);

// Each format once: its name and bytes. All open, with eight points.
std::vector<std::pair<std::string, std::string>> one_of_each();

}  // namespace erwin::test
