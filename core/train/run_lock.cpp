#include <fcntl.h>
#include <pthread.h>
#include <sys/file.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <mutex>

#include "core/base/error.h"
#include "core/train/run_directory.h"

namespace erwin {

namespace {

// The lock that this process holds (it runs one run). Forked children, which read files for us, share it and would keep
// it for a moment after this process was killed, so they let go of it first thing.
std::atomic<int> held_file{-1};

void let_go_in_children() {
  static std::once_flag once;
  std::call_once(once, [] {
    ::pthread_atfork(nullptr, nullptr, [] {
      if (const int file = held_file.load(); file >= 0) ::close(file);
    });
  });
}

}  // namespace

RunLock::RunLock(const RunLayout& run) {
  let_go_in_children();
  file_ = ::open(run.lock().c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  if (file_ < 0)
    throw Error(ErrorKind::Io, "cannot make the run's lock", run.lock().string() + ": " + std::strerror(errno),
                "Check the directory's rights and free space");
  if (::flock(file_, LOCK_EX | LOCK_NB) == 0) {
    held_file = file_;
    return;
  }
  const int reason = errno;
  ::close(file_);
  if (reason == EWOULDBLOCK)
    throw Error(ErrorKind::Config, "another process is training in this directory", run.root().string(),
                "Wait for it, or stop it with 'touch " + (run.control() / name_of(Request::Stop)).string() + "'");
  throw Error(ErrorKind::Io, "cannot lock the run's directory", run.lock().string() + ": " + std::strerror(reason),
              "Use a disk that can lock files");
}

RunLock::~RunLock() {
  held_file = -1;
  ::close(file_);
}

bool RunLock::is_held(const RunLayout& run) {
  const int file = ::open(run.lock().c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) return false;
  // Shared, so that two watchers do not take each other for the run.
  const bool held = ::flock(file, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
  ::close(file);
  return held;
}

}  // namespace erwin
