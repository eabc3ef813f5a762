#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <mutex>
#include <set>
#include <utility>

#include "core/base/error.h"
#include "core/train/run_directory.h"

// Record locks (fcntl) belong to the process alone: children that are forked to read files for it do not hold them on
// after it was killed, as they would with flock. The price: closing the file a second time within this process would
// give the lock away, so the process remembers which files it has locked and does not open them again.

namespace erwin {

namespace {

using FileId = std::pair<dev_t, ino_t>;

std::mutex ours_mutex;
std::set<FileId>& ours() {
  static std::set<FileId> files;
  return files;
}

FileId id_of(const struct stat& status) {
  return {status.st_dev, status.st_ino};
}

struct flock whole_file() {
  struct flock lock {};
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  return lock;
}

[[noreturn]] void busy(const RunLayout& run) {
  throw Error(ErrorKind::Config, "another process is training in this directory", run.root().string(),
              "Wait for it, or stop it with 'touch " + (run.control() / name_of(Request::Stop)).string() + "'");
}

}  // namespace

RunLock::RunLock(const RunLayout& run) {
  const std::lock_guard guard(ours_mutex);
  struct stat status {};
  if (::stat(run.lock().c_str(), &status) == 0 && ours().contains(id_of(status))) busy(run);
  file_ = ::open(run.lock().c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  if (file_ < 0)
    throw Error(ErrorKind::Io, "cannot make the run's lock", run.lock().string() + ": " + std::strerror(errno),
                "Check the directory's rights and free space");
  struct flock lock = whole_file();
  if (::fcntl(file_, F_SETLK, &lock) == 0 && ::fstat(file_, &status) == 0) {
    ours().insert(id_of(status));
    return;
  }
  const int reason = errno;
  ::close(file_);
  if (reason == EACCES || reason == EAGAIN) busy(run);
  throw Error(ErrorKind::Io, "cannot lock the run's directory", run.lock().string() + ": " + std::strerror(reason),
              "Use a disk that can lock files");
}

RunLock::~RunLock() {
  const std::lock_guard guard(ours_mutex);
  struct stat status {};
  if (::fstat(file_, &status) == 0) ours().erase(id_of(status));
  ::close(file_);
}

bool RunLock::is_held(const RunLayout& run) {
  const std::lock_guard guard(ours_mutex);
  struct stat status {};
  if (::stat(run.lock().c_str(), &status) != 0) return false;
  if (ours().contains(id_of(status))) return true;
  const int file = ::open(run.lock().c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) return false;
  struct flock lock = whole_file();
  const bool held = ::fcntl(file, F_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
  ::close(file);
  return held;
}

}  // namespace erwin
