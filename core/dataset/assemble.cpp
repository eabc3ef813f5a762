#include "core/dataset/internal/assemble.h"

#include <array>
#include <optional>
#include <utility>
#include <vector>

namespace erwin {

namespace {

using Components = std::array<const Field*, 3>;

std::optional<Components> components_named(const PointCloud& cloud, const std::string& stem) {
  Components found{};
  for (std::size_t axis = 0; axis < 3; ++axis) {
    found[axis] = cloud.field(stem + "xyz"[axis]);
    if (!found[axis] || found[axis]->components() != 1 || found[axis]->frames() != found[0]->frames())
      return std::nullopt;
  }
  return found;
}

std::optional<Components> components_of(const PointCloud& cloud, const std::string& name) {
  std::vector<std::string> stems{name + "_", name};
  if (name == "velocity") stems.insert(stems.end(), {"v_", "v"});
  for (const std::string& stem : stems)
    if (const auto found = components_named(cloud, stem)) return found;
  return std::nullopt;
}

Field joined(const std::string& name, const Components& components) {
  const std::int64_t frames = components[0]->frames(), points = components[0]->points();
  std::vector<double> values;
  values.reserve(static_cast<std::size_t>(3 * frames * points));
  for (std::int64_t frame = 0; frame < frames; ++frame)
    for (std::int64_t point = 0; point < points; ++point)
      for (const Field* component : components) values.push_back(component->value(point, 0, frame));
  return Field::from_doubles(name, FieldKind::Vector, 3, values, components[0]->unit(), frames);
}

PointCloud::Parts parts_of(const PointCloud& cloud) {
  PointCloud::Parts parts;
  for (std::int64_t frame = 0; frame < cloud.frames(); ++frame) {
    const auto positions = cloud.positions(frame);
    parts.positions.insert(parts.positions.end(), positions.begin(), positions.end());
  }
  parts.origin = cloud.origin();
  parts.frames = cloud.frames();
  parts.dimension = cloud.dimension();
  parts.unit = cloud.unit();
  parts.fields = cloud.fields();
  parts.cells = cloud.cells();
  for (std::int64_t point = 0; point < cloud.size(); ++point) parts.row_ids.push_back(cloud.row_id(point));
  parts.source = cloud.source();
  return parts;
}

}  // namespace

PointCloudPtr with_assembled_fields(PointCloudPtr cloud, const std::set<std::string>& wanted) {
  std::vector<Field> made;
  for (const std::string& name : wanted)
    if (!cloud->field(name))
      if (const auto components = components_of(*cloud, name)) made.push_back(joined(name, *components));
  if (made.empty()) return cloud;
  PointCloud::Parts parts = parts_of(*cloud);
  for (Field& field : made) parts.fields.push_back(std::move(field));
  return std::make_shared<const PointCloud>(std::move(parts));
}

}  // namespace erwin
