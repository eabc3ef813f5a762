#include <set>

#include "core/base/atomic_file.h"
#include "core/base/error.h"
#include "core/base/version.h"
#include "core/io/internal/hdf5.h"
#include "core/io/internal/hdf5_ours.h"
#include "core/io/write.h"

namespace erwin::io {

namespace {

void write_field(h5::File& file, const std::string& folder, const Field& field) {
  std::string name = field.name();
  // A slash would make a group of the name's first half.
  for (char& c : name)
    if (c == '/') c = '_';
  const std::string path = folder + "/" + name;
  std::vector<std::int64_t> shape{field.points()};
  if (field.frames() > 1) shape.insert(shape.begin(), field.frames());
  if (field.frames() > 1 || field.components() > 1) shape.push_back(field.components());
  file.write(path, shape, field.values());
  file.set_text(path, "unit", field.unit());
  file.set_text(path, "kind", name_of(field.kind()));
  file.set_double(path, "offset", field.offset());
}

void write_cells(h5::File& file, const std::string& path, std::int64_t corners,
                 const std::vector<std::uint32_t>& cells) {
  if (cells.empty()) return;
  file.write(path, {static_cast<std::int64_t>(cells.size()) / corners, corners}, std::span<const std::uint32_t>(cells));
}

void write_sample(h5::File& file, const std::string& name, const PointCloud& cloud, const Job& job) {
  const std::string root = "/samples/" + name;
  file.make_group(root);
  file.set_int(root, "dimension", cloud.dimension());
  std::vector<float> all;
  std::span<const float> positions = cloud.positions();
  std::vector<std::int64_t> shape{cloud.size(), 3};
  if (cloud.frames() > 1) {
    shape.insert(shape.begin(), cloud.frames());
    for (std::int64_t frame = 0; frame < cloud.frames(); ++frame) {
      const auto of_frame = cloud.positions(frame);
      all.insert(all.end(), of_frame.begin(), of_frame.end());
    }
    positions = all;
  }
  file.write(root + "/positions", shape, positions);
  file.set_doubles(root + "/positions", "origin", cloud.origin());
  file.set_text(root + "/positions", "unit", cloud.unit());
  if (cloud.row_id(cloud.size() - 1) != cloud.size() - 1) {
    std::vector<std::int64_t> rows(static_cast<std::size_t>(cloud.size()));
    for (std::int64_t point = 0; point < cloud.size(); ++point)
      rows[static_cast<std::size_t>(point)] = cloud.row_id(point);
    file.write(root + "/row_ids", {cloud.size()}, std::span<const std::int64_t>(rows));
  }
  for (const Field& field : cloud.fields()) {
    job.check();
    write_field(file, root + "/fields", field);
  }
  write_cells(file, root + "/cells/triangles", 3, cloud.cells().triangles);
  write_cells(file, root + "/cells/quads", 4, cloud.cells().quads);
  write_cells(file, root + "/cells/lines", 2, cloud.cells().lines);
}

}  // namespace

void write_data(h5::File& file, const NamedClouds& samples, const Job& job) {
  std::set<std::string> names;
  for (const auto& [name, cloud] : samples)
    if (name.empty() || name == "." || name.find('/') != std::string::npos || !names.insert(name).second)
      throw Error(ErrorKind::Config, "a sample needs a name of its own without '/'", "'" + name + "'");
  file.set_int("/", "format", hdf5_data_format);
  file.set_text("/", "generator", std::string("erwinscope ") + ERWINSCOPE_VERSION);
  file.make_group("/samples");
  double done = 0;
  for (const auto& [name, cloud] : samples) {
    job.check();
    write_sample(file, name, *cloud, job);
    job.progress(++done / static_cast<double>(samples.size()), "writing samples");
  }
  job.check();
}

void write_hdf5(const std::filesystem::path& path, const NamedClouds& samples, const Job& job) {
  write_file_atomically(path, [&](const std::filesystem::path& temporary) {
    try {
      h5::File file = h5::File::create(temporary);
      write_data(file, samples, job);
      file.close();
    } catch (const Error& error) {
      throw error.at(path.string());
    }
  });
}

}  // namespace erwin::io
