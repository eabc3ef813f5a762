// PCD, the Point Cloud Library's format, versions 0.5 to 0.7: ascii, binary and binary_compressed.

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <memory>

#include "core/base/error.h"
#include "core/base/memory.h"
#include "core/io/internal/cloud_builder.h"
#include "core/io/internal/file_bytes.h"
#include "core/io/internal/lzf.h"
#include "core/io/internal/numbers.h"
#include "core/io/internal/text_scan.h"
#include "core/io/readers.h"

namespace erwin::io {

namespace {

constexpr std::uint64_t kMostComponents = 64;  // histograms with more are no field to look at
constexpr std::size_t kMostFields = 4096;

struct PcdField {
  std::string name;
  NumberType type = NumberType::F32;
  std::uint64_t count = 1;
  std::size_t offset = 0;  // in a record
  std::size_t bytes() const { return size_of(type) * static_cast<std::size_t>(count); }
};

struct PcdHeader {
  std::vector<PcdField> fields;
  std::uint64_t points = 0, width = 0, height = 1;
  std::size_t record_bytes = 0;
  std::uint64_t numbers_per_point = 0;
  std::string storage;  // "ascii", "binary", "binary_compressed"
  std::string_view body;
  std::int64_t body_line = 0;
};

[[noreturn]] void broken(const std::string& what, const std::string& where = {}) {
  throw Error(ErrorKind::Format, "the PCD file is broken: " + what, where,
              "Write it again, e.g. with pcl_convert_pcd_ascii_binary");
}

NumberType type_from(std::string_view type, std::string_view size) {
  static const std::pair<std::string_view, NumberType> known[] = {
      {"I1", NumberType::I8},  {"I2", NumberType::I16}, {"I4", NumberType::I32}, {"I8", NumberType::I64},
      {"U1", NumberType::U8},  {"U2", NumberType::U16}, {"U4", NumberType::U32}, {"U8", NumberType::U64},
      {"F4", NumberType::F32}, {"F8", NumberType::F64}};
  const std::string both = std::string(type) + std::string(size);
  for (const auto& [text, number] : known)
    if (both == text) return number;
  broken("the type " + in_quotes(both) + " is not known", "lines TYPE and SIZE");
}

std::uint64_t count_in(const std::vector<std::string_view>& words, std::size_t at, const char* line) {
  const auto value = at < words.size() ? to_count(words[at]) : std::nullopt;
  if (!value) broken("a count is missing or no whole number", std::string("line ") + line);
  return *value;
}

PcdHeader parse_header(std::string_view text) {
  LineReader lines(text);
  std::string_view line;
  std::vector<std::vector<std::string_view>> seen;
  const auto words = [&seen](std::string_view key) {
    for (const auto& entry : seen)
      if (entry.front() == key) return entry;
    return std::vector<std::string_view>();
  };
  PcdHeader header;
  while (header.storage.empty()) {
    if (!lines.next(line) || lines.offset() > (1 << 20)) broken("the line DATA is missing");
    std::vector<std::string_view> entry = words_of(line);
    if (entry.empty() || entry.front().front() == '#') continue;
    if (entry.front() == "DATA") header.storage = entry.size() > 1 ? lower(entry[1]) : "nothing";
    seen.push_back(std::move(entry));
  }
  header.body = lines.rest();
  header.body_line = lines.number();
  std::vector<std::string_view> names = words("FIELDS"), sizes = words("SIZE"), types = words("TYPE"),
                                counts = words("COUNT");
  if (names.empty()) names = words("COLUMNS");
  if (names.size() < 2 || names.size() > kMostFields) broken("the line FIELDS is missing or names nothing");
  if (sizes.size() != names.size() || types.size() != names.size() ||
      (!counts.empty() && counts.size() != names.size()))
    broken("FIELDS, SIZE, TYPE and COUNT have different lengths");
  for (std::size_t i = 1; i < names.size(); ++i) {
    PcdField field{std::string(names[i]), type_from(types[i], sizes[i]),
                   counts.empty() ? 1 : count_in(counts, i, "COUNT"), header.record_bytes};
    if (field.count > (1 << 20))
      broken("a field has " + std::to_string(field.count) + " numbers per point", "line COUNT");
    header.record_bytes += field.bytes();
    header.numbers_per_point += field.count;
    header.fields.push_back(std::move(field));
  }
  const bool has_points = !words("POINTS").empty(), has_width = !words("WIDTH").empty();
  if (!has_points && !has_width) broken("the lines POINTS and WIDTH are missing");
  if (has_width) header.width = count_in(words("WIDTH"), 1, "WIDTH");
  if (!words("HEIGHT").empty()) header.height = count_in(words("HEIGHT"), 1, "HEIGHT");
  const std::uint64_t area = saturating_product(header.width, header.height);
  header.points = has_points ? count_in(words("POINTS"), 1, "POINTS") : area;
  if (has_width && header.points != area)
    broken("POINTS is " + std::to_string(header.points) + ", but WIDTH x HEIGHT is " + std::to_string(area));
  return header;
}

// Where the numbers of each field lie: record after record, or one field after the other.
class BinaryBody {
public:
  BinaryBody(const PcdHeader& header, const Job& job) : header_(header), job_(job) {
    const std::uint64_t wanted = saturating_product(header.points, header.record_bytes);
    bytes_ = header.body;
    if (header.storage == "binary_compressed") unpack(wanted);
    if (wanted > bytes_.size())
      broken("it is cut off", std::to_string(header.points) + " points of " + std::to_string(header.record_bytes) +
                                  " bytes need " + std::to_string(wanted) + ", the file holds " +
                                  std::to_string(bytes_.size()));
  }

