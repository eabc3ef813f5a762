// PLY: ascii and binary of both byte orders; vertices become points, faces and edges become cells.

#include <algorithm>
#include <array>
#include <cmath>

#include "core/base/error.h"
#include "core/base/memory.h"
#include "core/io/internal/cloud_builder.h"
#include "core/io/internal/file_bytes.h"
#include "core/io/internal/ply_header.h"
#include "core/io/internal/text_scan.h"
#include "core/io/readers.h"

namespace erwin::io {

namespace {

[[noreturn]] void broken(const std::string& what, const std::string& where) {
  throw Error(ErrorKind::Format, "the PLY file is broken: " + what, where, "Write the file again");
}

// Both bodies give one number after the other; they differ in how they know where a row ends.
class AsciiBody {
public:
  explicit AsciiBody(const PlyHeader& header) : lines_(header.body), header_lines_(header.lines) {}
  void begin_row() {
    do {
      if (!lines_.next(rest_)) broken("it is cut off", "after line " + std::to_string(header_lines_ + lines_.number()));
      word_ = next_word(rest_);
    } while (word_.empty());
  }
  double number(NumberType) {
    if (word_.empty()) broken("a line has too few numbers", where());
    const auto value = to_number(word_);
    if (!value) broken(in_quotes(word_) + " is no number", where());
    word_ = next_word(rest_);
    return *value;
  }
  void end_row() const {
    if (!word_.empty()) broken("a line has more numbers than the header names", where());
  }
  // A number takes a character and a blank.
  void require_rows(const PlyElement& element) const {
    if (saturating_product(element.count, 2 * element.properties.size()) > lines_.rest().size() + 1) cut_off(element);
  }
  void require_numbers(std::uint64_t count, NumberType) const {
    if (saturating_product(count, 2) > rest_.size() + word_.size() + 2)
      broken("a list is longer than its line", where());
  }
  std::size_t left() const { return lines_.rest().size(); }
  // Where the fixed-size rows of an element can be taken as columns: never in text.
  static constexpr bool columns = false;
  const char* take(const PlyElement&) { return nullptr; }
  bool big_endian() const { return false; }

private:
  std::string where() const { return "line " + std::to_string(header_lines_ + lines_.number()); }
  [[noreturn]] void cut_off(const PlyElement& element) const {
    broken("it is cut off", std::to_string(element.count) + " rows of '" + element.name + "' cannot fit into " +
                                std::to_string(left()) + " bytes");
  }
  LineReader lines_;
  std::int64_t header_lines_;
  std::string_view rest_, word_;
};

class BinaryBody {
public:
  explicit BinaryBody(const PlyHeader& header) : all_(header.body), big_(header.storage == PlyStorage::Big) {}
  void begin_row() {}
  double number(NumberType type) {
    const std::size_t bytes = size_of(type);
    if (left() < bytes) broken("it is cut off", "inside a row");
    const double value = load_number(all_.data() + at_, type, big_);
    at_ += bytes;
    return value;
  }
  void end_row() const {}
  void require_rows(const PlyElement& element) const {
    const std::uint64_t wanted = saturating_product(element.count, element.least_bytes());
    if (wanted > left())
      broken("it is cut off", std::to_string(element.count) + " rows of '" + element.name + "' need " +
                                  std::to_string(wanted) + " bytes, the file holds " + std::to_string(left()));
  }
  void require_numbers(std::uint64_t count, NumberType type) const {
    if (saturating_product(count, size_of(type)) > left())
      broken("a list is longer than the file", "byte " + std::to_string(at_) + " of the data");
  }
  std::size_t left() const { return all_.size() - at_; }
  static constexpr bool columns = true;
  const char* take(const PlyElement& element) {
    const char* begin = all_.data() + at_;
    at_ += static_cast<std::size_t>(element.count) * element.least_bytes();
    return begin;
  }
  bool big_endian() const { return big_; }

private:
  std::string_view all_;
  std::size_t at_ = 0;
  bool big_;
};

// Reads the rows of an element; number(property, value) and list(property, values) see them in order.
template <typename Body, typename OnNumber, typename OnList>
void read_rows(const PlyElement& element, Body& body, const Job& job, OnNumber on_number, OnList on_list) {
  std::vector<double> values;
  for (std::uint64_t row = 0; row < element.count; ++row) {
    if (row % 65536 == 0) job.check();
    body.begin_row();
    for (std::size_t p = 0; p < element.properties.size(); ++p) {
      const PlyProperty& property = element.properties[p];
      if (!property.list) {
        on_number(p, body.number(property.type));
        continue;
      }
      const double length = body.number(property.count_type);
      if (!(length >= 0) || length != std::floor(length) || length > 1e18)
        broken("a list has no valid length", element.name + " " + std::to_string(row));
      const auto count = static_cast<std::uint64_t>(length);
      body.require_numbers(count, property.type);
      values.clear();
      for (std::uint64_t i = 0; i < count; ++i) {
        if ((i + 1) % 65536 == 0) job.check();
        values.push_back(body.number(property.type));
      }
      on_list(p, row, values);
    }
    body.end_row();
  }
}

// The numbers of each property without lists, [properties][count].
template <typename Body>
std::vector<std::vector<double>> read_columns(const PlyElement& element, Body& body, const Job& job) {
  require_memory(saturating_product(element.count, (element.properties.size() + 6) * sizeof(double)),
                 "the points of the file");
  const auto count = static_cast<std::int64_t>(element.count);
  std::vector<std::vector<double>> columns(element.properties.size());
  if (Body::columns && !element.has_list()) {
    const std::size_t stride = element.least_bytes();
    const char* at = body.take(element);
    for (std::size_t p = 0; p < columns.size(); ++p) {
      const NumberType type = element.properties[p].type;
      columns[p] = load_column({at, stride, size_of(type), type, body.big_endian()}, count, 1, job);
      at += size_of(type);
    }
    return columns;
  }
  for (std::size_t p = 0; p < columns.size(); ++p)
    if (!element.properties[p].list) columns[p].reserve(static_cast<std::size_t>(count));
  read_rows(
      element, body, job, [&](std::size_t p, double value) { columns[p].push_back(value); }, [](auto&&...) {});
  return columns;
}

struct CellTally {
  Cells cells;
  std::uint64_t fanned = 0, left_out = 0;
};

std::uint32_t corner_of(double value, std::uint64_t points, const char* what, std::uint64_t row) {
  if (!(value >= 0) || value >= static_cast<double>(points) || value != std::floor(value) || value > 4294967295.0)
    broken("a cell names a point that does not exist", std::string(what) + " " + std::to_string(row) + ": point " +
                                                           std::to_string(value) + " of " + std::to_string(points));
  return static_cast<std::uint32_t>(value);
}

void add_polygon(const std::vector<double>& corners, std::uint64_t points, std::uint64_t row, CellTally& tally) {
  const auto corner = [&](std::size_t i) { return corner_of(corners[i], points, "face", row); };
  if (corners.size() < 3) {
    ++tally.left_out;
  } else if (corners.size() == 4) {
    for (std::size_t i = 0; i < 4; ++i) tally.cells.quads.push_back(corner(i));
  } else {
    tally.fanned += corners.size() > 4;
    for (std::size_t i = 2; i < corners.size(); ++i)
      for (const std::size_t c : {std::size_t{0}, i - 1, i}) tally.cells.triangles.push_back(corner(c));
  }
}

bool is_corner_list(const PlyProperty& property) {
  return property.list && (property.name == "vertex_indices" || property.name == "vertex_index");
}

template <typename Body>
void read_faces(const PlyElement& element, Body& body, std::uint64_t points, CellTally& tally, const Job& job) {
  // A polygon of n corners becomes at most 3 n indices.
  std::size_t most = body.left();
  for (const PlyProperty& property : element.properties)
    if (is_corner_list(property)) most = body.left() / (Body::columns ? size_of(property.type) : 2);
  require_memory(saturating_product(most, 3 * sizeof(std::uint32_t)), "the faces of the file");
  read_rows(
      element, body, job, [](auto&&...) {},
      [&](std::size_t p, std::uint64_t row, const std::vector<double>& values) {
        if (is_corner_list(element.properties[p])) add_polygon(values, points, row, tally);
      });
}

template <typename Body>
void read_edges(const PlyElement& element, Body& body, std::uint64_t points, CellTally& tally, const Job& job) {
  std::vector<double> ends;
  std::uint64_t row = 0;
  read_rows(
      element, body, job,
      [&](std::size_t p, double value) {
        const std::string& name = element.properties[p].name;
        if (name != "vertex1" && name != "vertex2") return;
        ends.push_back(value);
        if (ends.size() < 2) return;
        for (const double end : ends) tally.cells.lines.push_back(corner_of(end, points, "edge", row));
        ends.clear();
        ++row;
      },
      [](auto&&...) {});
}

void add_points(const PlyElement& element, std::vector<std::vector<double>> columns, CloudBuilder& builder) {
  std::array<std::size_t, 3> axis{};
  int axes = 0;
  for (const char* name : {"x", "y", "z"})
    for (std::size_t p = 0; p < columns.size(); ++p)
      if (!element.properties[p].list && lower(element.properties[p].name) == name) {
        axis[static_cast<std::size_t>(axes++)] = p;
        break;
      }
  if (axes < 3)
    throw Error(ErrorKind::Format, "there are no positions in this PLY file", "its vertices have no x, y and z",
                "Name three properties x, y and z");
  if (element.count == 0) builder.set_positions({});
  std::vector<double> positions(static_cast<std::size_t>(element.count) * 3);
  for (std::size_t a = 0; a < 3; ++a)
    for (std::size_t i = 0; i < columns[axis[a]].size(); ++i) positions[i * 3 + a] = columns[axis[a]][i];
  builder.set_positions(std::move(positions));
  for (std::size_t p = 0; p < columns.size(); ++p) {
    if (std::find(axis.begin(), axis.end(), p) != axis.end()) continue;
    if (element.properties[p].list)
      builder.remark("The list '" + element.properties[p].name + "' of the vertices was left out.");
    else
      builder.add_field(element.properties[p].name, std::move(columns[p]));
  }
}

template <typename Body>
void read_body(const PlyHeader& header, CloudBuilder& builder, const Job& job) {
  Body body(header);
  const PlyElement* vertices = nullptr;
  for (const PlyElement& element : header.elements)
    if (!vertices && (element.name == "vertex" || element.name == "point")) vertices = &element;
  if (!vertices)
    throw Error(ErrorKind::Format, "there are no points in this PLY file", "its header names no element 'vertex'",
                "Open a file that holds at least one point");
  CellTally tally;
  std::vector<std::vector<double>> columns;
  double done = 0;
  for (const PlyElement& element : header.elements) {
    job.progress(0.3 + 0.5 * done++ / static_cast<double>(header.elements.size()), "reading " + element.name);
    if (element.properties.empty()) continue;  // its rows take no room
    body.require_rows(element);
    if (&element == vertices) {
      columns = read_columns(element, body, job);
    } else if (element.name == "face") {
      read_faces(element, body, vertices->count, tally, job);
    } else if (element.name == "edge") {
      read_edges(element, body, vertices->count, tally, job);
    } else {
      read_rows(
          element, body, job, [](auto&&...) {}, [](auto&&...) {});
      builder.remark("The element '" + element.name + "' was left out.");
    }
  }
  columns.resize(vertices->properties.size());
  add_points(*vertices, std::move(columns), builder);
  if (tally.fanned > 0)
    builder.remark(std::to_string(tally.fanned) + " faces of more than four corners were cut into triangles.");
  if (tally.left_out > 0)
    builder.remark(std::to_string(tally.left_out) + " faces of fewer than three corners were left out.");
  builder.set_cells(std::move(tally.cells));
}

}  // namespace

PointCloud::Parts read_ply(const Path& path, const OpenOptions& options, const Job& job) {
  const FileBytes bytes(path, job);
  const PlyHeader header = parse_ply_header(bytes.view());
  static const char* const storage[] = {"PLY ascii", "PLY binary_little_endian", "PLY binary_big_endian"};
  CloudBuilder builder(storage[static_cast<int>(header.storage)], options, job);
  if (header.storage == PlyStorage::Ascii)
    read_body<AsciiBody>(header, builder, job);
  else
    read_body<BinaryBody>(header, builder, job);
  return builder.finish();
}

}  // namespace erwin::io
