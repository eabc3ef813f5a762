#pragma once
// Reading an HDF5 file in a process of its own. A damaged file can crash, hang or corrupt the HDF5 library, so a forked
// child opens it and answers questions over a socket; this process never lets the library near the file. The child is a
// copy of this process that needs no other program, and it ends with the object.

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <mutex>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "core/base/error.h"
#include "core/base/job.h"
#include "core/io/internal/hdf5.h"

namespace erwin::h5 {

// What File's reading functions ask.
enum class Question : char {
  Exists,
  IsGroup,
  IsDataset,
  Children,
  DatasetsBelow,
  Info,
  Floats,
  Doubles,
  Ints,
  Rows,
  InOnePiece,
  Text,
  HasAttribute,
  TextAttribute,
  DoublesAttribute,
  IntAttribute,
  AttributeNames
};

// Bytes with numbers and texts in them, in the order in which they were put.
class Packet {
public:
  Packet() = default;
  explicit Packet(std::string bytes) : bytes_(std::move(bytes)) {}
  template <typename T>
  Packet& put(const T& value) {
    static_assert(std::is_trivially_copyable_v<T>);
    bytes_.append(reinterpret_cast<const char*>(&value), sizeof value);
    return *this;
  }
  Packet& put(const std::string& text) {
    put(static_cast<std::uint64_t>(text.size()));
    bytes_ += text;
    return *this;
  }
  template <typename T>
  Packet& put(const std::vector<T>& values) {
    put(static_cast<std::uint64_t>(values.size()));
    for (const T& value : values) put(value);
    return *this;
  }
  // Raises Error{Format} where the packet is shorter than that.
  template <typename T>
  T take() {
    T value{};
    const std::string bytes = take_bytes(sizeof value);
    bytes.copy(reinterpret_cast<char*>(&value), sizeof value);
    return value;
  }
  std::string take_text() { return take_bytes(take<std::uint64_t>()); }
  const std::string& bytes() const { return bytes_; }

private:
  std::string take_bytes(std::uint64_t count);
  std::string bytes_;
  std::size_t at_ = 0;
};

class Remote {
public:
  // Starts the child; raises what it raises on opening the file.
  Remote(const std::filesystem::path& path, const Job& job);
  ~Remote();
  Remote(const Remote&) = delete;
  Remote& operator=(const Remote&) = delete;

  Packet ask(Question question, const std::string& object, const std::string& name = {}, const Job& job = {});
  // The numbers of an array, as they come; `name` as the question wants it.
  template <typename T>
  std::vector<T> ask_numbers(Question question, const std::string& object, const std::string& name, const Job& job);

private:
  Packet receive(const Job& job);
  void read_exactly(char* to, std::size_t bytes, const Job& job);
  [[noreturn]] void broken(const char* what);
  void end();

  std::mutex mutex_;
  pid_t child_ = -1;
  int socket_ = -1;
};

}  // namespace erwin::h5
