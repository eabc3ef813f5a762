#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdlib>
#include <cstring>

#include "core/base/error.h"
#include "core/base/memory.h"
#include "core/io/internal/child_process.h"
#include "core/io/internal/cloud_builder.h"
#include "core/io/internal/vtk_wire.h"
#include "core/io/readers.h"

namespace erwin::io {

namespace fs = std::filesystem;

namespace {

constexpr std::size_t max_text = std::size_t{1} << 20;
constexpr std::size_t piece = std::size_t{1} << 20;
constexpr std::uint32_t max_components = 4096;

fs::path find_reader() {
  if (const char* given = std::getenv("ERWINSCOPE_VTK_READER"))
    if (*given) return given;
  std::error_code problem;
  const fs::path folder = fs::read_symlink("/proc/self/exe", problem).parent_path();
  for (const fs::path& place : {folder, folder.parent_path() / "bin", folder.parent_path()}) {
    const fs::path reader = place / "erwinscope-vtk-reader";
    if (fs::is_regular_file(reader, problem)) return reader;
  }
  throw Error(ErrorKind::Format, "this build has no VTK, which parses this format", "",
              "Convert it first with a build that has VTK: erwinscope convert IN OUT.h5");
}

const char* word_of(FileKind kind) {
  switch (kind) {
    case FileKind::Vtp:
      return "vtp";
    case FileKind::Vtu:
      return "vtu";
    case FileKind::VtkHdf:
      return "hdf";
    default:
      return "vtk";
  }
}

// The child's records, checked as if a stranger had sent them.
class WireReader {
public:
  WireReader(ChildProcess& child, std::uint64_t budget) : child_(child), left_(budget) {}

  bool exact(void* to, std::size_t bytes) {
    char* at = static_cast<char*>(to);
    while (bytes > 0) {
      const std::size_t got = child_.read_some(at, bytes);
      if (got == 0) return false;
      at += got;
      bytes -= got;
    }
    return true;
  }
  template <typename T>
  T number() {
    T value{};
    if (!exact(&value, sizeof value)) ended_ = true;
    return value;
  }
  std::string text() {
    const auto size = number<std::uint32_t>();
    if (size > max_text) broken();
    std::string value(size, '\0');
    if (!exact(value.data(), value.size())) ended_ = true;
    return value;
  }
  // Grows with what arrives, so that a claim alone costs nothing.
  template <typename T>
  std::vector<T> numbers(std::uint64_t count) {
    if (count > left_ / sizeof(T)) broken();
    left_ -= count * sizeof(T);
    require_memory(count * sizeof(T), "an array of the file");
    std::vector<T> values;
    while (values.size() < count && !ended_) {
      const std::size_t done = values.size();
      values.resize(done + std::min<std::uint64_t>(count - done, piece / sizeof(T)));
      if (!exact(values.data() + done, (values.size() - done) * sizeof(T))) ended_ = true;
    }
    return values;
  }
  bool ended() const { return ended_; }