  std::vector<double> column(const PcdField& field) const {
    const auto points = static_cast<std::size_t>(header_.points);
    const bool packed = unpacked_ != nullptr;
    const ColumnLayout layout{bytes_.data() + field.offset * (packed ? points : 1),
                              packed ? field.bytes() : header_.record_bytes, size_of(field.type), field.type, false};
    return load_column(layout, static_cast<std::int64_t>(points), static_cast<int>(field.count), job_);
  }

private:
  void unpack(std::uint64_t wanted) {
    if (bytes_.size() < 8) broken("it is cut off", "the sizes of the packed data are missing");
    const std::uint64_t packed = load_little<std::uint32_t>(bytes_.data()),
                        bytes = load_little<std::uint32_t>(bytes_.data() + 4);
    if (bytes != wanted)
      broken("the packed data make " + std::to_string(bytes) + " bytes, but the points need " + std::to_string(wanted));
    if (packed > bytes_.size() - 8)
      broken("it is cut off", "the packed data have " + std::to_string(packed) + " bytes, the file holds " +
                                  std::to_string(bytes_.size() - 8));
    if (bytes > saturating_product(packed, kLzfBestRatio))
      broken("the packed data cannot make as many bytes as it says");
    require_memory(bytes, "the unpacked points");
    unpacked_ = std::make_unique_for_overwrite<char[]>(static_cast<std::size_t>(bytes) + 1);
    if (!lzf_unpack(bytes_.substr(8, static_cast<std::size_t>(packed)), unpacked_.get(),
                    static_cast<std::size_t>(bytes), job_))
      broken("the packed data do not unpack");
    bytes_ = {unpacked_.get(), static_cast<std::size_t>(bytes)};
  }

