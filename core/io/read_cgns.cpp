// CGNS kept in HDF5: every node is a group with an attribute `label` (its kind) and an array called " data".
// Element numbers and shapes are those of the CGNS standard interface data structures, "Elements_t".

#include <limits>
#include <map>
#include <optional>

#include "core/base/error.h"
#include "core/io/internal/cloud_builder.h"
#include "core/io/internal/hdf5.h"
#include "core/io/readers.h"

namespace erwin::io {

namespace {

constexpr std::int64_t bar_2 = 3, tri_3 = 5, quad_4 = 7, mixed = 20;

struct ElementType {
  const char* name;
  std::int64_t corners;
};

const ElementType* element_type(std::int64_t number) {
  static const std::map<std::int64_t, ElementType> known = {
      {2, {"NODE", 1}},    {3, {"BAR_2", 2}},     {4, {"BAR_3", 3}},     {5, {"TRI_3", 3}},      {6, {"TRI_6", 6}},
      {7, {"QUAD_4", 4}},  {8, {"QUAD_8", 8}},    {9, {"QUAD_9", 9}},    {10, {"TETRA_4", 4}},   {11, {"TETRA_10", 10}},
      {12, {"PYRA_5", 5}}, {13, {"PYRA_14", 14}}, {14, {"PENTA_6", 6}},  {15, {"PENTA_15", 15}}, {16, {"PENTA_18", 18}},
      {17, {"HEXA_8", 8}}, {18, {"HEXA_20", 20}}, {19, {"HEXA_27", 27}}, {21, {"PYRA_13", 13}}};
  const auto found = known.find(number);
  return found == known.end() ? nullptr : &found->second;
}

class CgnsReader {
public:
  CgnsReader(const Path& path, const OpenOptions& options, const Job& job)
      : file_(h5::File::open(path, job)), job_(job), builder_(name_of(FileKind::Cgns), options, job) {}

  PointCloud::Parts read() {
    const std::string zone = first_zone();
    read_positions(zone);
    Cells cells;
    for (const h5::Entry& node : file_.children(zone)) {
      if (node.kind != h5::Kind::Group) continue;
      const std::string label = label_of(node.path);
      if (label == "FlowSolution_t") read_solution(node.path);
      if (label == "Elements_t") read_elements(node.path, cells);
    }
    builder_.set_cells(std::move(cells));
    for (const auto& [name, count] : skipped_)
      builder_.remark(std::to_string(count) + " elements of type " + name + " are not shown; their points are.");
    return builder_.finish();
  }

private:
  std::string label_of(const std::string& path) const { return file_.text_attribute(path, "label").value_or(""); }

  std::vector<h5::Entry> nodes(const std::string& group, const char* label) const {
    std::vector<h5::Entry> found;
    for (h5::Entry& node : file_.children(group))
      if (node.kind == h5::Kind::Group && label_of(node.path) == label) found.push_back(std::move(node));
    return found;
  }

  std::string first_zone() {
    std::string first;
    std::size_t zones = 0;
    for (const h5::Entry& base : nodes("/", "CGNSBase_t"))
      for (const h5::Entry& zone : nodes(base.path, "Zone_t"))
        if (zones++ == 0) first = zone.path;
    if (zones == 0)
      throw Error(ErrorKind::Format, "there are no points in this file", "no zone in any base",
                  "Open a file that holds at least one zone");
    if (zones > 1) builder_.remark("The file has " + std::to_string(zones) + " zones; " + first + " is shown.");
    return first;
  }

  static std::string data_of(const std::string& node) { return node + "/ data"; }

  std::optional<std::string> unit_of(const std::string& node) const {
    return file_.is_dataset(data_of(node)) ? file_.text_attribute(data_of(node), "unit") : std::nullopt;
  }

