#include <charconv>
#include <cmath>

#include "core/base/atomic_file.h"
#include "core/base/csv.h"
#include "core/base/error.h"
#include "core/io/internal/output_file.h"
#include "core/io/write.h"

namespace erwin::io {

namespace {

constexpr std::int64_t rows_between_looks = 4096;

// The shortest decimals that read back as the same number: float32 where nothing was added to it, else float64.
template <typename T>
void append(std::string& line, T value) {
  if (std::isnan(value)) {
    line += "nan";
    return;
  }
  char text[40];
  const auto end = std::to_chars(text, text + sizeof text, value).ptr;
  line.append(text, static_cast<std::size_t>(end - text));
}

void append_sum(std::string& line, double offset, float value) {
  if (offset == 0)
    append(line, value);
  else
    append(line, offset + static_cast<double>(value));
}

std::string header_of(const PointCloud& cloud) {
  std::string line = "id,x,y,z";
  for (const Field& field : cloud.fields())
    for (int c = 0; c < field.components(); ++c) {
      std::string suffix;
      if (field.components() > 3)
        suffix = "_" + std::to_string(c);
      else if (field.components() > 1)
        suffix = std::string("_") + "xyz"[c];
      line += "," + csv_cell(field.name() + suffix);
    }
  return line + "\n";
}

}  // namespace

void write_csv(const std::filesystem::path& path, const PointCloud& cloud, const Job& job) {
  require_one_frame(cloud, ".csv");
  write_file_atomically(path, [&](const std::filesystem::path& temporary) {
    OutputFile out(temporary, path);
    out.write(header_of(cloud));
    const auto positions = cloud.positions();
    std::string line;
    for (std::int64_t point = 0; point < cloud.size(); ++point) {
      if (point % rows_between_looks == 0) {
        job.check();
        job.progress(static_cast<double>(point) / static_cast<double>(cloud.size()), "writing rows");
      }
      line = std::to_string(cloud.row_id(point));
      for (std::size_t axis = 0; axis < 3; ++axis) {
        line += ',';
        append_sum(line, cloud.origin()[axis], positions[3 * static_cast<std::size_t>(point) + axis]);
      }
      for (const Field& field : cloud.fields()) {
        const auto components = static_cast<std::size_t>(field.components());
        for (const float value : field.frame(0).subspan(static_cast<std::size_t>(point) * components, components)) {
          line += ',';
          append_sum(line, field.offset(), value);
        }
      }
      line += '\n';
      out.write(line);
    }
    out.close();
  });
}

void require_one_frame(const PointCloud& cloud, const char* format) {
  if (cloud.frames() == 1) return;
  throw Error(ErrorKind::Config,
              "the cloud has " + std::to_string(cloud.frames()) + " frames, " + format + " holds one",
              cloud.source().path, "Write an .h5 file");
}

void write(const std::filesystem::path& path, const NamedClouds& samples, const Job& job) {
  std::string extension = path.extension().string();
  for (char& c : extension) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  if (samples.empty()) throw Error(ErrorKind::Internal, "there is nothing to write", path.string());
  if (extension == ".h5" || extension == ".hdf5") {
    write_hdf5(path, samples, job);
    return;
  }
  if (extension != ".vtp" && extension != ".csv")
    throw Error(ErrorKind::Config, "the extension of the output says no known format", path.string(),
                "Known are .h5, .hdf5, .vtp and .csv");
  if (samples.size() > 1)
    throw Error(ErrorKind::Config, extension + " holds one cloud, but there are " + std::to_string(samples.size()),
                path.string(), "Write an .h5 file, or choose one sample with --sample");
  if (extension == ".vtp")
    write_vtp(path, *samples.front().second, job);
  else
    write_csv(path, *samples.front().second, job);
}

}  // namespace erwin::io
