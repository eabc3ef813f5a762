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

std::span<const float> shown_positions(const SceneData& data, const SceneState& state) {
  return data.moved ? std::span<const float>(data.moved->positions) : data.cloud->positions(state.frame);
}

void add_moved_boxes(OutlineMesh& mesh, const SceneData& data, const SceneState& state, double grow) {
  if (!data.moved || !data.cloud) return;
  const Rgb colour = moved_colour(state.theme);
  for (const std::vector<std::int64_t>& group : data.moved->groups) {
    OutlineBox box{{1e30, 1e30, 1e30}, {-1e30, -1e30, -1e30}};
    std::array<double, 3> middle{};
    for (const std::int64_t point : group)
      for (std::size_t k = 0; k < 3; ++k) {
        const auto value = static_cast<double>(data.moved->positions[static_cast<std::size_t>(3 * point) + k]);
        box.low[k] = std::min(box.low[k], value);
        box.high[k] = std::max(box.high[k], value);
        middle[k] += value / static_cast<double>(group.size());
      }
    add_box(mesh, box, grow, colour);
    add_line(mesh, middle_of_old(*data.cloud, state.frame, group), middle, colour);
  }
}

std::string changes_in_title(const SceneData& data) {
  if (!data.what_if) return {};
  const int changes = data.what_if->changes;
  return ", what-if: " + std::to_string(changes) + (changes == 1 ? " change" : " changes");
}

void explain_what_if(const SceneData& data, const SceneState& state, Legend& legend) {
  if (data.moved && !data.moved->groups.empty()) legend.swatches.push_back({moved_colour(state.theme), "moved to"});
  if (data.what_if && !data.what_if->hidden.empty())
    legend.notes.push_back("what-if: " + std::to_string(data.what_if->hidden.size()) +
                           " points are hidden from the network");
}

}  // namespace erwin::ui
