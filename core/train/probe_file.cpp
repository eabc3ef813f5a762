#include "core/train/probe_file.h"

#include "core/base/atomic_file.h"
#include "core/base/error.h"
#include "core/io/internal/hdf5.h"
#include "core/model/internal/tap_file.h"

namespace erwin {

namespace {

constexpr const char* format = "erwinscope-probe";
constexpr std::int64_t format_number = 1;
constexpr std::int64_t most_points = std::int64_t{1} << 31;

[[noreturn]] void damaged(const std::string& what) {
  throw Error(ErrorKind::Format, "the probe is damaged", what, "Wait for the run's next one");
}

FieldKind kind_from(const std::string& name) {
  for (const FieldKind kind : {FieldKind::Scalar, FieldKind::Vector, FieldKind::Label})
    if (name == name_of(kind)) return kind;
  damaged("a field's kind is " + name.substr(0, 50));
}

void write_field(h5::File& file, const Field& field) {
  const std::string path = "/fields/" + field.name();
  file.write(path, {field.points(), field.components()}, field.frame(0));
  file.set_text(path, "kind", name_of(field.kind()));
  file.set_text(path, "unit", field.unit());
}

Field read_field(const h5::File& file, const h5::Entry& entry) {
  const h5::DatasetInfo info = file.info(entry.path);
  if (info.shape.size() != 2 || info.shape[0] < 1 || info.shape[0] > most_points || info.shape[1] < 1 ||
      info.shape[1] > 64)
    damaged(entry.path + " has another shape than points x components");
  return Field(entry.name, kind_from(file.text_attribute(entry.path, "kind").value_or("")),
               static_cast<int>(info.shape[1]), file.read_floats(entry.path),
               file.text_attribute(entry.path, "unit").value_or(""));
}

Probe read_all(const h5::File& file) {
  if (file.text_attribute("/", "format").value_or("") != format)
    throw Error(ErrorKind::Format, "the file is not a probe of a run",
                "its root has no attribute format = " + std::string(format));
  if (file.int_attribute("/", "format_number").value_or(0) != format_number)
    throw Error(ErrorKind::Format, "the probe was written by another version of the program", {}, "Use that version");
  Probe probe;
  probe.step = file.int_attribute("/", "step").value_or(0);
  probe.sample = file.text_attribute("/", "sample").value_or("");
  probe.data = file.text_attribute("/", "data").value_or("");
  probe.seconds = file.double_attribute("/", "seconds").value_or(0);
  probe.share = file.double_attribute("/", "share").value_or(0);
  probe.budget = file.double_attribute("/", "budget").value_or(0);
  if (!file.is_group("/fields")) damaged("the group /fields is missing");
  for (const h5::Entry& entry : file.children("/fields")) {
    if (entry.kind != h5::Kind::Dataset) damaged(entry.path + " is not a dataset");
    probe.fields.push_back(read_field(file, entry));
    if (probe.fields.back().points() != probe.fields.front().points()) damaged("fields of different sizes");
  }
  if (probe.fields.empty()) damaged("it has no fields");
  probe.tap = model::read_tap(file, "/tap", probe.fields.front().points());
  return probe;
}

}  // namespace

void save_probe(const std::filesystem::path& path, const Probe& probe) {
  write_file_atomically(path, [&](const std::filesystem::path& temporary) {
    h5::File file = h5::File::create(temporary);
    file.set_text("/", "format", format);
    file.set_int("/", "format_number", format_number);
    file.set_int("/", "step", probe.step);
    file.set_text("/", "sample", probe.sample);
    file.set_text("/", "data", probe.data);
    file.set_double("/", "seconds", probe.seconds);
    file.set_double("/", "share", probe.share);
    file.set_double("/", "budget", probe.budget);
    file.make_group("/fields");
    for (const Field& field : probe.fields) write_field(file, field);
    model::write_tap(file, "/tap", *probe.tap);
    file.close();
  });
}

Probe load_probe(const std::filesystem::path& path) {
  try {
    return read_all(h5::File::open(path));
  } catch (const Error& error) {
    throw error.at(path.string());
  }
}

}  // namespace erwin
