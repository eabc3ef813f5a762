#pragma once
// Parity fixtures (HDF5 files made by slow reference programs), read whole into vectors. A library of its own
// (erwin_test_fixture), so that tests that need no fixture link no HDF5.

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace erwin::test {

// A dataset: its shape (empty for a scalar) and its values in row-major order.
template <typename T>
struct FixtureArray {
  std::vector<std::int64_t> shape;
  std::vector<T> values;
};

// An open file. Paths are like "input/positions". Everything throws std::runtime_error naming file and path.
class Fixture {
public:
  explicit Fixture(const std::filesystem::path& file);
  ~Fixture();
  Fixture(const Fixture&) = delete;
  Fixture& operator=(const Fixture&) = delete;

  const std::filesystem::path& file() const { return file_; }

  // Is there a group or a dataset of this path?
  bool has(const std::string& path) const;
  bool is_group(const std::string& path) const;
  // Names in a group ("" or "/" for the root), in alphabetical order.
  std::vector<std::string> children(const std::string& group) const;
  // Paths of all datasets below a group, relative to it, in alphabetical order.
  std::vector<std::string> datasets(const std::string& group) const;

  std::vector<std::int64_t> shape(const std::string& dataset) const;
  FixtureArray<double> doubles(const std::string& dataset) const;         // floats and integers, widened
  FixtureArray<std::int64_t> integers(const std::string& dataset) const;  // integers and booleans
  FixtureArray<std::uint8_t> bools(const std::string& dataset) const;     // h5py's booleans (an enum), 0 or 1

  // Attributes of an object ("" or "/" for the root).
  bool has_attribute(const std::string& object, const std::string& name) const;
  std::string text_attribute(const std::string& object, const std::string& name) const;
  std::vector<double> number_attribute(const std::string& object, const std::string& name) const;  // scalar or array

private:
  std::filesystem::path file_;
  std::int64_t id_ = -1;
};

// Every .h5 file of `folder` whose root attribute `kind` has this value, in alphabetical order.
std::vector<std::filesystem::path> fixtures_of_kind(const std::filesystem::path& folder, const std::string& kind);

}  // namespace erwin::test
