#include "core/data/result_cloud.h"

namespace erwin {

PointCloudPtr result_cloud(const PointCloud& cloud, std::int64_t frame, std::vector<Field> fields) {
  return result_cloud(cloud, cloud.positions(frame), std::move(fields));
}

PointCloudPtr result_cloud(const PointCloud& cloud, std::span<const float> positions, std::vector<Field> fields) {
  PointCloud::Parts parts;
  parts.positions.assign(positions.begin(), positions.end());
  parts.origin = cloud.origin();
  parts.dimension = cloud.dimension();
  parts.unit = cloud.unit();
  parts.fields = std::move(fields);
  parts.cells = cloud.cells();
  for (std::int64_t point = 0; point < cloud.size(); ++point) parts.row_ids.push_back(cloud.row_id(point));
  parts.source = cloud.source();
  return std::make_shared<const PointCloud>(std::move(parts));
}

}  // namespace erwin
