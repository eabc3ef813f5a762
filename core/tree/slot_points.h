#pragma once
// Which points lie in the slots of a tree, in the one form that all trees share: the main tree, a rotated one, and
// pooled levels, whose slots hold nodes of several points. Whoever draws or counts balls needs no more than this.

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "core/tree/ball_tree.h"

namespace erwin {

// Slot s holds points[begin[s] .. begin[s + 1]); none: padding. A copy of duplicate padding names the point it copies
// where it is a key (as an attention record has it), and is left out where only the tree is asked.
struct SlotPoints {
  std::vector<std::int32_t> begin;  // [slots + 1]
  std::vector<std::int32_t> points;
  std::int64_t slots() const { return static_cast<std::int64_t>(begin.size()) - 1; }
  std::span<const std::int32_t> of(std::int64_t first_slot, std::int64_t last_slot) const {
    const auto at = [this](std::int64_t slot) {
      return static_cast<std::size_t>(begin[static_cast<std::size_t>(slot)]);
    };
    return std::span(points).subspan(at(first_slot), at(last_slot) - at(first_slot));
  }
};
SlotPoints slot_points(const BallTree& tree);

// The nodes of one level: runs of slots that together cover every slot once.
struct LevelNodes {
  std::shared_ptr<const SlotPoints> slots;
  std::vector<std::int64_t> begin;  // [nodes + 1] first slot of each
  std::int64_t size() const { return static_cast<std::int64_t>(begin.size()) - 1; }
  std::span<const std::int32_t> points(std::int64_t node) const {
    return slots->of(begin[static_cast<std::size_t>(node)], begin[static_cast<std::size_t>(node) + 1]);
  }
  // The node that covers a slot.
  std::int64_t node_of_slot(std::int64_t slot) const;
};

// How well the slots of a level are used.
struct PaddingCount {
  std::int64_t nodes = 0, empty_nodes = 0;  // empty: of padding only
  std::int64_t slots = 0;
  std::int64_t real = 0;              // slots that hold a point, or a node with a point, of their own
  std::int64_t masked = 0;            // slots that hold nothing: keys for nobody
  std::int64_t duplicate = 0;         // slots that repeat a point: real keys and queries (the authors' padding)
  std::int64_t fewest = 0, most = 0;  // real slots of a node
};
// point_count: points of the cloud.
PaddingCount count_padding(const LevelNodes& level, std::int64_t point_count);

}  // namespace erwin
