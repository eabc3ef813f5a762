#include "core/io/internal/output_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "core/base/error.h"

namespace erwin::io {

namespace {

constexpr std::size_t buffer_bytes = std::size_t{1} << 20;

[[noreturn]] void refuse(const std::string& shown) {
  throw Error(ErrorKind::Io, "cannot write the file", shown + ": " + std::strerror(errno),
              "Check the folder's rights and the free space of the disk");
}

}  // namespace

OutputFile::OutputFile(const std::filesystem::path& temporary, const std::filesystem::path& shown)
    : handle_(::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666)), shown_(shown.string()) {
  if (handle_ < 0) refuse(shown_);
}

OutputFile::~OutputFile() {
  if (handle_ >= 0) ::close(handle_);
}

void OutputFile::flush() {
  std::size_t done = 0;
  while (done < buffer_.size()) {
    const ssize_t wrote = ::write(handle_, buffer_.data() + done, buffer_.size() - done);
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote < 0) refuse(shown_);
    done += static_cast<std::size_t>(wrote);
  }
  buffer_.clear();
}

void OutputFile::write(const void* data, std::size_t bytes) {
  buffer_.append(static_cast<const char*>(data), bytes);
  if (buffer_.size() >= buffer_bytes) flush();
}

void OutputFile::close() {
  flush();
  const int handle = handle_;
  handle_ = -1;
  if (::close(handle) != 0) refuse(shown_);
}

}  // namespace erwin::io
