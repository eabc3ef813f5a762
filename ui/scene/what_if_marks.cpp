#include "ui/scene/what_if_marks.h"

#include <algorithm>

namespace erwin::ui {

namespace {

std::array<double, 3> middle_of_old(const PointCloud& cloud, std::int64_t frame,
                                    const std::vector<std::int64_t>& points) {
  std::vector<std::int32_t> narrow(points.begin(), points.end());
  return centre_of(cloud, frame, narrow);
}

}  // namespace

Rgb moved_colour(Theme theme) {
  return theme == Theme::Dark ? Rgb{240, 140, 60} : Rgb{190, 84, 0};
}

void add_moved_boxes(OutlineMesh& mesh, const SceneData& data, const SceneState& state, double grow) {
  if (!data.what_if || !data.cloud) return;
  const Rgb colour = moved_colour(state.theme);
  for (const MovedPoints& moved : data.what_if->moved) {
    OutlineBox box{{1e30, 1e30, 1e30}, {-1e30, -1e30, -1e30}};
    std::array<double, 3> middle{};
    for (std::size_t i = 0; i < moved.positions.size(); ++i) {
      const auto value = static_cast<double>(moved.positions[i]);
      box.low[i % 3] = std::min(box.low[i % 3], value);
      box.high[i % 3] = std::max(box.high[i % 3], value);
      middle[i % 3] += value / static_cast<double>(moved.points.size());
    }
    add_box(mesh, box, grow, colour);
    add_line(mesh, middle_of_old(*data.cloud, state.frame, moved.points), middle, colour);
  }
}

void explain_what_if(const SceneData& data, const SceneState& state, Legend& legend) {
  if (!data.what_if) return;
  if (!data.what_if->moved.empty()) legend.swatches.push_back({moved_colour(state.theme), "moved to"});
  if (!data.what_if->hidden.empty())
    legend.notes.push_back("what-if: " + std::to_string(data.what_if->hidden.size()) +
                           " points are hidden from the network");
}

}  // namespace erwin::ui
