#include "ui/scene/ball_map.h"

#include <algorithm>

#include "ui/scene/tree_nodes.h"

namespace erwin::ui {

namespace {

// A point belongs to the first slot that lists it; further ones are copies.
void count_points(BallMap& map, std::int64_t point_count) {
  map.slot_of.assign(static_cast<std::size_t>(point_count), -1);
  map.points_before.assign(1, 0);
  map.filled_before.assign(1, 0);
  for (std::int64_t slot = 0; slot < map.slots->slots(); ++slot) {
    std::int64_t own = 0;
    for (const std::int32_t point : map.slots->of(slot, slot + 1))
      if (auto& place = map.slot_of[static_cast<std::size_t>(point)]; place < 0) {
        place = static_cast<std::int32_t>(slot);
        ++own;
      }
    map.points_before.push_back(map.points_before.back() + own);
    map.filled_before.push_back(map.filled_before.back() + (own > 0));
  }
}

}  // namespace

double BallMap::fill(const Ball& ball) const {
  const std::int64_t first = first_slot(ball), end = end_slot(ball);
  return static_cast<double>(before(filled_before, end) - before(filled_before, first)) /
         static_cast<double>(std::max<std::int64_t>(1, end - first));
}

bool BallMap::has(const Ball& ball) const {
  return ball.level >= 0 && ball.level < static_cast<int>(levels.size()) && ball.node >= 0 &&
         ball.node < std::ssize(level(ball).radius);
}

BallMap::Ball BallMap::at_slot(int level, std::int64_t slot) const {
  const auto& begin = levels[static_cast<std::size_t>(level)].begin;
  return {level, std::upper_bound(begin.begin(), begin.end(), slot) - begin.begin() - 1};
}

BallMap::Ball BallMap::at_point(int level, std::int64_t rank) const {
  // The last slot before which there are at most `rank` points holds it; empty slots come before their successor.
  const auto after = std::upper_bound(points_before.begin(), points_before.end(), rank);
  return at_slot(level, after - points_before.begin() - 1);
}

BallMap::Ball BallMap::parent(const Ball& ball) const {
  return ball.level > 0 ? at_slot(ball.level - 1, first_slot(ball)) : ball;
}

BallMap::Ball BallMap::first_child(const Ball& ball) const {
  if (ball.level + 1 >= static_cast<int>(levels.size()) || points_of(ball) == 0) return ball;
  return at_point(ball.level + 1, first_point(ball));
}

BallMap::Ball BallMap::neighbour(const Ball& ball, int by) const {
  if (by < 0) return first_point(ball) > 0 ? at_point(ball.level, first_point(ball) - 1) : ball;
  return end_point(ball) < points() ? at_point(ball.level, end_point(ball)) : ball;
}

std::shared_ptr<const BallMap> make_ball_map(const SceneData& data, const SceneState& state, std::stop_token stop) {
  const int levels = data.cloud ? shown_level_count(data, state) : 0;
  if (levels == 0) return nullptr;
  auto map = std::make_shared<BallMap>();
  map->subject = statistics_subject(data, state);
  map->caption = shown_tree_caption(data, state);
  for (int index = 0; index < levels; ++index) {
    if (stop.stop_requested()) return nullptr;
    auto nodes = shown_level(data, state, index);
    map->slots = nodes->slots;
    auto radius = ball_radii(data, state, *nodes, index);
    map->levels.push_back({std::move(nodes->begin), std::move(radius)});
  }
  count_points(*map, data.cloud->size());
  return stop.stop_requested() ? nullptr : map;
}

}  // namespace erwin::ui
