#pragma once
// What the tests of this folder share.

#include <gtest/gtest.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>

#include "core/base/error.h"
#include "core/io/open.h"

namespace erwin::test {

inline std::string bytes_of(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

inline std::filesystem::path put(const std::filesystem::path& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary).write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  return path;
}

// Flips `count` bits in the first `region` bytes.
inline std::string flipped(std::string bytes, unsigned seed, int count, std::size_t region) {
  std::mt19937 random(seed);
  for (int i = 0; i < count; ++i) {
    const std::size_t at = random() % std::min(region, bytes.size());
    bytes[at] = static_cast<char>(bytes[at] ^ (1 << (random() % 8)));
  }
  return bytes;
}

// True where the file opened, false where it was refused with an Error; anything else fails the test by itself.
inline bool opens_or_refuses(const std::filesystem::path& path, const io::OpenOptions& options = {}) {
  try {
    return io::open(path, options)->size() > 0;
  } catch (const Error& error) {
    EXPECT_NE(error.kind(), ErrorKind::Internal) << error.what();
    return false;
  }
}

// The Error that opening raises; fails the test where there is none.
inline Error refusal(const std::filesystem::path& path, const io::OpenOptions& options = {}, const Job& job = {}) {
  try {
    io::open(path, options, job);
  } catch (const Error& error) {
    return error;
  }
  ADD_FAILURE() << path << " opened";
  return Error(ErrorKind::Internal, "it opened");
}

inline void expect_bounds(const PointCloud& cloud, const std::array<double, 3>& low, const std::array<double, 3>& high,
                          double tolerance) {
  const Bounds box = cloud.bounds();
  for (std::size_t axis = 0; axis < 3; ++axis) {
    EXPECT_NEAR(box.minimum[axis], low[axis], tolerance);
    EXPECT_NEAR(box.maximum[axis], high[axis], tolerance);
  }
}

inline void expect_range(const PointCloud& cloud, const char* name, FieldKind kind, int components, double low,
                         double high, double relative = 1e-6) {
  const Field* field = cloud.field(name);
  ASSERT_NE(field, nullptr) << name;
  EXPECT_EQ(field->kind(), kind) << name;
  EXPECT_EQ(field->components(), components) << name;
  const auto range = field->range(components > 1 ? -1 : 0);
  ASSERT_TRUE(range) << name;
  const double size = std::max(std::abs(low), std::abs(high));
  EXPECT_NEAR(range->minimum, low, relative * size) << name;
  EXPECT_NEAR(range->maximum, high, relative * size) << name;
}

}  // namespace erwin::test
