#include "core/io/internal/ply_header.h"

#include <optional>
#include <utility>

#include "core/base/error.h"
#include "core/io/internal/text_scan.h"

namespace erwin::io {

namespace {

constexpr std::size_t kMostHeaderBytes = 1 << 20;

[[noreturn]] void broken(const std::string& what, std::int64_t line) {
  throw Error(ErrorKind::Format, "the PLY header is broken: " + what, "line " + std::to_string(line),
              "Write the file again");
}

NumberType type_named(std::string_view name, std::int64_t line) {
  static const std::pair<std::string_view, NumberType> known[] = {
      {"char", NumberType::I8},     {"int8", NumberType::I8},    {"uchar", NumberType::U8},
      {"uint8", NumberType::U8},    {"short", NumberType::I16},  {"int16", NumberType::I16},
      {"ushort", NumberType::U16},  {"uint16", NumberType::U16}, {"int", NumberType::I32},
      {"int32", NumberType::I32},   {"uint", NumberType::U32},   {"uint32", NumberType::U32},
      {"int64", NumberType::I64},   {"uint64", NumberType::U64}, {"float", NumberType::F32},
      {"float32", NumberType::F32}, {"double", NumberType::F64}, {"float64", NumberType::F64}};
  for (const auto& [text, type] : known)
    if (name == text) return type;
  broken("the type " + in_quotes(name) + " is not known", line);
}

PlyProperty parse_property(const std::vector<std::string_view>& words, std::int64_t line) {
  PlyProperty property;
  if (words.size() == 5 && words[1] == "list") {
    property.list = true;
    property.count_type = type_named(words[2], line);
    property.type = type_named(words[3], line);
    property.name = words[4];
    if (!is_integer(property.count_type)) broken("the length of a list must be a whole number", line);
  } else if (words.size() == 3) {
    property.type = type_named(words[1], line);
    property.name = words[2];
  } else {
    broken("a property needs a type and a name", line);
  }
  return property;
}

PlyStorage parse_format(const std::vector<std::string_view>& words, std::int64_t line) {
  const std::string_view name = words.size() > 1 ? words[1] : std::string_view();
  if (name == "ascii") return PlyStorage::Ascii;
  if (name == "binary_little_endian") return PlyStorage::Little;
  if (name == "binary_big_endian") return PlyStorage::Big;
  broken("the format " + in_quotes(name) + " is not known", line);
}

}  // namespace

bool PlyElement::has_list() const {
  for (const PlyProperty& property : properties)
    if (property.list) return true;
  return false;
}

std::size_t PlyElement::least_bytes() const {
  std::size_t bytes = 0;
  for (const PlyProperty& property : properties) bytes += size_of(property.list ? property.count_type : property.type);
  return bytes;
}

PlyHeader parse_ply_header(std::string_view file) {
  PlyHeader header;
  LineReader lines(file.substr(0, kMostHeaderBytes));
  std::string_view line;
  std::optional<PlyStorage> storage;
  lines.next(line);  // "ply"
  while (true) {
    if (!lines.next(line)) broken("end_header is missing", lines.number());
    const std::vector<std::string_view> words = words_of(line);
    const std::string_view key = words.empty() ? std::string_view() : words.front();
    if (key == "end_header") break;
    if (key.empty() || key == "comment" || key == "obj_info") continue;
    if (key == "format") {
      storage = parse_format(words, lines.number());
    } else if (key == "element") {
      const auto count = words.size() == 3 ? to_count(words[2]) : std::nullopt;
      if (!count) broken("an element needs a name and a count", lines.number());
      header.elements.push_back({std::string(words[1]), *count, {}});
    } else if (key == "property") {
      if (header.elements.empty()) broken("a property comes before any element", lines.number());
      header.elements.back().properties.push_back(parse_property(words, lines.number()));
    } else {
      broken(in_quotes(line) + " is not understood", lines.number());
    }
  }
  if (!storage) broken("the line format is missing", lines.number());
  header.storage = *storage;
  header.lines = lines.number();
  header.body = file.substr(lines.offset());
  return header;
}

}  // namespace erwin::io
