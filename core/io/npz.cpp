#include <algorithm>
#include <map>

#include "core/base/error.h"
#include "core/base/memory.h"
#include "core/io/internal/file_bytes.h"
#include "core/io/internal/npy_array.h"
#include "core/io/internal/text_scan.h"
#include "core/io/internal/zip.h"
#include "core/io/readers.h"

namespace erwin::io {

namespace {

constexpr std::uint64_t kMostComponents = 32;

struct Archive {
  std::vector<std::string> contents;  // what the arrays' views look at
  std::vector<NpyArray> arrays;
};

Archive load_archive(const Path& path, CloudBuilder& builder, const Job& job) {
  constexpr std::string_view suffix = ".npy";
  const InputFile file(path);
  const std::vector<ZipMember> members = zip_members(file);
  std::uint64_t total = 0;
  for (const ZipMember& member : members) total += std::min<std::uint64_t>(member.bytes, std::uint64_t{1} << 56);
  if (total > saturating_product(file.size(), 1032) + (1 << 20))
    throw Error(ErrorKind::Format, "the archive is broken: its members cannot be as large as its directory says");
  require_memory(total, "the arrays of the archive");
  Archive archive;
  archive.contents.reserve(members.size());
  for (const ZipMember& member : members) {
    job.progress(0.6 * static_cast<double>(archive.contents.size()) / static_cast<double>(members.size()),
                 "unpacking " + member.name);
    if (!member.name.ends_with(suffix)) {
      builder.remark("The member '" + member.name + "' is no array and was left out.");
      continue;
    }
    archive.contents.push_back(unzip(file, member, job));
    archive.arrays.push_back(
        parse_npy(archive.contents.back(), member.name.substr(0, member.name.size() - suffix.size())));
  }
  return archive;
}

std::string listing(const std::vector<NpyArray>& arrays) {
  std::vector<std::string> names;
  for (const NpyArray& array : arrays) names.push_back(array.name + " " + array.shape_text());
  return names.empty() ? "it holds no array" : "its arrays are " + joined(names);
}

const NpyArray* find_array(const std::vector<NpyArray>& arrays, std::string_view name) {
  for (const NpyArray& array : arrays)
    if (lower(array.name) == name) return &array;
  return nullptr;
}

// Coordinates by the shape alone: more columns would be a table of anything.
bool shaped_like_positions(const NpyArray& array) {
  NpyPositions size;
  return holds_positions(array, size) && (array.structured || array.shape.back() == 3);
}

// By the option, by name, by shape; null where x, y and z are arrays of their own.
const NpyArray* choose_positions(const std::vector<NpyArray>& arrays, const OpenOptions& options) {
  NpyPositions size;
  if (!options.positions.empty()) {
    for (const NpyArray& array : arrays)
      if (array.name == options.positions) return &array;
    throw Error(ErrorKind::Config, "there is no array named '" + options.positions + "'", listing(arrays),
                "Name one of these arrays");
  }
  for (const char* name :
       {"positions", "position", "xyz", "pos", "points", "point", "coords", "coordinates", "verts", "vertices", "r"})
    if (const NpyArray* array = find_array(arrays, name); array && holds_positions(*array, size)) return array;
  if (find_array(arrays, "x") && find_array(arrays, "y")) return nullptr;
  std::vector<const NpyArray*> candidates;
  for (const NpyArray& array : arrays)
    if (shaped_like_positions(array)) candidates.push_back(&array);
  if (candidates.size() == 1) return candidates.front();
  if (candidates.empty())
    throw Error(ErrorKind::Format, "there are no positions in this archive", listing(arrays),
                "Save the positions as an array of shape (N, 3) or (T, N, 3) named positions");
  std::vector<std::string> names;
  for (const NpyArray* array : candidates) names.push_back(array->name);
  throw Error(ErrorKind::Config, "several arrays could be the positions", joined(names),
              "Choose one with --positions NAME");
}

std::vector<const NpyArray*> add_axes(const std::vector<NpyArray>& arrays, CloudBuilder& builder, const Job& job) {
  std::vector<const NpyArray*> axes = {find_array(arrays, "x"), find_array(arrays, "y"), find_array(arrays, "z")};
  if (!axes[2]) axes.pop_back();
  for (const NpyArray* axis : axes)
    if (!axis->plain_numbers() || axis->shape.size() != 1 || axis->shape != axes[0]->shape)
      throw Error(ErrorKind::Format, "the arrays x, y and z have different lengths", listing(arrays),
                  "Save them as plain arrays of one length");
  const auto rows = static_cast<std::size_t>(axes[0]->elements());
  require_memory(rows * 6 * sizeof(double), "the points of the archive");
  std::vector<double> positions(rows * 3, 0.0);
  for (std::size_t a = 0; a < axes.size(); ++a) {
    const std::vector<double> values = numbers_of(*axes[a], job);
    for (std::size_t row = 0; row < rows; ++row) positions[row * 3 + a] = values[row];
  }
  builder.set_positions(std::move(positions), 1, axes.size() == 2 ? 2 : 3);
  return axes;
}

// An array with a value (or a few) for each point, in one frame or in all of them, becomes a field.
void add_array(const NpyArray& array, std::int64_t frames, CloudBuilder& builder, const Job& job) {
  const auto rows = static_cast<std::uint64_t>(builder.rows()), all_frames = static_cast<std::uint64_t>(frames);
  std::vector<std::uint64_t> shape = array.shape;
  const bool moving = frames > 1 && shape.size() >= 2 && shape[0] == all_frames && shape[1] == rows;
  if (moving) shape.erase(shape.begin());
  const std::uint64_t components = shape.size() == 2 ? shape[1] : 1;
  if (!array.plain_numbers() || shape.empty() || shape.size() > 2 || shape[0] != rows || components < 1 ||
      components > kMostComponents) {
    builder.remark("The array '" + array.name + "' of shape " + array.shape_text() +
                   " has no number for each point and was left out.");
    return;
  }
  std::vector<double> values = numbers_of(array, job);
  if (components == 1 && !moving)
    builder.add_field(array.name, std::move(values));
  else
    builder.add_field(array.name, components == 1 ? FieldKind::Scalar : FieldKind::Vector, static_cast<int>(components),
                      std::move(values), {}, moving ? frames : 1);
}

}  // namespace

PointCloud::Parts read_npz(const Path& path, const OpenOptions& options, const Job& job) {
  CloudBuilder builder("NPZ", options, job);
  const Archive archive = load_archive(path, builder, job);
  job.progress(0.6, "reading the arrays");
  std::vector<const NpyArray*> used;
  std::int64_t frames = 1;
  if (const NpyArray* chosen = choose_positions(archive.arrays, options)) {
    used.push_back(chosen);
    NpyPositions size;
    add_positions_and_columns(*chosen, builder, job);
    holds_positions(*chosen, size);
    frames = static_cast<std::int64_t>(size.frames);
    builder.remark("The array '" + chosen->name + "' was taken as positions.");
  } else {
    used = add_axes(archive.arrays, builder, job);
  }
  for (const NpyArray& array : archive.arrays)
    if (std::find(used.begin(), used.end(), &array) == used.end()) add_array(array, frames, builder, job);
  return builder.finish();
}

}  // namespace erwin::io
