#include "core/dataset/internal/quad_mesh.h"

#include <algorithm>
#include <string_view>

#include "core/base/error.h"
#include "core/base/memory.h"
#include "core/io/internal/file_bytes.h"
#include "core/io/internal/numbers.h"
#include "core/io/internal/text_scan.h"

namespace erwin {

namespace {

using io::NumberType;

constexpr std::size_t numbers_between_looks = 1 << 16;
constexpr std::uint64_t corners = 4;

[[noreturn]] void cut_off(const std::string& what) {
  throw Error(ErrorKind::Format, "the mesh is cut off", what, "Copy the file again");
}

// Words and numbers of the file, one after another.
class MeshReader {
public:
  MeshReader(std::string_view text, const Job& job) : rest_(text), job_(job) {}

  std::optional<QuadMesh> read() {
    line();  // "# vtk DataFile Version 2.0"
    line();  // a title
    const std::string_view storage = io::trimmed(line());
    binary_ = storage == "BINARY";
    if (!binary_ && storage != "ASCII") return std::nullopt;
    if (word() != "DATASET") return std::nullopt;
    const std::string_view kind = word();
    if (kind != "UNSTRUCTURED_GRID" && kind != "POLYDATA") return std::nullopt;
    if (word() != "POINTS") return std::nullopt;
    const auto points = io::to_count(word());
    const std::string_view type = word();
    if (!points || (type != "float" && type != "double")) return std::nullopt;
    QuadMesh mesh;
    mesh.positions = numbers(io::saturating_product(*points, 3), type == "float" ? NumberType::F32 : NumberType::F64);
    const std::string_view cells = word();
    if (cells != (kind == "POLYDATA" ? "POLYGONS" : "CELLS")) return std::nullopt;
    const auto count = io::to_count(word()), size = io::to_count(word());
    // The list holds the number of corners before each cell: quads alone have five numbers each.
    if (!count || !size || *size != io::saturating_product(*count, corners + 1)) return std::nullopt;
    const std::vector<double> list = numbers(*size, NumberType::I32);
    for (std::size_t at = 0; at < list.size(); at += corners + 1) {
      if (list[at] != corners) return std::nullopt;
      for (std::size_t c = 1; c <= corners; ++c) mesh.quads.push_back(vertex(list[at + c], *points));
    }
    return mesh;
  }

private:
  std::string_view line() {
    const std::size_t end = rest_.find('\n');
    const std::string_view text = rest_.substr(0, end);
    rest_.remove_prefix(end == std::string_view::npos ? rest_.size() : end + 1);
    return text;
  }

  // Over the ends of lines, too.
  std::string_view word() {
    const std::size_t begin = std::min(rest_.find_first_not_of(" \t\r\n"), rest_.size());
    const std::size_t end = std::min(rest_.find_first_of(" \t\r\n", begin), rest_.size());
    const std::string_view text = rest_.substr(begin, end - begin);
    rest_.remove_prefix(end);
    return text;
  }

  std::vector<double> numbers(std::uint64_t count, NumberType type) {
    // In text, a number has a character and a blank.
    const std::uint64_t least = binary_ ? io::size_of(type) : 2;
    if (io::saturating_product(count, least) > rest_.size() + 1)
      cut_off(std::to_string(count) + " numbers cannot fit into the remaining " + std::to_string(rest_.size()) +
              " bytes");
    require_memory(io::saturating_product(count, sizeof(double)), "the mesh");
    std::vector<double> values(static_cast<std::size_t>(count));
    if (binary_) line();  // the numbers begin behind the end of their keyword's line
    for (std::size_t i = 0; i < values.size(); ++i) {
      if (i % numbers_between_looks == 0) job_.check();
      values[i] = binary_ ? big_endian(type) : from_text();
    }
    return values;
  }

  double big_endian(NumberType type) {
    const std::size_t bytes = io::size_of(type);
    if (rest_.size() < bytes) cut_off("it ends inside its numbers");
    const double value = io::load_number(rest_.data(), type, true);
    rest_.remove_prefix(bytes);
    return value;
  }

  double from_text() {
    const std::string_view text = word();
    if (text.empty()) cut_off("it ends inside its numbers");
    const auto value = io::to_number(text);
    if (!value)
      throw Error(ErrorKind::Format, "the mesh holds a word where a number was expected", io::in_quotes(text));
    return *value;
  }

  static std::uint32_t vertex(double number, std::uint64_t points) {
    if (!(number >= 0 && number < static_cast<double>(points)) ||
        number != static_cast<double>(static_cast<std::uint32_t>(number)))
      throw Error(ErrorKind::Format, "a cell names a point that does not exist",
                  std::to_string(number) + " of " + std::to_string(points));
    return static_cast<std::uint32_t>(number);
  }

  std::string_view rest_;
  const Job& job_;
  bool binary_ = false;
};

}  // namespace

std::optional<QuadMesh> read_quad_mesh(const std::filesystem::path& path, const Job& job) {
  const io::FileBytes bytes(path, job);
  return MeshReader(bytes.view(), job).read();
}

}  // namespace erwin
