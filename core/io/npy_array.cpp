#include "core/io/internal/npy_array.h"

#include <algorithm>
#include <limits>

#include "core/base/error.h"
#include "core/base/memory.h"
#include "core/io/internal/python_literal.h"
#include "core/io/internal/text_scan.h"

namespace erwin::io {

namespace {

constexpr std::uint64_t kMostColumns = 32;  // a plain array with more is no table of points
constexpr std::size_t kMostMembers = 4096;

[[noreturn]] void broken(const std::string& what, const std::string& name) {
  throw Error(ErrorKind::Format, "the array is broken: " + what, name, "Save it again with numpy.save");
}

// Reads "<f8" and the like; numbers that float64 can hold become numeric, everything else just has a size.
NpyMember parse_type(const std::string& descr, const std::string& name) {
  NpyMember member;
  member.descr = descr;
  std::string_view rest = descr;
  if (!rest.empty() && (rest[0] == '<' || rest[0] == '>' || rest[0] == '|' || rest[0] == '=')) {
    member.big_endian = rest[0] == '>';
    rest.remove_prefix(1);
  }
  if (rest.empty()) broken("the type " + in_quotes(descr) + " is not known", name);
  const char kind = rest[0];
  if (kind == 'O')
    throw Error(ErrorKind::Format,
                "the array" + (name.empty() ? std::string() : " '" + name + "'") +
                    " holds Python objects (a pickle), which are never read",
                "type " + in_quotes(descr), "Save plain numbers: numpy.asarray(a, dtype=float)");
  const std::string_view digits = rest.substr(1, rest.substr(1).find_first_not_of("0123456789"));
  const auto size = to_count(digits);
  if (!size || *size > (std::uint64_t{1} << 30)) broken("the type " + in_quotes(descr) + " is not known", name);
  member.bytes = static_cast<std::size_t>(kind == 'U' ? *size * 4 : *size);
  static const std::pair<std::string_view, NumberType> known[] = {
      {"i1", NumberType::I8},  {"u1", NumberType::U8},  {"b1", NumberType::U8},  {"i2", NumberType::I16},
      {"u2", NumberType::U16}, {"i4", NumberType::I32}, {"u4", NumberType::U32}, {"i8", NumberType::I64},
      {"u8", NumberType::U64}, {"f2", NumberType::F16}, {"f4", NumberType::F32}, {"f8", NumberType::F64}};
  for (const auto& [text, type] : known)
    if (rest == text) {
      member.numeric = true;
      member.type = type;
    }
  return member;
}

// ('name', '<f4') or ('name', '<f4', (3,)); a name may be a pair of title and name; a type may be a record itself.
NpyMember parse_member(const PythonLiteral& item, const std::string& array, int depth);

std::vector<NpyMember> parse_record(const PythonLiteral& list, const std::string& array, std::size_t& bytes,
                                    int depth) {
  if (list.items.empty() || list.items.size() > kMostMembers || depth > 8)
    broken("its record type is not valid", array);
  std::vector<NpyMember> members;
  bytes = 0;
  for (const PythonLiteral& item : list.items) {
    NpyMember member = parse_member(item, array, depth);
    member.offset = bytes;
    bytes += member.bytes;
    if (bytes > (std::size_t{1} << 31)) broken("its records are too large", array);
    members.push_back(std::move(member));
  }
  return members;
}

NpyMember parse_member(const PythonLiteral& item, const std::string& array, int depth) {
  using Kind = PythonLiteral::Kind;
  if (item.kind != Kind::Sequence || item.items.size() < 2 || item.items.size() > 3)
    broken("its record type is not valid", array);
  const PythonLiteral& type = item.items[1];
  NpyMember member;
  if (type.kind == Kind::String) {
    member = parse_type(type.string, array);
  } else {
    member.descr = "a record";
    parse_record(type, array, member.bytes, depth + 1);
  }
  const PythonLiteral& title = item.items[0];
  if (title.kind == Kind::Sequence && title.items.size() == 2)
    member.name = title.items[1].string;
  else
    member.name = title.string;
  if (item.items.size() == 3) {
    std::uint64_t count = 1;
    for (const PythonLiteral& size : item.items[2].items) count = saturating_product(count, size.integer);
    if (item.items[2].kind == Kind::Integer) count = item.items[2].integer;
    if (saturating_product(count, member.bytes) > (std::uint64_t{1} << 30)) broken("its records are too large", array);
    member.bytes *= static_cast<std::size_t>(count);
    member.count = static_cast<int>(count);
    member.numeric = member.numeric && count > 0;
  }
  return member;
}

const NpyMember* member_named(const NpyArray& array, std::initializer_list<std::string_view> names, int count) {
  for (const NpyMember& member : array.members)
    for (const std::string_view name : names)
      if (member.numeric && member.count == count && lower(member.name) == name) return &member;
  return nullptr;
}

struct RecordAxes {
  const NpyMember* axis[3] = {};     // one number each
  const NpyMember* joint = nullptr;  // or three in one
};

bool find_axes(const NpyArray& array, RecordAxes& axes) {
  axes.axis[0] = member_named(array, {"x"}, 1);
  axes.axis[1] = member_named(array, {"y"}, 1);
  axes.axis[2] = member_named(array, {"z"}, 1);
  if (axes.axis[0] && axes.axis[1]) return true;
  axes.joint = member_named(array, {"position", "positions", "xyz", "pos", "point", "points", "coordinates"}, 3);
  return axes.joint != nullptr;
}

ColumnLayout layout_of(const NpyArray& array, const NpyMember& member) {
  return {array.data.data() + member.offset, array.item_bytes, size_of(member.type), member.type, member.big_endian};
}

void add_records(const NpyArray& array, CloudBuilder& builder, const Job& job) {
  RecordAxes axes;
  find_axes(array, axes);
  const auto rows = static_cast<std::int64_t>(array.elements());
  std::vector<double> positions(static_cast<std::size_t>(rows) * 3, 0.0);
  const bool flat = !axes.joint && !axes.axis[2];
  if (axes.joint) {
    load_column_into(layout_of(array, *axes.joint), rows, 3, positions.data(), 3, job);
  } else {
    for (std::size_t a = 0; a < (flat ? 2u : 3u); ++a)
      load_column_into(layout_of(array, *axes.axis[a]), rows, 1, positions.data() + a, 3, job);
  }
  builder.set_positions(std::move(positions), 1, flat ? 2 : 3);
  for (const NpyMember& member : array.members) {
    if (&member == axes.joint || std::find(axes.axis, axes.axis + 3, &member) != axes.axis + 3) continue;
    if (!member.numeric || member.count > static_cast<int>(kMostColumns)) {
      if (member.descr.find('V') == std::string::npos)
        builder.remark("The column '" + member.name + "' (" + member.descr +
                       ") holds no plain numbers and was left out.");
      continue;
    }
    std::vector<double> values = load_column(layout_of(array, member), rows, member.count, job);
    if (member.count == 1)
      builder.add_field(member.name, std::move(values));
    else
      builder.add_field(member.name, FieldKind::Vector, member.count, std::move(values));
  }
}

}  // namespace

std::uint64_t NpyArray::elements() const {
  std::uint64_t count = 1;
  for (const std::uint64_t size : shape) count = saturating_product(count, size);
  return count;
}

std::string NpyArray::shape_text() const {
  std::string text;
  for (const std::uint64_t size : shape) text += (text.empty() ? "" : ", ") + std::to_string(size);
  return "(" + text + ")";
}

NpyArray parse_npy(std::string_view file, const std::string& name) {
  NpyArray array;
  array.name = name;
  if (file.size() < 10 || file.substr(0, 6) != "\x93NUMPY") broken("it does not begin with an NPY header", name);
  const int version = static_cast<unsigned char>(file[6]);
  if (version < 1 || version > 3) broken("version " + std::to_string(version) + " of the format is not known", name);
  const std::size_t begin = version == 1 ? 10 : 12;
  if (file.size() < begin) broken("it ends inside its header", name);
  const std::size_t length =
      version == 1 ? load_little<std::uint16_t>(file.data() + 8) : load_little<std::uint32_t>(file.data() + 8);
  if (length > file.size() - begin) broken("it ends inside its header", name);
  const PythonLiteral header = parse_python_literal(file.substr(begin, length));
  const PythonLiteral *descr = header.find("descr"), *order = header.find("fortran_order"),
                      *shape = header.find("shape");
  if (!descr || !order || !shape || shape->kind != PythonLiteral::Kind::Sequence || shape->items.size() > 32)
    broken("its header lacks descr, fortran_order or shape", name);
  array.fortran_order = order->boolean;
  for (const PythonLiteral& size : shape->items) {
    if (size.kind != PythonLiteral::Kind::Integer) broken("its shape is not made of whole numbers", name);
    array.shape.push_back(size.integer);
  }
  array.structured = descr->kind == PythonLiteral::Kind::Sequence;
  if (array.structured) {
    array.members = parse_record(*descr, name, array.item_bytes, 0);
  } else {
    array.members.push_back(parse_type(descr->string, name));
    array.item_bytes = array.members.front().bytes;
  }
  const std::uint64_t wanted = saturating_product(array.elements(), array.item_bytes),
                      held = file.size() - begin - length;
  if (wanted > held)
    throw Error(ErrorKind::Format, "the array is cut off",
                (name.empty() ? "" : name + ": ") + "shape " + array.shape_text() + " of " +
                    std::to_string(array.item_bytes) + "-byte items needs " + std::to_string(wanted) +
                    " bytes, the file holds " + std::to_string(held),
                "Copy the file again");
  array.data = file.substr(begin + length, static_cast<std::size_t>(wanted));
  return array;
}

std::vector<double> numbers_of(const NpyArray& array, const Job& job) {
  const auto count = static_cast<std::int64_t>(array.elements());
  require_memory(saturating_product(array.elements(), sizeof(double)), "the numbers of the array");
  const NpyMember& item = array.members.front();
  const std::size_t dimensions = array.shape.size();
  if (!array.fortran_order || dimensions < 2) return load_column(layout_of(array, item), count, 1, job);
  // Column-major: walk the C order and step through the file by its strides.
  std::vector<std::size_t> stride(dimensions, item.bytes), index(dimensions, 0);
  for (std::size_t d = 1; d < dimensions; ++d) stride[d] = stride[d - 1] * static_cast<std::size_t>(array.shape[d - 1]);
  std::vector<double> values(static_cast<std::size_t>(count));
  std::size_t at = 0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (i % (1 << 17) == 0) job.check();
    values[i] = load_number(array.data.data() + at, item.type, item.big_endian);
    for (std::size_t d = dimensions; d-- > 0;) {
      at += stride[d];
      if (++index[d] < array.shape[d]) break;
      at -= stride[d] * static_cast<std::size_t>(array.shape[d]);
      index[d] = 0;
    }
  }
  return values;
}

