#pragma once
// A small layer over the HDF5 C library: files by path names, numbers in and out, failures as Error. Every call takes
// one mutex, so one thread at a time is inside HDF5. Files are hostile: they are read in a child process, links and
// storage outside the file are refused, sizes are compared with what the file holds and what memory is free before
// anything is allocated.
//
// Raises Error{Io} where a file cannot be opened, written or flushed, Error{Format} where its content is wrong,
// Error{Memory} where an array does not fit. The detail names the object inside the file; callers that know the file
// add it with Error::at(). Object paths are absolute and start with '/'.

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/base/job.h"

namespace erwin::h5 {

enum class Type { Int8, UInt8, Int16, UInt16, Int32, UInt32, Int64, UInt64, Float32, Float64, Text, Other };
bool is_integer(Type type);
bool is_number(Type type);

enum class Kind { Group, Dataset, Other };  // Other: named types, links out of the file, links to nothing

struct Entry {
  std::string name, path;
  Kind kind = Kind::Other;
};

struct DatasetInfo {
  Type type = Type::Other;
  std::vector<std::int64_t> shape;  // empty: a scalar
  std::int64_t count() const;       // product of the shape
};

// Part of an array along its first axis.
struct Rows {
  std::int64_t first = 0, count = -1;  // -1: all that follow
};

// Where an array of float32 or float64, little-endian and in one piece, lies in its file.
struct Piece {
  std::uint64_t offset = 0;  // byte
  Type type = Type::Float32;
};

class File {
public:
  // Read-only, and read by a child process, because damaged files can crash the library; the job can stop the opening.
  static File open(const std::filesystem::path& path, const Job& job = {});
  // The same within this process: for that child.
  static File open_here(const std::filesystem::path& path);
  // Truncates. Combine with write_file_atomically, and close() before it renames.
  static File create(const std::filesystem::path& path);
  ~File();
  File(File&&) noexcept;
  File& operator=(File&&) noexcept;

  // Flushes and closes, raising what a destructor would have to swallow.
  void close();

  // --- looking around ---
  bool exists(const std::string& path) const;
  bool is_group(const std::string& path) const;
  bool is_dataset(const std::string& path) const;
  // Children in the order of their creation where the file keeps it, else by name.
  std::vector<Entry> children(const std::string& group) const;
  // Every dataset below a group, at most 16 levels deep, each object once.
  std::vector<std::string> datasets_below(const std::string& group) const;
  // Raises Error{Format} for storage we do not read: external, virtual, unknown filters, absurd chunks.
  DatasetInfo info(const std::string& dataset) const;

  // --- reading whole arrays, row-major, any numeric type converted ---
  std::vector<float> read_floats(const std::string& dataset, const Job& job = {}) const;
  std::vector<double> read_doubles(const std::string& dataset, const Job& job = {}) const;
  std::vector<std::int64_t> read_ints(const std::string& dataset, const Job& job = {}) const;
  // Some rows of an array, e.g. frames of a trajectory. Raises Error{Format} where it has fewer.
  std::vector<double> read_rows(const std::string& dataset, Rows rows, const Job& job = {}) const;
  // For many small reads without the library; nothing where the array is stored in another way.
  std::optional<Piece> in_one_piece(const std::string& dataset) const;
  // A scalar (or one-element) text dataset, fixed or variable length; also int8 characters as CGNS stores them.
  std::string read_text(const std::string& dataset) const;

  // --- attributes of a group or dataset ("/" is the root) ---
  bool has_attribute(const std::string& object, const std::string& name) const;
  // Nothing where the attribute is absent or of another kind.
  std::optional<std::string> text_attribute(const std::string& object, const std::string& name) const;
  std::optional<double> double_attribute(const std::string& object, const std::string& name) const;
  std::optional<std::int64_t> int_attribute(const std::string& object, const std::string& name) const;
  // All values of a numeric attribute of any shape.
  std::optional<std::vector<double>> doubles_attribute(const std::string& object, const std::string& name) const;
  std::vector<std::string> attribute_names(const std::string& object) const;

  // --- writing; groups on the way are made ---
  void make_group(const std::string& path);
  void write(const std::string& dataset, const std::vector<std::int64_t>& shape, std::span<const float> values);
  void write(const std::string& dataset, const std::vector<std::int64_t>& shape, std::span<const double> values);
  void write(const std::string& dataset, const std::vector<std::int64_t>& shape, std::span<const std::int8_t> values);
  void write(const std::string& dataset, const std::vector<std::int64_t>& shape, std::span<const std::uint8_t> values);
  void write(const std::string& dataset, const std::vector<std::int64_t>& shape, std::span<const std::int32_t> values);
  void write(const std::string& dataset, const std::vector<std::int64_t>& shape, std::span<const std::uint32_t> values);
  void write(const std::string& dataset, const std::vector<std::int64_t>& shape, std::span<const std::int64_t> values);
  void write_text(const std::string& dataset, const std::string& text);  // a scalar, UTF-8
  void set_text(const std::string& object, const std::string& name, const std::string& value);
  void set_int(const std::string& object, const std::string& name, std::int64_t value);
  void set_double(const std::string& object, const std::string& name, double value);
  void set_ints(const std::string& object, const std::string& name, std::span<const std::int64_t> values);
  void set_doubles(const std::string& object, const std::string& name, std::span<const double> values);

  // The open file, for the sources that call the C library (core/io/internal/hdf5_handle.h).
  struct Impl;
  const Impl& impl() const { return *impl_; }

private:
  explicit File(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace erwin::h5
