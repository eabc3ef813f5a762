#include <algorithm>
#include <cmath>
#include <limits>
#include <string_view>

#include "core/base/error.h"
#include "core/io/internal/cloud_builder.h"
#include "core/io/internal/hdf5.h"
#include "core/io/internal/hdf5_ours.h"
#include "core/io/readers.h"

namespace erwin::io {

namespace {

std::vector<std::string> names_in(const h5::File& file) {
  std::vector<std::string> names;
  for (const h5::Entry& entry : file.children("/samples"))
    if (entry.kind == h5::Kind::Group) names.push_back(entry.name);
  return names;
}

std::string chosen_sample(const h5::File& file, const OpenOptions& options) {
  const std::vector<std::string> names = names_in(file);
  if (names.empty())
    throw Error(ErrorKind::Format, "there are no points in this file", "/samples is empty",
                "Open a file that holds at least one sample");
  if (options.sample.empty()) return names.front();
  if (std::find(names.begin(), names.end(), options.sample) != names.end()) return options.sample;
  std::vector<std::string> some(names.begin(),
                                names.begin() + static_cast<std::ptrdiff_t>(std::min<std::size_t>(names.size(), 10)));
  throw Error(ErrorKind::Config, "there is no sample named '" + options.sample + "'", "",
              "The file's samples are: " + joined(some) + (names.size() > 10 ? ", ..." : ""));
}

[[noreturn]] void wrong_shape(const std::string& path) {
  throw Error(ErrorKind::Format, "the array has a shape that does not fit the sample", path);
}

FieldKind kind_from(const std::string& text) {
  for (const FieldKind kind : {FieldKind::Scalar, FieldKind::Vector, FieldKind::Label})
    if (text == name_of(kind)) return kind;
  return FieldKind::Scalar;
}

std::vector<std::uint32_t> read_cells(const h5::File& file, const std::string& path, std::int64_t corners,
                                      const Job& job) {
  if (!file.is_dataset(path)) return {};
  const h5::DatasetInfo info = file.info(path);
  if (info.shape.size() != 2 || info.shape[1] != corners || !h5::is_integer(info.type)) wrong_shape(path);
  std::vector<std::uint32_t> cells;
  for (const std::int64_t index : file.read_ints(path, job)) {
    if (index < 0 || index > std::numeric_limits<std::uint32_t>::max())
      throw Error(ErrorKind::Format, "a cell names a point that does not exist",
                  path + ": point " + std::to_string(index));
    cells.push_back(static_cast<std::uint32_t>(index));
  }
  return cells;
}

struct SampleShape {
  std::int64_t frames = 1, points = 0;
};

Field read_field(const h5::File& file, const h5::Entry& entry, const SampleShape& sample, const Job& job) {
  const h5::DatasetInfo info = file.info(entry.path);
  const auto& shape = info.shape;
  const bool framed = shape.size() == 3;
  const std::int64_t frames = framed ? shape[0] : 1;
  if (shape.empty() || shape.size() > 3 || shape[framed ? 1 : 0] != sample.points ||
      (framed && frames != 1 && frames != sample.frames))
    wrong_shape(entry.path);
  const std::int64_t components = shape.size() == 1 ? 1 : shape.back();
  if (components < 1 || components > 4096) wrong_shape(entry.path);
  const FieldKind kind =
      kind_from(file.text_attribute(entry.path, "kind").value_or(components > 1 ? "vector" : "scalar"));
  const double offset = file.double_attribute(entry.path, "offset").value_or(0);
  const std::string unit = file.text_attribute(entry.path, "unit").value_or("");
  return Field(entry.name, kind, static_cast<int>(components), file.read_floats(entry.path, job), unit,
               std::isfinite(offset) ? offset : 0, frames);
}

// Leaves out points that are not finite, by the policy of all formats.
PointCloud::Parts without_nonfinite(PointCloud::Parts parts, const OpenOptions& options, const Job& job) {
  CloudBuilder builder(parts.source.format, options, job);
  std::vector<double> absolute(parts.positions.size());
  for (std::size_t i = 0; i < absolute.size(); ++i) absolute[i] = parts.origin[i % 3] + parts.positions[i];
  builder.set_positions(std::move(absolute), parts.frames, parts.dimension);
  builder.set_unit(parts.unit);
  for (const Field& field : parts.fields) {
    std::vector<double> values(field.values().begin(), field.values().end());
    for (double& value : values) value += field.offset();
    builder.add_field(field.name(), field.kind(), field.components(), std::move(values), field.unit(), field.frames());
  }
  builder.set_cells(std::move(parts.cells));
  return builder.finish();
}

}  // namespace

PointCloud::Parts read_hdf5_ours(const Path& path, const OpenOptions& options, const Job& job) {
  const h5::File file = h5::File::open(path, job);
  const std::int64_t format = file.int_attribute("/", "format").value_or(0);
  if (format != hdf5_data_format)
    throw Error(ErrorKind::Format, "this data file has a format that this version cannot read",
                "format " + std::to_string(format) + ", known is " + std::to_string(hdf5_data_format),
                "Use a newer erwinscope");
  const std::string root = "/samples/" + chosen_sample(file, options);
  const std::string positions = root + "/positions";
  const h5::DatasetInfo info = file.info(positions);
  const auto& shape = info.shape;
  if ((shape.size() != 2 && shape.size() != 3) || shape.back() != 3) wrong_shape(positions);
  const SampleShape sample{shape.size() == 3 ? shape[0] : 1, shape[shape.size() - 2]};

  PointCloud::Parts parts;
  parts.source.format = name_of(FileKind::Hdf5Ours);
  if (info.count() == 0) return parts;
  parts.positions = file.read_floats(positions, job);
  parts.frames = sample.frames;
  parts.dimension = file.int_attribute(root, "dimension").value_or(3) == 2 ? 2 : 3;
  parts.unit = file.text_attribute(positions, "unit").value_or("");
  if (const auto origin = file.doubles_attribute(positions, "origin")) {
    if (origin->size() != 3 || !std::all_of(origin->begin(), origin->end(), [](double x) { return std::isfinite(x); }))
      throw Error(ErrorKind::Format, "the origin is not three finite numbers", positions);
    std::copy(origin->begin(), origin->end(), parts.origin.begin());
  }
  if (file.is_group(root + "/fields"))
    for (const h5::Entry& entry : file.children(root + "/fields"))
      if (entry.kind == h5::Kind::Dataset) parts.fields.push_back(read_field(file, entry, sample, job));
  parts.cells.triangles = read_cells(file, root + "/cells/triangles", 3, job);
  parts.cells.quads = read_cells(file, root + "/cells/quads", 4, job);
  parts.cells.lines = read_cells(file, root + "/cells/lines", 2, job);
  const bool finite =
      std::all_of(parts.positions.begin(), parts.positions.end(), [](float x) { return std::isfinite(x); });
  if (!finite) return without_nonfinite(std::move(parts), options, job);
  if (file.is_dataset(root + "/row_ids")) {
    parts.row_ids = file.read_ints(root + "/row_ids", job);
    if (static_cast<std::int64_t>(parts.row_ids.size()) != sample.points ||
        std::adjacent_find(parts.row_ids.begin(), parts.row_ids.end(), std::greater_equal<>()) != parts.row_ids.end())
      throw Error(ErrorKind::Format, "the row ids do not fit the sample", root + "/row_ids");
  }
  return parts;
}

std::vector<std::string> hdf5_sample_names(const Path& path) {
  return names_in(h5::File::open(path));
}

}  // namespace erwin::io
