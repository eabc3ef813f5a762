#pragma once
// What the window shows, as a small readable file (JSON, FILE.ewsession): where data and checkpoint lie and how to know
// them again, the sample, every option of the picture by the name that `render` gives it, how networks run, and the
// window's own layout. Numbers and fields are not in it: they are read and worked out again.

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/job.h"

namespace erwin {

inline constexpr std::string_view session_extension = ".ewsession";

// How a file is known again after it has moved. A folder is known by its name alone.
struct FileMark {
  std::int64_t bytes = -1;  // -1: not known
  std::string sha256;       // of the whole file up to 16 MiB, else of its first and last 8 MiB; empty: not known
  bool operator==(const FileMark&) const = default;
};
// Reads the file. Raises Error{Io}, Error{Cancelled}.
FileMark mark_of(const std::filesystem::path& path, const Job& job = {});

struct SessionPlace {
  std::string path;      // absolute; empty: there is none
  std::string relative;  // to the session file's folder; filled when it is written
  FileMark mark;
  bool operator==(const SessionPlace&) const = default;
};

// One change of a what-if, as core/engine/what_if_entries.h has it.
struct SessionChange {
  std::string text;  // "head-off=3"
  int layer = -1, head = -1;
  std::int64_t point = -1;  // its row in the file; -1: none
  bool on = true;
  bool operator==(const SessionChange&) const = default;
};

struct SessionFile {
  std::string program;  // that wrote it, "0.1.0"
  SessionPlace data;    // cloud, data set or attention record; none with a sample: the program's own cloud
  std::string sample;   // within the data; empty: nothing is open
  SessionPlace model;   // checkpoint, or the attention record once more
  std::string device = "auto", precision = "float32";
  std::map<std::string, std::string> picture;  // options of the picture by name; points by their row in the file
  std::vector<SessionChange> what_if;
  std::string geometry, layout;                // the window's, as base64; empty: none
  bool operator==(const SessionFile&) const = default;
};

// `folder`: where the file will lie, for the relative paths.
std::string to_text(const SessionFile& session, const std::filesystem::path& folder);
// Any text may come. Raises Error{Format} that says what is wrong; `where` names the file.
SessionFile session_from_text(const std::string& text, const std::string& where);

// Atomic. Raises Error{Io}.
void save_session(const std::filesystem::path& path, const SessionFile& session);
// Raises Error{Io}, Error{Format}: no session, cut off, larger than a session can be (1 MiB), of a newer program.
SessionFile load_session(const std::filesystem::path& path);

// Where a place of a session file lies now: as written, relative to the session file, or under its name beside it. The
// first that bears the mark is taken, else the first that is there.
struct FoundPlace {
  std::string path;      // empty: nowhere
  bool changed = false;  // it is there, but its content is another
};
FoundPlace find_place(const SessionPlace& place, const std::filesystem::path& session, const Job& job = {});

}  // namespace erwin
