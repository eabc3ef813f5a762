#include "core/io/internal/hdf5_serve.h"

#include <sstream>

namespace erwin::h5 {

namespace {

template <typename T>
Packet numbers(const File& file, const std::string& object, Rows rows, const SendPiece& send) {
  read_slabs<T>(
      file.impl(), object, rows, Job(), [&](std::uint64_t count) { send(&count, sizeof count); },
      [&](const T* values, std::size_t count) { send(values, count * sizeof(T)); });
  return {};
}

template <typename T>
Packet maybe(const std::optional<T>& value) {
  Packet packet;
  packet.put(value.has_value());
  if (value) packet.put(*value);
  return packet;
}

Packet children(const File& file, const std::string& object) {
  const std::vector<Entry> entries = file.children(object);
  Packet packet;
  packet.put(static_cast<std::uint64_t>(entries.size()));
  for (const Entry& entry : entries) packet.put(entry.name).put(entry.path).put(entry.kind);
  return packet;
}

}  // namespace

std::string text_of(Rows rows) {
  return std::to_string(rows.first) + " " + std::to_string(rows.count);
}

Rows rows_from(const std::string& text) {
  Rows rows;
  std::istringstream(text) >> rows.first >> rows.count;
  return rows;
}

Packet serve_question(const File& file, Packet& request, const SendPiece& send) {
  const auto question = request.take<Question>();
  const std::string object = request.take_text(), name = request.take_text();
  Packet packet;
  switch (question) {
    case Question::Exists:
      return packet.put(file.exists(object));
    case Question::IsGroup:
      return packet.put(file.is_group(object));
    case Question::IsDataset:
      return packet.put(file.is_dataset(object));
    case Question::Children:
      return children(file, object);
    case Question::DatasetsBelow:
      return packet.put(file.datasets_below(object));
    case Question::Info: {
      const DatasetInfo info = file.info(object);
      return packet.put(info.type).put(info.shape);
    }
    case Question::Floats:
      return numbers<float>(file, object, {}, send);
    case Question::Doubles:
      return numbers<double>(file, object, {}, send);
    case Question::Ints:
      return numbers<std::int64_t>(file, object, {}, send);
    case Question::Rows:
      return numbers<double>(file, object, rows_from(name), send);
    case Question::InOnePiece:
      return maybe(file.in_one_piece(object));
    case Question::Text:
      return packet.put(file.read_text(object));
    case Question::HasAttribute:
      return packet.put(file.has_attribute(object, name));
    case Question::TextAttribute:
      return maybe(file.text_attribute(object, name));
    case Question::DoublesAttribute:
      return maybe(file.doubles_attribute(object, name));
    case Question::IntAttribute:
      return maybe(file.int_attribute(object, name));
    case Question::AttributeNames:
      return packet.put(file.attribute_names(object));
  }
  return packet;
}

}  // namespace erwin::h5
