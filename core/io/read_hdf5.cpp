#include <algorithm>
#include <map>
#include <optional>

#include "core/base/error.h"
#include "core/io/internal/cloud_builder.h"
#include "core/io/internal/hdf5.h"
#include "core/io/internal/hdf5_ours.h"
#include "core/io/internal/text_scan.h"
#include "core/io/readers.h"

namespace erwin::io {

namespace {

constexpr std::int64_t max_components = 64;

struct Candidate {
  std::string path;
  h5::DatasetInfo info;
};

// Where the positions of a plain HDF5 file are.
struct Positions {
  std::string array;                   // [n, d] or [T, n, d], or empty:
  std::array<std::string, 3> columns;  // three arrays [n]
  std::int64_t frames = 1, rows = 0;
  int dimension = 3;
};

std::string base_name(const std::string& path) {
  return path.substr(path.rfind('/') + 1);
}
std::string group_of(const std::string& path) {
  return path.substr(0, path.rfind('/'));
}

std::string shape_text(const h5::DatasetInfo& info) {
  std::string text;
  for (const std::int64_t size : info.shape) text += (text.empty() ? "" : " x ") + std::to_string(size);
  return text.empty() ? "one value" : text;
}

// How sure a name is: 0 none.
int name_score(const std::string& path) {
  static const std::map<std::string, int> known = {
      {"positions", 9}, {"position", 9}, {"pos", 8},   {"xyz", 8},      {"coordinates", 7}, {"coords", 7}, {"coord", 7},
      {"points", 6},    {"vertices", 5}, {"nodes", 4}, {"mesh_pos", 4}, {"locations", 3},   {"x", 1},      {"data", 1}};
  const auto found = known.find(lower(base_name(path)));
  return found == known.end() ? 0 : found->second;
}

// [n, 3] and [T, n, 3]; [.., 2] only under a name that says positions.
bool looks_like_positions(const Candidate& candidate) {
  const auto& shape = candidate.info.shape;
  if (shape.size() != 2 && shape.size() != 3) return false;
  if (!h5::is_number(candidate.info.type)) return false;
  const std::int64_t last = shape.back();
  const int score = name_score(candidate.path);
  return (last == 3 && (score > 0 || !h5::is_integer(candidate.info.type))) || (last == 2 && score >= 4);
}

Positions from_array(const Candidate& candidate) {
  const auto& shape = candidate.info.shape;
  Positions positions;
  positions.array = candidate.path;
  positions.frames = shape.size() == 3 ? shape[0] : 1;
  positions.rows = shape[shape.size() - 2];
  positions.dimension = static_cast<int>(shape.back());
  return positions;
}

// Three 1-D arrays x, y, z of one length in one group, in any case.
std::optional<Positions> from_columns(const std::vector<Candidate>& all, const std::string* group = nullptr) {
  std::map<std::string, std::map<char, const Candidate*>> groups;
  for (const Candidate& candidate : all) {
    const std::string name = lower(base_name(candidate.path));
    if (name.size() != 1 || name[0] < 'x' || name[0] > 'z' || candidate.info.shape.size() != 1) continue;
    if (h5::is_number(candidate.info.type)) groups[group_of(candidate.path)][name[0]] = &candidate;
  }
  for (const auto& [path, columns] : groups) {
    if (columns.size() != 3 || (group && path != *group)) continue;
    const std::int64_t rows = columns.at('x')->info.shape[0];
    if (columns.at('y')->info.shape[0] != rows || columns.at('z')->info.shape[0] != rows) continue;
    Positions positions;
    positions.columns = {columns.at('x')->path, columns.at('y')->path, columns.at('z')->path};
    positions.rows = rows;
    return positions;
  }
  return std::nullopt;
}

std::string listing(const std::vector<Candidate>& all) {
  std::string text;
  std::size_t shown = 0;
  for (const Candidate& candidate : all) {
    if (shown++ == 8) return text + ", ...";
    text += (text.empty() ? "" : ", ") + candidate.path + " (" + shape_text(candidate.info) + ")";
  }
  return text;
}

Positions named_positions(const h5::File& file, const std::vector<Candidate>& all, std::string wanted) {
  if (wanted.front() != '/') wanted = "/" + wanted;
  while (wanted.size() > 1 && wanted.back() == '/') wanted.pop_back();
  if (file.is_group(wanted))
    if (const auto columns = from_columns(all, &wanted)) return *columns;
  for (const Candidate& candidate : all) {
    if (candidate.path != wanted) continue;
    const auto& shape = candidate.info.shape;
    if (h5::is_number(candidate.info.type) && (shape.size() == 2 || shape.size() == 3) &&
        (shape.back() == 2 || shape.back() == 3))
      return from_array(candidate);
    throw Error(ErrorKind::Config, "--positions names an array that does not hold positions",
                wanted + ": " + shape_text(candidate.info), "Positions are numbers of shape N x 3 or T x N x 3");
  }
  throw Error(ErrorKind::Config, "--positions names an array that does not exist", wanted,
              "The file holds: " + listing(all));
}

Positions find_positions(const h5::File& file, const std::vector<Candidate>& all, const OpenOptions& options,
                         CloudBuilder& builder) {
  if (!options.positions.empty()) return named_positions(file, all, options.positions);
  std::vector<const Candidate*> likely;
  for (const Candidate& candidate : all)
    if (looks_like_positions(candidate)) likely.push_back(&candidate);
  // The surest name first, then the array nearest to the root, then the file's order.
  const auto rank = [](const Candidate* c) {
    return std::pair(-name_score(c->path), std::count(c->path.begin(), c->path.end(), '/'));
  };
  std::stable_sort(likely.begin(), likely.end(),
                   [&](const Candidate* a, const Candidate* b) { return rank(a) < rank(b); });
  const bool named = !likely.empty() && name_score(likely.front()->path) > 1;
  if (!named)
    if (const auto columns = from_columns(all)) return *columns;
  if (likely.empty())
    throw Error(ErrorKind::Format, "no array of this HDF5 file looks like positions",
                all.empty() ? "it holds no arrays" : "it holds " + listing(all),
                "Positions are N x 3, T x N x 3, or three arrays x, y, z; name them with --positions /path");
  if (!named && likely.size() > 1) {
    std::vector<Candidate> several;
    for (const Candidate* candidate : likely) several.push_back(*candidate);
    throw Error(ErrorKind::Config, "several arrays of this HDF5 file could be the positions", listing(several),
                "Choose one with --positions /path");
  }
  if (named && likely.size() > 1 && rank(likely[0]) == rank(likely[1]))
    builder.remark("Several arrays could be the positions; " + likely[0]->path +
                   " was taken (--positions chooses another).");
  return from_array(*likely.front());
}

std::vector<double> read_positions(const h5::File& file, const Positions& positions, const Job& job) {
  const auto rows = static_cast<std::size_t>(positions.rows);
  std::vector<double> absolute;
  if (positions.array.empty()) {
    absolute.resize(3 * rows);
    for (std::size_t axis = 0; axis < 3; ++axis) {
      const std::vector<double> column = file.read_doubles(positions.columns[axis], job);
      for (std::size_t row = 0; row < rows; ++row) absolute[3 * row + axis] = column[row];
    }
    return absolute;
  }
  absolute = file.read_doubles(positions.array, job);
  if (positions.dimension == 3) return absolute;
  std::vector<double> flat(absolute.size() / 2 * 3, 0.0);
  for (std::size_t row = 0; row < absolute.size() / 2; ++row) {
    flat[3 * row] = absolute[2 * row];
    flat[3 * row + 1] = absolute[2 * row + 1];
  }
  return flat;
}

std::string unit_of(const h5::File& file, const std::string& path) {
  for (const char* name : {"unit", "units", "Unit", "Units"})
    if (const auto unit = file.text_attribute(path, name)) return *unit;
  return {};
}

// Rows of a field in frames x points x components, or nothing where the shape is another one.
struct FieldShape {
  std::int64_t frames = 1, components = 1;
};
std::optional<FieldShape> field_shape(const std::vector<std::int64_t>& shape, const Positions& positions) {
  FieldShape result;
  std::size_t axis = 0;
  const bool with_frames =
      positions.frames > 1 && shape.size() >= 2 && shape[0] == positions.frames && shape[1] == positions.rows;
  if (with_frames) result.frames = shape[axis++];
  if (axis >= shape.size() || shape[axis++] != positions.rows) return std::nullopt;
  if (axis < shape.size()) result.components = shape[axis++];
  if (axis != shape.size() || result.components < 1 || result.components > max_components) return std::nullopt;
  return result;
}

FieldKind kind_of(const std::string& name, const Candidate& candidate, const FieldShape& shape) {
  if (shape.components > 1) return FieldKind::Vector;
  const bool byte = candidate.info.type == h5::Type::Int8 || candidate.info.type == h5::Type::UInt8;
  return h5::is_integer(candidate.info.type) && (byte || names_a_label(name)) ? FieldKind::Label : FieldKind::Scalar;
}

}  // namespace

PointCloud::Parts read_hdf5(const Path& path, const OpenOptions& options, const Job& job) {
  const h5::File file = h5::File::open(path, job);
  CloudBuilder builder(name_of(FileKind::Hdf5Data), options, job);
  std::vector<Candidate> all;
  for (const std::string& dataset : file.datasets_below("/")) {
    job.check();
    try {
      all.push_back({dataset, file.info(dataset)});
    } catch (const Error& error) {
      // An array that cannot be read is a reason to refuse the file only where it holds the positions.
      if (dataset == options.positions || name_score(dataset) > 1) throw;
      builder.remark("The array " + dataset + " was skipped: " + error.message() + ".");
    }
  }
  const Positions positions = find_positions(file, all, options, builder);
  builder.set_positions(read_positions(file, positions, job), positions.frames, positions.dimension);
  builder.set_unit(unit_of(file, positions.array.empty() ? positions.columns[0] : positions.array));
  std::vector<std::string> other;
  double done = 0;
  for (const Candidate& candidate : all) {
    job.progress(++done / static_cast<double>(all.size()), "reading fields");
    if (candidate.path == positions.array ||
        std::find(positions.columns.begin(), positions.columns.end(), candidate.path) != positions.columns.end())
      continue;
    const auto shape = field_shape(candidate.info.shape, positions);
    if (!shape || !h5::is_number(candidate.info.type)) {
      other.push_back(candidate.path);
      continue;
    }
    const std::string name = base_name(candidate.path);
    builder.add_field(name, kind_of(name, candidate, *shape), static_cast<int>(shape->components),
                      file.read_doubles(candidate.path, job), unit_of(file, candidate.path), shape->frames);
  }
  if (!other.empty()) {
    const std::size_t count = other.size();
    other.resize(std::min<std::size_t>(count, 5));
    builder.remark(std::to_string(count) + " arrays do not fit the points and were not read: " + joined(other) +
                   (count > 5 ? ", ..." : "") + ".");
  }
  return builder.finish();
}

FileKind detect_hdf5(const Path& path) {
  const h5::File file = h5::File::open(path);
  if (file.text_attribute("/", "format") == checkpoint_format) return FileKind::Checkpoint;
  if (file.int_attribute("/", "format") && file.is_group("/samples")) return FileKind::Hdf5Ours;
  if (file.has_attribute("/VTKHDF", "Type")) return FileKind::VtkHdf;
  if (file.exists("/CGNSLibraryVersion")) return FileKind::Cgns;
  return FileKind::Hdf5Data;
}

}  // namespace erwin::io
