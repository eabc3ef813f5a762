#include "core/model/record.h"

#include "core/base/atomic_file.h"
#include "core/base/error.h"
#include "core/io/internal/hdf5.h"
#include "core/io/internal/hdf5_ours.h"
#include "core/model/internal/tap_file.h"

namespace erwin {

namespace {

constexpr const char* group = "/attention";
constexpr std::int64_t record_version = 1;

}  // namespace

void save_record(const std::filesystem::path& path, const std::string& sample, const PointCloudPtr& cloud,
                 const Tap& tap, const Job& job) {
  if (cloud->size() != tap.point_count)
    throw Error(ErrorKind::Internal, "the attention record is of another cloud",
                std::to_string(tap.point_count) + " points against " + std::to_string(cloud->size()));
  write_file_atomically(path, [&](const std::filesystem::path& temporary) {
    try {
      h5::File file = h5::File::create(temporary);
      io::write_data(file, {{sample, cloud}}, job);
      model::write_tap(file, group, tap);
      file.set_int(group, "version", record_version);
      job.check();
      file.close();
    } catch (const Error& error) {
      throw error.at(path.string());
    }
  });
}

AttentionRecord load_record(const std::filesystem::path& path, const Job& job) {
  if (!std::filesystem::exists(path))
    throw Error(ErrorKind::Io, "the file does not exist", path.string(), "Check the path");
  if (!is_record(path))
    throw Error(ErrorKind::Format, "the file holds no attention record", path.string(),
                "'erwinscope infer --record FILE' writes one; resources/help/record.md says what it must hold");
  AttentionRecord record;
  record.cloud = io::open(path, {}, job);
  record.sample = io::sample_names(path).front();
  if (record.cloud->frames() != 1)
    throw Error(ErrorKind::Format, "the cloud of an attention record has one frame", path.string());
  try {
    const h5::File file = h5::File::open(path, job);
    if (file.int_attribute(group, "version").value_or(record_version) != record_version)
      throw Error(ErrorKind::Format, "the attention record is of another version of the format", group,
                  "Use the program that wrote it");
    record.generator = file.text_attribute("/", "generator").value_or("");
    record.tap = model::read_tap(file, group, record.cloud->size());
  } catch (const Error& error) {
    throw error.at(path.string());
  }
  return record;
}

bool is_record(const std::filesystem::path& path) {
  return is_record(path, std::filesystem::is_regular_file(path) ? io::detect(path) : io::FileKind::Unknown);
}

bool is_record(const std::filesystem::path& path, io::FileKind kind) {
  if (kind != io::FileKind::Hdf5Ours && kind != io::FileKind::Hdf5Data) return false;
  return h5::File::open(path).is_group(group);
}

}  // namespace erwin
