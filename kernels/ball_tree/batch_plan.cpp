#include "kernels/ball_tree/batch_plan.h"

#include <algorithm>
#include <map>
#include <utility>

#include "kernels/ball_tree/ball_tree.h"

namespace erwin::kernels {

namespace {

struct Node {
  std::int64_t begin, count, slot, slots, unit;
  std::int64_t left() const { return left_slots(slots, unit); }
  std::int64_t half() const { return count * left() / slots; }
};

std::int64_t first_slot_of(const BallCloud& cloud) {
  Node node{0, cloud.points, 0, cloud.slots, cloud.unit};
  while (node.slots > 2 || (node.slots == 2 && node.count > 1)) {
    const std::int64_t left = node.left(), half = node.half();
    if (half > 0)
      node = {0, half, node.slot, left, node.unit};
    else
      node = {0, node.count, node.slot + left, node.slots - left, node.unit};
  }
  return node.slot;
}

// Large nodes are split here, level by level, until all are small.
struct Layout {
  std::vector<Node> large, small;
  std::vector<std::int32_t> small_buffers;
  std::vector<BallTreePlan::Tile> tiles;
  std::vector<BallTreePlan::Level> levels;

  explicit Layout(std::vector<Node> level) {
    for (std::int32_t depth = 0; !level.empty(); ++depth) {
      std::vector<Node> next;
      const auto first_tile = static_cast<std::int64_t>(tiles.size());
      for (const Node& node : level) {
        if (node.count <= BallTreePlan::small_points) {
          small.push_back(node);
          small_buffers.push_back(depth % 2);
          continue;
        }
        for (std::int64_t first = 0; first < node.count; first += BallTreePlan::tile_points)
          tiles.push_back({static_cast<std::int32_t>(large.size()), static_cast<std::int32_t>(first)});
        large.push_back(node);
        const std::int64_t left = node.left(), half = node.half();
        next.push_back({node.begin, half, node.slot, left, node.unit});
        next.push_back({node.begin + half, node.count - half, node.slot + left, node.slots - left, node.unit});
      }
      const auto added = static_cast<std::int64_t>(tiles.size()) - first_tile;
      if (added > 0) levels.push_back({first_tile, added});
      level.swap(next);
    }
  }
};

void put(std::vector<std::int32_t>& table, std::initializer_list<std::int64_t> values) {
  for (const std::int64_t value : values) table.push_back(static_cast<std::int32_t>(value));
}

// Nodes of a depth have few different sizes, so that remembering them makes this fast.
class RunCounter {
public:
  RunCounter(std::int64_t unit, std::int64_t size) : unit_(unit), size_(size) {}
  std::int64_t count(std::int64_t points, std::int64_t slots) {
    if (points <= 1 || slots == size_) return std::min<std::int64_t>(points, 1);
    const auto [found, added] = known_.try_emplace({points, slots}, 0);
    if (!added) return found->second;
    const Node node{0, points, 0, slots, unit_};
    const std::int64_t left = node.left(), half = node.half();
    return known_[{points, slots}] = count(half, left) + count(points - half, slots - left);
  }

private:
  std::int64_t unit_, size_;
  std::map<std::pair<std::int64_t, std::int64_t>, std::int64_t> known_;
};

}  // namespace

std::int64_t occupied_runs(const BallCloud& cloud, std::int64_t size) {
  return RunCounter(cloud.unit, size).count(cloud.points, cloud.slots);
}

std::int64_t BallTreePlan::most_tiles() const {
  std::int64_t most = 0;
  for (const Level& level : levels) most = std::max(most, level.tiles);
  return most;
}

BallTreePlan plan_ball_trees(const std::vector<BallCloud>& clouds) {
  BallTreePlan plan;
  plan.clouds = static_cast<std::int64_t>(clouds.size());
  std::vector<Node> roots;
  std::vector<std::int32_t> slot_begin{0}, first_slot;
  put(plan.table, {0});
  for (const BallCloud& cloud : clouds) {
    roots.push_back({plan.points, cloud.points, plan.slots, cloud.slots, cloud.unit});
    put(first_slot, {plan.slots + first_slot_of(cloud)});
    plan.points += cloud.points;
    plan.slots += cloud.slots;
    put(plan.table, {plan.points});
    put(slot_begin, {plan.slots});
  }
  plan.table.insert(plan.table.end(), slot_begin.begin(), slot_begin.end());
  plan.table.insert(plan.table.end(), first_slot.begin(), first_slot.end());
  const Layout layout(std::move(roots));
  plan.levels = layout.levels;
  plan.large_nodes = static_cast<std::int64_t>(layout.large.size());
  plan.tiles = static_cast<std::int64_t>(layout.tiles.size());
  plan.small_nodes = static_cast<std::int64_t>(layout.small.size());
  for (const Node& node : layout.large) put(plan.table, {node.begin, node.count, node.half()});
  for (const BallTreePlan::Tile& tile : layout.tiles) put(plan.table, {tile.node, tile.first});
  for (std::size_t i = 0; i < layout.small.size(); ++i) {
    const Node& node = layout.small[i];
    put(plan.table, {node.begin, node.count, node.slot, node.slots, node.unit, layout.small_buffers[i]});
  }
  return plan;
}

std::int64_t BallNodesPlan::node(std::int64_t cloud, int level, std::int64_t i) const {
  const Cloud& of = clouds[static_cast<std::size_t>(cloud)];
  if (level < of.levels) return of.upper_at + (std::int64_t{1} << level) - 1 + i;
  const int height = unit_height + of.levels - level;
  return height_at(height) + (std::int64_t{of.unit_begin} << (unit_height - height)) + i;
}

BallNodesPlan plan_ball_nodes(const std::vector<std::int64_t>& slots, std::int64_t unit) {
  BallNodesPlan plan;
  while (std::int64_t{1} << plan.unit_height < unit) ++plan.unit_height;
  std::int64_t upper = 0;
  for (const std::int64_t cloud_slots : slots) {
    BallNodesPlan::Cloud cloud{static_cast<std::int32_t>(plan.slots / unit),
                               static_cast<std::int32_t>(cloud_slots / unit), 0, static_cast<std::int32_t>(upper)};
    while (std::int64_t{1} << cloud.levels < cloud.units) ++cloud.levels;
    upper += (std::int64_t{1} << cloud.levels) - 1;
    plan.most_levels = std::max<int>(plan.most_levels, cloud.levels);
    plan.slots += cloud_slots;
    plan.clouds.push_back(cloud);
  }
  for (auto& cloud : plan.clouds) cloud.upper_at += static_cast<std::int32_t>(plan.upper_at());
  plan.nodes = plan.upper_at() + upper;
  return plan;
}

}  // namespace erwin::kernels
