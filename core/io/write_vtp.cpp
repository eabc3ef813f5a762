// VTK XML PolyData, version 1.0: an XML head that says where each array lies in one raw block behind it, each array
// after its length as UInt64. Format: VTK's "File Formats" chapter, section XML.

#include <bit>
#include <functional>

#include "core/base/atomic_file.h"
#include "core/base/xml.h"
#include "core/io/internal/output_file.h"
#include "core/io/write.h"

namespace erwin::io {

namespace {

static_assert(std::endian::native == std::endian::little, "the head says LittleEndian");

constexpr std::size_t values_between_looks = std::size_t{1} << 16;

// One array: its line in the head and the function that writes its bytes.
struct Block {
  std::uint64_t bytes = 0;
  std::function<void(OutputFile&)> write;
};

class VtpWriter {
public:
  VtpWriter(const PointCloud& cloud, const Job& job) : cloud_(cloud), job_(job) {}

  void write(OutputFile& out) {
    const std::string head = make_head();
    out.write(head);
    double done = 0;
    for (const Block& block : blocks_) {
      job_.check();
      job_.progress(done++ / static_cast<double>(blocks_.size()), "writing arrays");
      out.write(&block.bytes, sizeof block.bytes);
      block.write(out);
    }
    out.write("\n  </AppendedData>\n</VTKFile>\n");
    job_.check();
  }

private:
  std::string make_head() {
    const Cells& cells = cloud_.cells();
    const auto points = static_cast<std::size_t>(cloud_.size());
    const std::size_t lines = cells.lines.size() / 2, triangles = cells.triangles.size() / 3,
                      quads = cells.quads.size() / 4;
    // Without cells ParaView would draw nothing: every point becomes a vertex.
    const std::size_t vertices = cells.empty() ? points : 0;
    std::string head =
        "<?xml version=\"1.0\"?>\n<VTKFile type=\"PolyData\" version=\"1.0\" byte_order=\"LittleEndian\" "
        "header_type=\"UInt64\">\n  <PolyData>\n";
    head += "    <Piece NumberOfPoints=\"" + std::to_string(points) + "\" NumberOfVerts=\"" + std::to_string(vertices) +
            "\" NumberOfLines=\"" + std::to_string(lines) + "\" NumberOfStrips=\"0\" NumberOfPolys=\"" +
            std::to_string(triangles + quads) + "\">\n";
    head += "      <PointData>\n";
    for (const Field& field : cloud_.fields()) head += field_line(field);
    head += "      </PointData>\n      <Points>\n" + points_line() + "      </Points>\n";
    head += "      <Verts>\n" + cell_lines({{nullptr, 1, vertices}}) + "      </Verts>\n";
    head += "      <Lines>\n" + cell_lines({{&cells.lines, 2, lines}}) + "      </Lines>\n";
    head += "      <Polys>\n" + cell_lines({{&cells.triangles, 3, triangles}, {&cells.quads, 4, quads}}) +
            "      </Polys>\n";
    return head + "    </Piece>\n  </PolyData>\n  <AppendedData encoding=\"raw\">\n   _";
  }

  std::string line(const std::string& type, const std::string& name, int components, const std::string& unit,
                   Block block) {
    std::string text = "        <DataArray type=\"" + type + "\" Name=\"" + xml_escaped(name) +
                       "\" NumberOfComponents=\"" + std::to_string(components) + "\" format=\"appended\" offset=\"" +
                       std::to_string(offset_) + "\"";
    offset_ += block.bytes + sizeof(std::uint64_t);
    blocks_.push_back(std::move(block));
    if (unit.empty()) return text + "/>\n";
    return text + ">\n          <InformationKey name=\"UNITS_LABEL\" location=\"vtkDataArray\">" + xml_escaped(unit) +
           "</InformationKey>\n        </DataArray>\n";
  }

  // `count` values, each made by `value(index)`.
  template <typename T, typename Value>
  Block block(std::size_t count, Value value) {
    return {count * sizeof(T), [this, count, value](OutputFile& out) {
              for (std::size_t i = 0; i < count; ++i) {
                if (i % values_between_looks == 0) job_.check();
                const T number = static_cast<T>(value(i));
                out.write(&number, sizeof number);
              }
            }};
  }

  std::string points_line() {
    const auto positions = cloud_.positions();
    const std::array<double, 3> origin = cloud_.origin();
    // Absolute coordinates far from zero need float64.
    if (origin == std::array<double, 3>{})
      return line("Float32", "Points", 3, cloud_.unit(),
                  block<float>(positions.size(), [positions](std::size_t i) { return positions[i]; }));
    return line(
        "Float64", "Points", 3, cloud_.unit(),
        block<double>(positions.size(), [positions, origin](std::size_t i) { return origin[i % 3] + positions[i]; }));
  }

  std::string field_line(const Field& field) {
    const auto values = field.frame(0);
    const double offset = field.offset();
    const auto sum = [values, offset](std::size_t i) { return offset + values[i]; };
    const bool label = field.kind() == FieldKind::Label && field.nonfinite_count() == 0 && field.range() &&
                       field.range()->minimum >= -2147483648.0 && field.range()->maximum <= 2147483647.0;
    if (label) return line("Int32", field.name(), 1, field.unit(), block<std::int32_t>(values.size(), sum));
    if (offset != 0)
      return line("Float64", field.name(), field.components(), field.unit(), block<double>(values.size(), sum));
    return line("Float32", field.name(), field.components(), field.unit(),
                block<float>(values.size(), [values](std::size_t i) { return values[i]; }));
  }

  struct CellList {
    const std::vector<std::uint32_t>* corners;  // null: 0, 1, 2, ...
    std::size_t width, count;
  };

  std::string cell_lines(const std::vector<CellList>& lists) {
    std::size_t corners = 0, count = 0;
    for (const CellList& list : lists) {
      corners += list.width * list.count;
      count += list.count;
    }
    const auto corner = [lists](std::size_t i) -> std::int64_t {
      for (const CellList& list : lists) {
        if (i < list.width * list.count) return list.corners ? (*list.corners)[i] : static_cast<std::int64_t>(i);
        i -= list.width * list.count;
      }
      return 0;
    };
    const auto end = [lists](std::size_t i) -> std::int64_t {
      std::int64_t before = 0;
      for (const CellList& list : lists) {
        if (i < list.count) return before + static_cast<std::int64_t>(list.width * (i + 1));
        before += static_cast<std::int64_t>(list.width * list.count);
        i -= list.count;
      }
      return before;
    };
    return line("Int64", "connectivity", 1, "", block<std::int64_t>(corners, corner)) +
           line("Int64", "offsets", 1, "", block<std::int64_t>(count, end));
  }

  const PointCloud& cloud_;
  const Job& job_;
  std::vector<Block> blocks_;
  std::uint64_t offset_ = 0;
};

}  // namespace

void write_vtp(const std::filesystem::path& path, const PointCloud& cloud, const Job& job) {
  require_one_frame(cloud, ".vtp");
  write_file_atomically(path, [&](const std::filesystem::path& temporary) {
    OutputFile out(temporary, path);
    VtpWriter(cloud, job).write(out);
    out.close();
  });
}

}  // namespace erwin::io
