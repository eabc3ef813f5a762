#include "ui/scene/tree_colours.h"

#include <algorithm>
#include <limits>

#include "ui/scene/ball_colours.h"
#include "ui/scene/tree_nodes.h"

namespace erwin::ui {

namespace {

// A third of a second; more balls are too small to be told apart and take their colours in turn.
constexpr std::int64_t most_balls_compared = 65536;

std::vector<BallBox> boxes_of(const LevelNodes& level, const PointCloud& cloud, std::int64_t frame) {
  const auto positions = cloud.positions(frame);
  std::vector<BallBox> boxes(static_cast<std::size_t>(level.size()));
  for (std::size_t node = 0; node < boxes.size(); ++node) {
    BallBox& box = boxes[node];
    box.low.fill(std::numeric_limits<double>::infinity());
    box.high.fill(-std::numeric_limits<double>::infinity());
    for (const std::int32_t point : level.points(static_cast<std::int64_t>(node))) {
      const float* p = &positions[static_cast<std::size_t>(point) * 3];
      for (std::size_t k = 0; k < 3; ++k) {
        box.low[k] = std::min(box.low[k], static_cast<double>(p[k]));
        box.high[k] = std::max(box.high[k], static_cast<double>(p[k]));
      }
    }
  }
  return boxes;
}

// A tree that has its own boxes spares the walk over all points; balls keep their colours over the frames, too.
std::vector<BallBox> boxes_of(const TreeLevel& level) {
  std::vector<BallBox> boxes(static_cast<std::size_t>(level.size()));
  for (std::size_t node = 0; node < boxes.size(); ++node) {
    boxes[node] = {level.box_minimum[node], level.box_maximum[node]};
    if (level.point_count[node] == 0) boxes[node] = {{1, 1, 1}, {0, 0, 0}};
  }
  return boxes;
}

}  // namespace

std::vector<int> ball_colours(const LevelNodes& level, const PointCloud& cloud, std::int64_t frame) {
  const int available = static_cast<int>(palette().size());
  if (level.size() <= most_balls_compared) return tell_apart(boxes_of(level, cloud, frame), available);
  std::vector<int> colours(static_cast<std::size_t>(level.size()));
  for (std::size_t node = 0; node < colours.size(); ++node)
    colours[node] = static_cast<int>(node % static_cast<std::size_t>(available));
  return colours;
}

std::vector<int> shown_ball_colours(const SceneData& data, const SceneState& state) {
  const auto level = shown_level(data, state, state.level);
  if (!level) return {};
  const TreeLevel* own = level_of_main_tree(data, state, state.level);
  if (own && own->size() <= most_balls_compared) return tell_apart(boxes_of(*own), static_cast<int>(palette().size()));
  return ball_colours(*level, *data.cloud, state.frame);
}

void colour_by_balls(const SceneData& data, const SceneState& state, PointColours& result) {
  const auto level = shown_level(data, state, state.level);
  if (!level) return;
  const std::vector<int> colours = shown_ball_colours(data, state);
  for (std::int64_t node = 0; node < level->size(); ++node) {
    const Rgb colour = palette()[static_cast<std::size_t>(colours[static_cast<std::size_t>(node)])];
    for (const std::int32_t point : level->points(node)) result.rgb[static_cast<std::size_t>(point)] = colour;
  }
  const int number = std::clamp(state.level, 0, shown_level_count(data, state) - 1);
  result.legend.notes.push_back(shown_tree_caption(data, state) + "; level " + std::to_string(number) + ": " +
                                std::to_string(level->size()) + (level->size() == 1 ? " ball" : " balls"));
  const LayerInfo* layer = shown_layer(data, state);
  result.legend.notes.push_back(
      padding_note(count_padding(*level, data.cloud->size()), layer && layer->pool_level > 0));
}

}  // namespace erwin::ui
