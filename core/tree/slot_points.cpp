#include "core/tree/slot_points.h"

#include <algorithm>

namespace erwin {

SlotPoints slot_points(const BallTree& tree) {
  SlotPoints slots;
  slots.begin.reserve(tree.slot_mask.size() + 1);
  slots.points.reserve(tree.point_slot.size());
  slots.begin.push_back(0);
  for (std::size_t slot = 0; slot < tree.slot_mask.size(); ++slot) {
    if (tree.slot_mask[slot]) slots.points.push_back(tree.slot_point[slot]);
    slots.begin.push_back(static_cast<std::int32_t>(slots.points.size()));
  }
  return slots;
}

std::int64_t LevelNodes::node_of_slot(std::int64_t slot) const {
  return std::upper_bound(begin.begin(), begin.end(), slot) - begin.begin() - 1;
}

PaddingCount count_padding(const LevelNodes& level, std::int64_t point_count) {
  PaddingCount count;
  count.nodes = level.size();
  count.slots = level.slots->slots();
  count.fewest = count.slots;
  std::vector<std::uint8_t> seen(static_cast<std::size_t>(point_count));
  for (std::int64_t node = 0; node < level.size(); ++node) {
    std::int64_t real = 0;
    for (std::int64_t slot = level.begin[static_cast<std::size_t>(node)];
         slot < level.begin[static_cast<std::size_t>(node) + 1]; ++slot) {
      const auto points = level.slots->of(slot, slot + 1);
      if (points.empty()) {
        ++count.masked;
        continue;
      }
      // A pooled node lists each of its points once, and no other node does: its first point stands for all.
      std::uint8_t& first = seen[static_cast<std::size_t>(points.front())];
      ++(first ? count.duplicate : real);
      first = 1;
    }
    count.real += real;
    count.empty_nodes +=
        level.slots->of(level.begin[static_cast<std::size_t>(node)], level.begin[static_cast<std::size_t>(node) + 1])
            .empty();
    count.fewest = std::min(count.fewest, real);
    count.most = std::max(count.most, real);
  }
  return count;
}

}  // namespace erwin
