#pragma once
// The marks of files that were read before, so that saving a session again does not read gigabytes again.

#include <filesystem>
#include <map>
#include <mutex>
#include <string>

#include "core/session/session_file.h"

namespace erwin {

// For several threads. A file that was written anew since counts as unread.
class MarkBook {
public:
  // As mark_of; an empty mark where the file cannot be read or there is none.
  FileMark mark(const std::string& path, const Job& job);
  // What `mark` said before, else an empty mark. Reads nothing.
  FileMark known(const std::string& path) const;

private:
  struct Entry {
    std::filesystem::file_time_type written;
    FileMark mark;
  };
  mutable std::mutex mutex_;
  std::map<std::string, Entry> entries_;
};

}  // namespace erwin