  void read_positions(const std::string& zone) {
    const std::vector<h5::Entry> grids = nodes(zone, "GridCoordinates_t");
    if (grids.empty()) throw Error(ErrorKind::Format, "the zone has no coordinates", zone);
    std::vector<double> absolute;
    int dimension = 0;
    for (std::size_t axis = 0; axis < 3; ++axis) {
      const std::string node = grids.front().path + "/Coordinate" + "XYZ"[axis];
      if (axis == 2 && !file_.exists(node)) break;
      const std::vector<double> values = file_.read_doubles(data_of(node), job_);
      if (axis == 0) absolute.resize(3 * values.size(), 0.0);
      if (3 * values.size() != absolute.size())
        throw Error(ErrorKind::Format, "the coordinates have different lengths", node);
      for (std::size_t row = 0; row < values.size(); ++row) absolute[3 * row + axis] = values[row];
      ++dimension;
    }
    builder_.set_positions(std::move(absolute), 1, dimension);
  }

  void read_solution(const std::string& group) {
    const std::string location = group + "/GridLocation";
    const std::string where = file_.exists(location) ? file_.read_text(data_of(location)) : "Vertex";
    if (where != "Vertex") {
      builder_.remark("The fields of " + group + " lie on " + where + ", not on points, and were not read.");
      return;
    }
    for (const h5::Entry& node : nodes(group, "DataArray_t")) {
      if (!file_.is_dataset(data_of(node.path))) continue;
      const h5::DatasetInfo info = file_.info(data_of(node.path));
      if (info.count() != builder_.rows() || !h5::is_number(info.type)) {
        builder_.remark("The field " + node.path + " does not fit the points and was not read.");
        continue;
      }
      builder_.add_field(node.name, file_.read_doubles(data_of(node.path), job_), unit_of(node.path).value_or(""));
    }
  }

  void read_elements(const std::string& group, Cells& cells) {
    const std::vector<std::int64_t> header = file_.read_ints(data_of(group));
    if (header.empty()) throw Error(ErrorKind::Format, "an element section has no type", group);
    const std::string array = data_of(group + "/ElementConnectivity");
    const ElementType* type = element_type(header[0]);
    if (header[0] != mixed && !type) {
      ++skipped_["number " + std::to_string(header[0]) + " (whole section)"];
      return;
    }
    const std::vector<std::int64_t> numbers = file_.read_ints(array, job_);
    std::size_t at = 0;
    while (at < numbers.size()) {
      std::int64_t kind = header[0];
      if (kind == mixed) {
        kind = numbers[at++];
        type = element_type(kind);
        if (!type)
          throw Error(ErrorKind::Format, "an element has an unknown type", group + ": " + std::to_string(kind));
      }
      if (numbers.size() - at < static_cast<std::size_t>(type->corners))
        throw Error(ErrorKind::Format, "the elements are cut off", group);
      add_element(kind, *type, numbers.data() + at, group, cells);
      at += static_cast<std::size_t>(type->corners);
    }
  }

  void add_element(std::int64_t kind, const ElementType& type, const std::int64_t* corners, const std::string& group,
                   Cells& cells) {
    std::vector<std::uint32_t>* list = kind == tri_3    ? &cells.triangles
                                       : kind == quad_4 ? &cells.quads
                                       : kind == bar_2  ? &cells.lines
                                                        : nullptr;
    if (!list) {
      if (kind != 2) ++skipped_[type.name];
      return;
    }
    for (std::int64_t c = 0; c < type.corners; ++c) {
      // Counted from 1.
      if (corners[c] < 1 || corners[c] > builder_.rows() || corners[c] > std::numeric_limits<std::uint32_t>::max())
        throw Error(ErrorKind::Format, "an element names a point that does not exist",
                    group + ": point " + std::to_string(corners[c]) + " of " + std::to_string(builder_.rows()));
      list->push_back(static_cast<std::uint32_t>(corners[c] - 1));
    }
  }

  h5::File file_;
  const Job& job_;
  CloudBuilder builder_;
  std::map<std::string, std::int64_t> skipped_;  // by element type
};

}  // namespace

PointCloud::Parts read_cgns(const Path& path, const OpenOptions& options, const Job& job) {
  return CgnsReader(path, options, job).read();
}

}  // namespace erwin::io
