#include "core/base/atomic_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <string>

#include "core/base/error.h"

namespace erwin {

namespace fs = std::filesystem;

namespace {

void flush_to_disk(const fs::path& path) {
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) throw Error(ErrorKind::Io, "cannot write the file", path.string() + ": " + std::strerror(errno));
  const int failed = ::fsync(file);
  const int reason = errno;
  ::close(file);
  // Some file systems cannot flush; that is no reason to refuse the file.
  if (failed && reason != EINVAL && reason != EROFS)
    throw Error(ErrorKind::Io, "cannot flush the file to disk", path.string() + ": " + std::strerror(reason),
                "Check the free space of the disk");
}

}  // namespace

void write_file_atomically(const fs::path& path, const std::function<void(const fs::path&)>& write, Flush flush) {
  const fs::path folder = path.has_parent_path() ? path.parent_path() : fs::path(".");
  std::error_code problem;
  fs::create_directories(folder, problem);
  if (!fs::is_directory(folder))
    throw Error(ErrorKind::Io, "cannot make the folder", folder.string() + ": " + problem.message());
  // The temporary name keeps the extension: libraries choose a format by it.
  const fs::path temporary =
      folder / ("." + path.stem().string() + ".partial-" + std::to_string(::getpid()) + path.extension().string());
  try {
    write(temporary);
    if (flush == Flush::Yes) flush_to_disk(temporary);
    fs::rename(temporary, path);
  } catch (const fs::filesystem_error& error) {
    fs::remove(temporary, problem);
    throw Error(ErrorKind::Io, "cannot put the file in its place", path.string() + ": " + error.code().message());
  } catch (...) {
    fs::remove(temporary, problem);
    throw;
  }
}

void write_text_atomically(const fs::path& path, std::string_view text) {
  write_file_atomically(path, [&](const fs::path& temporary) {
    std::ofstream out(temporary, std::ios::binary);
    out.write(text.data(), static_cast<std::streamsize>(text.size()));
    out.close();
    if (!out)
      throw Error(ErrorKind::Io, "cannot write the file", path.string(), "Check the folder's rights and free space");
  });
}

}  // namespace erwin
