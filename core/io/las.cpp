// LAS 1.0 to 1.4, uncompressed (ASPRS LAS specification 1.4 R15): all point record formats, extra bytes.

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/base/error.h"
#include "core/base/memory.h"
#include "core/io/internal/cloud_builder.h"
#include "core/io/internal/file_bytes.h"
#include "core/io/internal/numbers.h"
#include "core/io/readers.h"

namespace erwin::io {

namespace {

constexpr std::size_t kHeaderBytes = 227;  // of LAS 1.0 to 1.2
constexpr std::size_t kHeaderBytes14 = 375;
constexpr std::size_t kVlrBytes = 54, kEvlrBytes = 60;
constexpr std::size_t kExtraBytesRecord = 192;

[[noreturn]] void broken(const std::string& what, const std::string& where = {}) {
  throw Error(ErrorKind::Format, "the LAS file is broken: " + what, where,
              "Copy the file again, or repair it with lasinfo -repair");
}

struct LasHeader {
  int minor = 0, format = 0;
  std::uint64_t points = 0;
  std::size_t header_bytes = 0, points_offset = 0, record_bytes = 0;
  std::uint64_t vlrs = 0, evlrs = 0, evlrs_offset = 0;
  double scale[3] = {}, offset[3] = {};
};

// A number in each point record: whole bytes, or some bits of one.
struct LasItem {
  const char* name;
  NumberType type;
  std::size_t offset;
  int first_bit = 0, bits = 0;  // bits = 0: the whole number
  double factor = 1;
  const char* unit = "";
};

std::size_t standard_bytes(int format) {
  constexpr std::size_t bytes[] = {20, 28, 26, 34, 57, 63, 30, 36, 38, 59, 67};
  return bytes[format];
}

void append_waves(std::vector<LasItem>& items, std::size_t at) {
  items.insert(items.end(), {{"wavepacket_index", NumberType::U8, at},
                             {"wavepacket_offset", NumberType::U64, at + 1},
                             {"wavepacket_size", NumberType::U32, at + 9},
                             {"return_point_wave_location", NumberType::F32, at + 13},
                             {"x_t", NumberType::F32, at + 17},
                             {"y_t", NumberType::F32, at + 21},
                             {"z_t", NumberType::F32, at + 25}});
}

void append_colours(std::vector<LasItem>& items, std::size_t at) {
  items.insert(items.end(),
               {{"red", NumberType::U16, at}, {"green", NumberType::U16, at + 2}, {"blue", NumberType::U16, at + 4}});
}

// Tables 7 to 17 of the specification.
std::vector<LasItem> items_of(int format) {
  const NumberType u8 = NumberType::U8;
  std::vector<LasItem> items = {{"intensity", NumberType::U16, 12}};
  if (format < 6) {
    items.insert(items.end(), {{"return_number", u8, 14, 0, 3},
                               {"number_of_returns", u8, 14, 3, 3},
                               {"scan_direction_flag", u8, 14, 6, 1},
                               {"edge_of_flight_line", u8, 14, 7, 1},
                               {"classification", u8, 15, 0, 5},
                               {"synthetic", u8, 15, 5, 1},
                               {"key_point", u8, 15, 6, 1},
                               {"withheld", u8, 15, 7, 1},
                               {"scan_angle_rank", NumberType::I8, 16, 0, 0, 1, "deg"},
                               {"user_data", u8, 17},
                               {"point_source_id", NumberType::U16, 18}});
    const bool time = format == 1 || format >= 3;
    if (time) items.push_back({"gps_time", NumberType::F64, 20, 0, 0, 1, "s"});
    if (format == 2) append_colours(items, 20);
    if (format == 3 || format == 5) append_colours(items, 28);
    if (format == 4) append_waves(items, 28);
    if (format == 5) append_waves(items, 34);
    return items;
  }
  items.insert(items.end(), {{"return_number", u8, 14, 0, 4},
                             {"number_of_returns", u8, 14, 4, 4},
                             {"synthetic", u8, 15, 0, 1},
                             {"key_point", u8, 15, 1, 1},
                             {"withheld", u8, 15, 2, 1},
                             {"overlap", u8, 15, 3, 1},
                             {"scanner_channel", u8, 15, 4, 2},
                             {"scan_direction_flag", u8, 15, 6, 1},
                             {"edge_of_flight_line", u8, 15, 7, 1},
                             {"classification", u8, 16},
                             {"user_data", u8, 17},
                             {"scan_angle", NumberType::I16, 18, 0, 0, 0.006, "deg"},
                             {"point_source_id", NumberType::U16, 20},
                             {"gps_time", NumberType::F64, 22, 0, 0, 1, "s"}});
  if (format == 7 || format == 8 || format == 10) append_colours(items, 30);
  if (format == 8 || format == 10) items.push_back({"nir", NumberType::U16, 36});
  if (format == 9) append_waves(items, 30);
  if (format == 10) append_waves(items, 38);
  return items;
}

LasHeader parse_header(std::string_view file) {
  if (file.size() < kHeaderBytes) broken("it ends inside its header", std::to_string(file.size()) + " bytes");
  const char* at = file.data();
  LasHeader header;
  const int major = static_cast<unsigned char>(at[24]);
  header.minor = static_cast<unsigned char>(at[25]);
  if (major != 1 || header.minor > 4)
    throw Error(ErrorKind::Format,
                "LAS " + std::to_string(major) + "." + std::to_string(header.minor) + " is not known", {},
                "LAS 1.0 to 1.4 can be opened");
  header.header_bytes = load_little<std::uint16_t>(at + 94);
  header.points_offset = load_little<std::uint32_t>(at + 96);
  header.vlrs = load_little<std::uint32_t>(at + 100);
  header.format = static_cast<unsigned char>(at[104]);
  header.record_bytes = load_little<std::uint16_t>(at + 105);
  header.points = load_little<std::uint32_t>(at + 107);
  for (std::size_t a = 0; a < 3; ++a) {
    header.scale[a] = load_little<double>(at + 131 + 8 * a);
    header.offset[a] = load_little<double>(at + 155 + 8 * a);
  }
  if (header.minor == 4) {
    if (file.size() < kHeaderBytes14) broken("it ends inside its header", std::to_string(file.size()) + " bytes");
    header.evlrs_offset = load_little<std::uint64_t>(at + 235);
    header.evlrs = load_little<std::uint32_t>(at + 243);
    if (const auto count = load_little<std::uint64_t>(at + 247); count != 0) header.points = count;
  }
  if (header.format >= 64)
    throw Error(ErrorKind::Format, "this is a LAZ file (compressed LAS), which is not supported", {},
                "Unpack it first: laszip -i FILE.laz -o FILE.las");
  if (header.format > 10) broken("point record format " + std::to_string(header.format) + " is not known");
  if (header.record_bytes < standard_bytes(header.format))
    broken("its point records are too short",
           std::to_string(header.record_bytes) + " bytes for format " + std::to_string(header.format));
  if (header.header_bytes < kHeaderBytes || header.points_offset < header.header_bytes ||
      header.points_offset > file.size())
    broken("the points cannot begin at byte " + std::to_string(header.points_offset),
           "the file has " + std::to_string(file.size()));
  const std::uint64_t wanted = saturating_product(header.points, header.record_bytes),
                      held = file.size() - header.points_offset;
  if (wanted > held)
    broken("it is cut off", std::to_string(header.points) + " points of " + std::to_string(header.record_bytes) +
                                " bytes need " + std::to_string(wanted) + ", the file holds " + std::to_string(held));
  return header;
}

// The payload of the record that describes the extra bytes, from the records before the points or, in 1.4, behind them.
std::string_view find_extra_bytes(std::string_view file, const LasHeader& header, CloudBuilder& builder) {
  const auto matches = [](const char* record) {
    return std::string_view(record + 2, 9) == "LASF_Spec" && load_little<std::uint16_t>(record + 18) == 4;
  };
  std::string_view found;
  std::size_t at = header.header_bytes;
  for (std::uint64_t i = 0; i < header.vlrs; ++i) {
    const std::size_t left = header.points_offset - at;
    const std::size_t size = left < kVlrBytes ? 0 : load_little<std::uint16_t>(file.data() + at + 20);
    if (left < kVlrBytes || size > left - kVlrBytes) {
      builder.remark("The header counts " + std::to_string(header.vlrs) + " variable length records, but only " +
                     std::to_string(i) + " lie before the points.");
      break;
    }
    if (matches(file.data() + at)) found = file.substr(at + kVlrBytes, size);
    at += kVlrBytes + size;
  }
  std::uint64_t behind = header.evlrs_offset;
  for (std::uint64_t i = 0; i < header.evlrs; ++i) {
    if (behind < header.points_offset || behind > file.size() || file.size() - behind < kEvlrBytes) break;
    const char* record = file.data() + behind;
    const auto size = load_little<std::uint64_t>(record + 20);
    if (size > file.size() - behind - kEvlrBytes) break;
    if (matches(record))
      found = file.substr(static_cast<std::size_t>(behind) + kEvlrBytes, static_cast<std::size_t>(size));
    behind += kEvlrBytes + size;
  }
  return found;
}

struct ExtraItem {
  std::string name;
  bool described = false;
  NumberType type = NumberType::U8;
  int count = 1;
  std::size_t bytes = 0;
  double scale[3] = {1, 1, 1}, offset[3] = {}, missing[3] = {};
  bool has_missing = false;
};

// Table 24: one descriptor of 192 bytes.
ExtraItem parse_extra(const char* record) {
  constexpr NumberType types[] = {NumberType::U8,  NumberType::I8,  NumberType::U16, NumberType::I16, NumberType::U32,
                                  NumberType::I32, NumberType::U64, NumberType::I64, NumberType::F32, NumberType::F64};
  ExtraItem item;
  const unsigned type = static_cast<unsigned char>(record[2]), options = static_cast<unsigned char>(record[3]);
  const std::string_view name(record + 4, 32);
  item.name = std::string(name.substr(0, name.find('\0')));
  item.described = type >= 1 && type <= 30;
  if (!item.described) {
    item.bytes = options;  // of undocumented bytes the options are their number
    return item;
  }
  item.type = types[(type - 1) % 10];
  item.count = static_cast<int>((type - 1) / 10) + 1;
  item.bytes = size_of(item.type) * static_cast<std::size_t>(item.count);
  item.has_missing = options & 1;
  // "No data" is stored as the widest number of its kind.
  const NumberType wide = !is_integer(item.type) ? NumberType::F64 : (type - 1) % 2 ? NumberType::I64 : NumberType::U64;
  for (std::size_t c = 0; c < static_cast<std::size_t>(item.count); ++c) {
    item.missing[c] = load_number(record + 40 + 8 * c, wide, false);
    if (options & 8) item.scale[c] = load_little<double>(record + 112 + 8 * c);
    if (options & 16) item.offset[c] = load_little<double>(record + 136 + 8 * c);
  }
  return item;
}

void add_extra_bytes(std::string_view file, const LasHeader& header, CloudBuilder& builder, const Job& job) {
  const std::string_view descriptors = find_extra_bytes(file, header, builder);
  const auto points = static_cast<std::int64_t>(header.points);
  std::size_t at = standard_bytes(header.format);
  for (std::size_t d = 0; d + kExtraBytesRecord <= descriptors.size(); d += kExtraBytesRecord) {
    const ExtraItem item = parse_extra(descriptors.data() + d);
    if (item.bytes > header.record_bytes - at) {
      builder.remark("The extra bytes '" + item.name + "' do not fit the point records and were left out.");
      break;
    }
    if (item.described) {
      const ColumnLayout layout{file.data() + header.points_offset + at, header.record_bytes, size_of(item.type),
                                item.type, false};
      std::vector<double> values = load_column(layout, points, item.count, job);
      for (std::size_t i = 0; i < values.size(); ++i) {
        const std::size_t c = i % static_cast<std::size_t>(item.count);
        const bool missing = item.has_missing && values[i] == item.missing[c];
        values[i] = missing ? std::numeric_limits<double>::quiet_NaN() : values[i] * item.scale[c] + item.offset[c];
      }
      if (item.count == 1)
        builder.add_field(item.name, std::move(values));
      else
        builder.add_field(item.name, FieldKind::Vector, item.count, std::move(values));
    }
    at += item.bytes;
  }
  if (at < header.record_bytes)
    builder.remark(std::to_string(header.record_bytes - at) +
                   " bytes of each point record are not described and were left out.");
}

std::vector<double> load_item(const LasItem& item, std::string_view file, const LasHeader& header, const Job& job) {
  const ColumnLayout layout{file.data() + header.points_offset + item.offset, header.record_bytes, size_of(item.type),
                            item.type, false};
  std::vector<double> values = load_column(layout, static_cast<std::int64_t>(header.points), 1, job);
  if (item.bits > 0)
    for (double& value : values) value = static_cast<unsigned>(value) >> item.first_bit & ((1u << item.bits) - 1);
  if (item.factor != 1)
    for (double& value : values) value *= item.factor;
  return values;
}

}  // namespace

PointCloud::Parts read_las(const Path& path, const OpenOptions& options, const Job& job) {
  const FileBytes bytes(path, job);
  const std::string_view file = bytes.view();
  const LasHeader header = parse_header(file);
  CloudBuilder builder("LAS 1." + std::to_string(header.minor) + " point format " + std::to_string(header.format),
                       options, job);
  if (header.points == 0) builder.set_positions({});
  const std::vector<LasItem> items = items_of(header.format);
  require_memory(saturating_product(header.points, 6 * sizeof(double) + (items.size() + header.record_bytes -
                                                                         standard_bytes(header.format)) *
                                                                            sizeof(float)),
                 "the points of the file");
  std::vector<double> positions(static_cast<std::size_t>(header.points) * 3);
  const ColumnLayout layout{file.data() + header.points_offset, header.record_bytes, 4, NumberType::I32, false};
  load_column_into(layout, static_cast<std::int64_t>(header.points), 3, positions.data(), 3, job);
  for (std::size_t i = 0; i < positions.size(); ++i)
    positions[i] = positions[i] * header.scale[i % 3] + header.offset[i % 3];
  builder.set_finest_step(*std::min_element(header.scale, header.scale + 3));
  builder.set_positions(std::move(positions));
  for (std::size_t i = 0; i < items.size(); ++i) {
    job.progress(0.4 + 0.5 * static_cast<double>(i) / static_cast<double>(items.size()), "reading the fields");
    std::vector<double> values = load_item(items[i], file, header, job);
    if (items[i].unit[0] == '\0')
      builder.add_field(items[i].name, std::move(values));
    else
      builder.add_field(items[i].name, FieldKind::Scalar, 1, std::move(values), items[i].unit);
  }
  add_extra_bytes(file, header, builder, job);
  return builder.finish();
}

}  // namespace erwin::io
