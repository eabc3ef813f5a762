#include "core/session/mark_book.h"

#include <system_error>

#include "core/base/error.h"

namespace erwin {

namespace fs = std::filesystem;

FileMark MarkBook::mark(const std::string& path, const Job& job) {
  if (path.empty()) return {};
  if (const FileMark before = known(path); before.bytes >= 0) return before;
  std::error_code problem;
  const auto written = fs::last_write_time(path, problem);
  try {
    const FileMark made = mark_of(path, job);
    const std::lock_guard lock(mutex_);
    entries_[path] = {written, made};
    return made;
  } catch (const Error& error) {
    if (error.kind() == ErrorKind::Cancelled) throw;
    return {};
  }
}

FileMark MarkBook::known(const std::string& path) const {
  std::error_code problem;
  const auto written = fs::last_write_time(path, problem);
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find(path);
  return found != entries_.end() && found->second.written == written ? found->second.mark : FileMark{};
}

}  // namespace erwin