  const PcdHeader& header_;
  const Job& job_;
  std::string_view bytes_;
  std::unique_ptr<char[]> unpacked_;
};

// [fields][points * count]
std::vector<std::vector<double>> parse_ascii(const PcdHeader& header, const Job& job) {
  // A number needs a character and a blank.
  if (saturating_product(header.points, 2 * header.numbers_per_point) > header.body.size() + 1)
    broken("it is cut off",
           std::to_string(header.points) + " points cannot fit into " + std::to_string(header.body.size()) + " bytes");
  require_memory(saturating_product(header.points, header.numbers_per_point * sizeof(double)),
                 "the points of the file");
  std::vector<std::vector<double>> columns(header.fields.size());
  for (std::size_t f = 0; f < columns.size(); ++f)
    columns[f].reserve(static_cast<std::size_t>(header.points * header.fields[f].count));
  LineReader lines(header.body);
  std::string_view line;
  for (std::uint64_t point = 0; point < header.points;) {
    if (!lines.next(line))
      broken("it ends after " + std::to_string(point) + " of " + std::to_string(header.points) + " points");
    std::string_view rest = line, word = next_word(rest);
    if (word.empty()) continue;
    if (point % 4096 == 0) {
      job.check();
      job.progress(0.3 + 0.5 * static_cast<double>(point) / static_cast<double>(header.points), "reading points");
    }
    const auto where = [&] { return "line " + std::to_string(header.body_line + lines.number()); };
    for (std::size_t f = 0; f < columns.size(); ++f)
      for (std::uint64_t c = 0; c < header.fields[f].count; ++c, word = next_word(rest)) {
        if (word.empty()) broken("a line has too few numbers", where());
        const auto value = to_number(word);
        if (!value) broken(in_quotes(word) + " is no number", where());
        columns[f].push_back(*value);
      }
    if (!word.empty()) broken("a line has more numbers than FIELDS names", where());
    ++point;
  }
  return columns;
}

bool is_colour(const PcdField& field) {
  const std::string name = lower(field.name);
  return field.count == 1 && size_of(field.type) == 4 && (name == "rgb" || name == "rgba");
}

// Colours are four bytes 0xAARRGGBB behind one number, which in "rgb" is often declared a float.
std::vector<double> unpacked_colour(const PcdField& field, const std::vector<double>& packed, int components) {
  std::vector<double> result;
  result.reserve(packed.size() * static_cast<std::size_t>(components));
  for (const double value : packed) {
    std::uint32_t bits = 0;
    if (!is_integer(field.type))
      bits = std::bit_cast<std::uint32_t>(static_cast<float>(value));
    else if (value >= 0 && value <= std::numeric_limits<std::uint32_t>::max())
      bits = static_cast<std::uint32_t>(value);
    for (const int shift : {16, 8, 0}) result.push_back(bits >> shift & 255);
    if (components == 4) result.push_back(bits >> 24);
  }
  return result;
}

void add_field(const PcdField& field, std::vector<double> values, CloudBuilder& builder) {
  if (is_colour(field)) {
    const int components = lower(field.name) == "rgba" ? 4 : 3;
    builder.add_field(field.name, FieldKind::Vector, components, unpacked_colour(field, values, components));
  } else if (field.count == 1) {
    builder.add_field(field.name, std::move(values));
  } else {
    builder.add_field(field.name, FieldKind::Vector, static_cast<int>(field.count), std::move(values));
  }
}

}  // namespace

PointCloud::Parts read_pcd(const Path& path, const OpenOptions& options, const Job& job) {
  const FileBytes bytes(path, job);
  PcdHeader header = parse_header(bytes.view());
  CloudBuilder builder("PCD " + header.storage, options, job);
  std::size_t axis[3] = {};
  int axes = 0;
  for (const char* name : {"x", "y", "z"})
    for (std::size_t f = 0; f < header.fields.size(); ++f)
      if (axes < 3 && header.fields[f].count == 1 && lower(header.fields[f].name) == name) {
        axis[axes++] = f;
        break;
      }
  if (axes < 3)
    throw Error(ErrorKind::Format, "there are no positions in this PCD file", "FIELDS does not name x, y and z",
                "Name three fields x, y and z");
  if (header.points == 0) builder.set_positions({});
  const bool ascii = header.storage == "ascii";
  if (!ascii && header.storage != "binary" && header.storage != "binary_compressed")
    broken("DATA " + in_quotes(header.storage) + " is not known", "line " + std::to_string(header.body_line));
  // A colour declared a float may be a NaN, whose bits would not survive as a number.
  if (!ascii)
    for (PcdField& field : header.fields)
      if (is_colour(field)) field.type = NumberType::U32;
  std::vector<std::vector<double>> columns;
  std::unique_ptr<BinaryBody> body;
  if (ascii)
    columns = parse_ascii(header, job);
  else
    body = std::make_unique<BinaryBody>(header, job);
  require_memory(saturating_product(header.points, 12 * sizeof(double) + header.numbers_per_point * sizeof(float)),
                 "the points of the file");
  const auto column = [&](std::size_t f) { return ascii ? std::move(columns[f]) : body->column(header.fields[f]); };
  std::vector<double> positions(static_cast<std::size_t>(header.points) * 3);
  for (std::size_t a = 0; a < 3; ++a) {
    const std::vector<double> values = column(axis[a]);
    for (std::size_t point = 0; point < values.size(); ++point) positions[point * 3 + a] = values[point];
  }
  job.progress(0.8, "sorting the columns");
  builder.set_positions(std::move(positions), 1, 3, true);
  if (header.height > 1)
    builder.remark("An organised cloud of " + std::to_string(header.width) + " x " + std::to_string(header.height) +
                   " points.");
  for (std::size_t f = 0; f < header.fields.size(); ++f) {
    if (std::find(axis, axis + 3, f) != axis + 3 || header.fields[f].name == "_") continue;
    if (header.fields[f].count < 1 || header.fields[f].count > kMostComponents)
      builder.remark("The field '" + header.fields[f].name + "' has " + std::to_string(header.fields[f].count) +
                     " numbers per point and was left out.");
    else
      add_field(header.fields[f], column(f), builder);
  }
  return builder.finish();
}

}  // namespace erwin::io
