#include "core/io/internal/file_bytes.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "core/base/error.h"
#include "core/base/memory.h"

namespace erwin::io {

InputFile::InputFile(const std::filesystem::path& path) {
  // O_NONBLOCK: a pipe that nobody writes must not hang the open.
  handle_ = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (handle_ < 0)
    throw Error(ErrorKind::Io, errno == ENOENT ? "there is no such file" : "the file cannot be read",
                path.string() + (errno == ENOENT ? "" : std::string(": ") + std::strerror(errno)),
                errno == ENOENT ? "Check the path" : "Check the permissions of the file");
  struct stat status {};
  const bool known = ::fstat(handle_, &status) == 0;
  if (!known || !S_ISREG(status.st_mode)) {
    ::close(handle_);
    if (known && S_ISDIR(status.st_mode))
      throw Error(ErrorKind::Io, "this is a folder, not a file", path.string(), "Name one of the files in it");
    throw Error(ErrorKind::Io, "this is not a plain file", path.string(), "Copy the data into a file first");
  }
  size_ = static_cast<std::uint64_t>(status.st_size);
}

InputFile::~InputFile() {
  ::close(handle_);
}

void InputFile::read_at(std::uint64_t offset, char* to, std::size_t bytes) const {
  while (bytes > 0) {
    const ssize_t got =
        ::pread(handle_, to, std::min<std::size_t>(bytes, std::size_t{1} << 24), static_cast<off_t>(offset));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) throw Error(ErrorKind::Io, "the file cannot be read", std::strerror(errno));
    if (got == 0)
      throw Error(ErrorKind::Io, "the file ended while it was read", "at byte " + std::to_string(offset),
                  "Another program may be writing it: try again when it is done");
    to += got;
    offset += static_cast<std::uint64_t>(got);
    bytes -= static_cast<std::size_t>(got);
  }
}

std::string InputFile::text_at(std::uint64_t offset, std::size_t bytes) const {
  if (offset >= size_) return {};
  std::string text(static_cast<std::size_t>(std::min<std::uint64_t>(bytes, size_ - offset)), '\0');
  read_at(offset, text.data(), text.size());
  return text;
}

FileBytes::FileBytes(const std::filesystem::path& path, const Job& job) {
  constexpr std::size_t chunk = std::size_t{1} << 24;
  const InputFile file(path);
  require_memory(file.size(), "the bytes of the file");
  size_ = static_cast<std::size_t>(file.size());
  data_ = std::make_unique_for_overwrite<char[]>(std::max<std::size_t>(size_, 1));
  for (std::size_t at = 0; at < size_; at += chunk) {
    job.check();
    job.progress(0.3 * static_cast<double>(at) / static_cast<double>(size_), "reading the file");
    file.read_at(at, data_.get() + at, std::min(chunk, size_ - at));
  }
}

}  // namespace erwin::io
