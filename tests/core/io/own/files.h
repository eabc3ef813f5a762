#pragma once
// Small files made by the tests themselves, byte by byte, and what opening them is expected to say.

#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/error.h"
#include "core/io/open.h"
#include "tests/support/shared_data.h"

namespace erwin::test {

// The bytes of a number as the host (little endian) has them, or reversed.
template <typename T>
std::string bytes_of(T value, bool big_endian = false) {
  std::string bytes(sizeof value, '\0');
  std::memcpy(bytes.data(), &value, sizeof value);
  return big_endian ? std::string(bytes.rbegin(), bytes.rend()) : bytes;
}

template <typename T>
std::string bytes_of(std::initializer_list<T> values, bool big_endian = false) {
  std::string bytes;
  for (const T value : values) bytes += bytes_of(value, big_endian);
  return bytes;
}

inline void write_bytes(const std::filesystem::path& path, std::string_view bytes) {
  std::ofstream(path, std::ios::binary | std::ios::trunc)
      .write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

inline std::string read_bytes(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

// Opens bytes under a name; the file lives as long as the object.
class MadeFile {
public:
  explicit MadeFile(std::string_view bytes, const std::string& name = "made.dat") : path_(folder_.path() / name) {
    write_bytes(path_, bytes);
  }
  const std::filesystem::path& path() const { return path_; }
  PointCloudPtr open(const io::OpenOptions& options = {}) const { return io::open(path_, options); }

private:
  ScratchFolder folder_;
  std::filesystem::path path_;
};

inline io::OpenOptions dropping_nonfinite() {
  io::OpenOptions options;
  options.drop_nonfinite = true;
  return options;
}

inline io::OpenOptions with_positions(const std::string& name) {
  io::OpenOptions options;
  options.positions = name;
  return options;
}

inline io::OpenOptions with_sample(const std::string& name) {
  io::OpenOptions options;
  options.sample = name;
  return options;
}

inline PointCloudPtr open_bytes(std::string_view bytes, const io::OpenOptions& options = {}) {
  return MadeFile(bytes).open(options);
}

// Expects an Error of that kind whose text holds `fragment`.
template <typename Action>
void expect_error(ErrorKind kind, std::string_view fragment, Action action) {
  try {
    action();
    ADD_FAILURE() << "no error, expected one that says '" << fragment << "'";
  } catch (const Error& error) {
    EXPECT_EQ(name_of(error.kind()), name_of(kind)) << error.what();
    EXPECT_NE(std::string_view(error.what()).find(fragment), std::string_view::npos) << error.what();
  }
}

inline void expect_refused(std::string_view bytes, std::string_view fragment, ErrorKind kind = ErrorKind::Format,
                           const io::OpenOptions& options = {}) {
  expect_error(kind, fragment, [&] { open_bytes(bytes, options); });
}

inline std::vector<double> values_of(const PointCloud& cloud, std::string_view name, std::int64_t frame = 0) {
  const Field& field = cloud.require_field(name);
  std::vector<double> values;
  for (std::int64_t point = 0; point < field.points(); ++point)
    for (int c = 0; c < field.components(); ++c) values.push_back(field.value(point, c, frame));
  return values;
}

inline std::vector<double> positions_of(const PointCloud& cloud, std::int64_t frame = 0) {
  std::vector<double> values;
  for (std::int64_t point = 0; point < cloud.size(); ++point)
    for (const double x : cloud.position(point, frame)) values.push_back(x);
  return values;
}

inline bool any_remark(const PointCloud& cloud, std::string_view fragment) {
  for (const std::string& remark : cloud.source().remarks)
    if (remark.find(fragment) != std::string::npos) return true;
  return false;
}

}  // namespace erwin::test