bool holds_positions(const NpyArray& array, NpyPositions& found) {
  if (array.structured) {
    RecordAxes axes;
    found = {1, array.shape.size() == 1 ? array.shape[0] : 0};
    return array.shape.size() == 1 && find_axes(array, axes);
  }
  const std::size_t dimensions = array.shape.size();
  if (!array.plain_numbers() || dimensions < 2 || dimensions > 3) return false;
  found = {dimensions == 3 ? array.shape[0] : 1, array.shape[dimensions - 2]};
  return array.shape.back() >= 2 && array.shape.back() <= kMostColumns;
}

void add_positions_and_columns(const NpyArray& array, CloudBuilder& builder, const Job& job) {
  NpyPositions size;
  if (!holds_positions(array, size)) {
    std::vector<std::string> names;
    for (const NpyMember& member : array.members)
      names.push_back(member.name + (member.name.empty() ? "" : " ") + member.descr);
    throw Error(ErrorKind::Format, "there are no positions in this array",
                (array.name.empty() ? "" : array.name + ": ") + "shape " + array.shape_text() + " of " + joined(names),
                "Positions are an array of shape (N, 3), (N, 2) or (T, N, 3), or records with columns x, y and z");
  }
  const std::uint64_t numbers = saturating_product(array.elements(), array.structured ? array.members.size() : 1);
  require_memory(saturating_product(numbers, 2 * sizeof(double)), "the points of the array");
  if (array.elements() == 0) return builder.set_positions({});
  if (array.structured) return add_records(array, builder, job);
  const std::vector<double> all = numbers_of(array, job);
  const auto columns = static_cast<std::size_t>(array.shape.back());
  const std::size_t rows = all.size() / columns, axes = std::min<std::size_t>(columns, 3);
  std::vector<double> positions(rows * 3, 0.0);
  for (std::size_t row = 0; row < rows; ++row)
    for (std::size_t a = 0; a < axes; ++a) positions[row * 3 + a] = all[row * columns + a];
  const auto frames = static_cast<std::int64_t>(size.frames);
  builder.set_positions(std::move(positions), frames, columns == 2 ? 2 : 3);
  if (columns > 3)
    builder.remark("The array has " + std::to_string(columns) + " columns: the first three were taken as x, y and z.");
  for (std::size_t column = 3; column < columns; ++column) {
    std::vector<double> values(rows);
    for (std::size_t row = 0; row < rows; ++row) values[row] = all[row * columns + column];
    builder.add_field("column_" + std::to_string(column + 1), FieldKind::Scalar, 1, std::move(values), {}, frames);
  }
}

}  // namespace erwin::io
