#pragma once
// Reading files without trusting them: plain files only, sizes known, every read checked.

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "core/base/job.h"

namespace erwin::io {

// An open regular file. Raises Error{Io}: missing, a folder, a device or pipe, unreadable.
class InputFile {
public:
  explicit InputFile(const std::filesystem::path& path);
  ~InputFile();
  InputFile(const InputFile&) = delete;
  InputFile& operator=(const InputFile&) = delete;

  std::uint64_t size() const { return size_; }
  // Fills `bytes` bytes from `offset`; Error{Io} where the file has become shorter since it was opened.
  void read_at(std::uint64_t offset, char* to, std::size_t bytes) const;
  // At most `bytes` bytes from `offset`, fewer at the end of the file.
  std::string text_at(std::uint64_t offset, std::size_t bytes) const;

private:
  int handle_ = -1;
  std::uint64_t size_ = 0;
};

// A whole file in memory (not mapped: a file that shrinks under a mapping would kill the program).
class FileBytes {
public:
  // Asks require_memory first, reports progress from 0 to 0.3. Raises Error{Io, Memory, Cancelled}.
  FileBytes(const std::filesystem::path& path, const Job& job);
  std::string_view view() const { return {data_.get(), size_}; }

private:
  std::unique_ptr<char[]> data_;
  std::size_t size_ = 0;
};

}  // namespace erwin::io