  [[noreturn]] static void broken() {
    throw Error(ErrorKind::Format, "the file could not be parsed", "the VTK reader answered nonsense",
                "The file may be damaged");
  }

private:
  ChildProcess& child_;
  std::uint64_t left_;
  bool ended_ = false;
};

struct Record {
  char tag = 0;
  std::string name, unit;
  char element = 0;
  std::uint32_t components = 1;
  std::vector<double> values;
  std::vector<std::uint32_t> corners;
};

template <typename T>
std::vector<double> widened(const std::vector<T>& values) {
  return {values.begin(), values.end()};
}

Record read_record(WireReader& wire) {
  Record record;
  record.tag = wire.number<char>();
  if (wire.ended() || record.tag == 'Z') return record;
  if (!std::strchr("PFTQLRE", record.tag)) WireReader::broken();
  record.name = wire.text();
  if (record.tag == 'R' || record.tag == 'E') return record;
  record.unit = wire.text();
  record.element = wire.number<char>();
  record.components = wire.number<std::uint32_t>();
  const auto count = wire.number<std::uint64_t>();
  if (wire.ended()) return record;
  if (record.components < 1 || record.components > max_components || count % record.components != 0)
    WireReader::broken();
  const bool cells = std::strchr("TQL", record.tag) != nullptr;
  if (cells != (record.element == wire_uint32)) WireReader::broken();
  switch (record.element) {
    case wire_float32:
      record.values = widened(wire.numbers<float>(count));
      break;
    case wire_float64:
      record.values = wire.numbers<double>(count);
      break;
    case wire_int64:
      record.values = widened(wire.numbers<std::int64_t>(count));
      break;
    case wire_uint32:
      record.corners = wire.numbers<std::uint32_t>(count);
      break;
    default:
      WireReader::broken();
  }
  return record;
}

// Small whole numbers are classes; so are larger ones under a name that says so.
FieldKind kind_of(const Record& record) {
  if (record.components > 1) return FieldKind::Vector;
  if (record.element != wire_int64) return FieldKind::Scalar;
  const bool small =
      std::all_of(record.values.begin(), record.values.end(), [](double v) { return v >= -1 && v <= 255; });
  return small || names_a_label(record.name) ? FieldKind::Label : FieldKind::Scalar;
}

std::string first_line(const std::string& text) {
  return text.substr(0, text.find('\n'));
}

[[noreturn]] void explain_end(ChildProcess& child, const OpenOptions& options) {
  const int status = child.wait();
  const std::string said = first_line(child.complaints());
  const bool out_of_memory =
      (WIFEXITED(status) && WEXITSTATUS(status) == wire_exit_memory) || said.find("bad_alloc") != std::string::npos;
  if (out_of_memory)
    throw Error(ErrorKind::Memory, "the file needs more memory than its reader may use",
                "limit " + format_bytes(options.child_memory_bytes) + (said.empty() ? "" : ": " + said),
                "Convert it to HDF5 first, or thin it out");
  if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
    throw Error(ErrorKind::Io, "the VTK reader cannot start", said, "Install the program again");
  if (WIFSIGNALED(status) && WTERMSIG(status) == SIGXCPU)
    throw Error(ErrorKind::Format, "reading the file took too long and was ended",
                "after " + std::to_string(options.child_seconds) + " s",
                "The file may be damaged; if it is only large, convert it to HDF5 first");
  std::string how = WIFSIGNALED(status) ? "signal " + std::to_string(WTERMSIG(status))
                                        : "exit code " + std::to_string(WEXITSTATUS(status));
  throw Error(ErrorKind::Format, "VTK's reader broke down on this file", how + (said.empty() ? "" : ": " + said),
              "The file may be damaged");
}

void take(Record& record, CloudBuilder& builder, Cells& cells, bool& has_positions) {
  const auto width = record.components;
  if (record.tag == 'P') {
    if (has_positions || width != 3) WireReader::broken();
    has_positions = true;
    builder.set_positions(std::move(record.values));
    return;
  }
  if (record.tag == 'R') {
    builder.remark(record.name);
    return;
  }
  if (!has_positions)
    throw Error(ErrorKind::Format, "there are no points in this file", "", "Open a file that holds at least one point");
  if (record.tag == 'F') {
    const FieldKind kind = kind_of(record);
    builder.add_field(record.name, kind, static_cast<int>(width), std::move(record.values), record.unit);
    return;
  }
  std::vector<std::uint32_t>& list = record.tag == 'T'   ? cells.triangles
                                     : record.tag == 'Q' ? cells.quads
                                                         : cells.lines;
  if (width != (record.tag == 'T' ? 3U : record.tag == 'Q' ? 4U : 2U)) WireReader::broken();
  list = std::move(record.corners);
}

}  // namespace

PointCloud::Parts read_vtk(const Path& path, FileKind kind, const OpenOptions& options, const Job& job) {
  const fs::path program = find_reader();
  job.progress(-1, "reading with VTK");
  ChildProcess child(program,
                     {word_of(kind), fs::absolute(path).string(), std::to_string(options.child_memory_bytes),
                      std::to_string(std::max(1, options.child_seconds))},
                     options.child_seconds, job);
  WireReader wire(child, options.child_memory_bytes);
  std::array<char, sizeof wire_magic> magic{};
  if (!wire.exact(magic.data(), magic.size())) explain_end(child, options);
  if (std::memcmp(magic.data(), wire_magic, magic.size()) != 0) WireReader::broken();
  CloudBuilder builder(name_of(kind), options, job);
  Cells cells;
  bool has_positions = false;
  for (;;) {
    Record record = read_record(wire);
    if (wire.ended()) explain_end(child, options);
    if (record.tag == 'Z') break;
    if (record.tag == 'E')
      throw Error(ErrorKind::Format, "VTK cannot read this file", record.name, "The file may be cut off or damaged");
    take(record, builder, cells, has_positions);
  }
  if (!has_positions)
    throw Error(ErrorKind::Format, "there are no points in this file", "", "Open a file that holds at least one point");
  builder.set_cells(std::move(cells));
  return builder.finish();
}

}  // namespace erwin::io
