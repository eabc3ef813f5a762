#include "core/tree/lod.h"

#include <bit>

namespace erwin {

std::vector<std::int32_t> level_of_detail_order(const BallTree& tree) {
  const auto slots = static_cast<std::uint64_t>(tree.slot_count);
  std::vector<std::int32_t> order;
  order.reserve(static_cast<std::size_t>(tree.point_count));
  const std::uint64_t span = std::bit_ceil(slots);
  // Counting with the carry running from the highest bit down visits 0, 1/2, 1/4, 3/4, ... of the span.
  std::uint64_t slot = 0;
  for (std::uint64_t i = 0; i < span; ++i) {
    if (slot < slots && tree.slot_mask[static_cast<std::size_t>(slot)])
      order.push_back(tree.slot_point[static_cast<std::size_t>(slot)]);
    std::uint64_t bit = span >> 1;
    while (bit && (slot & bit)) {
      slot ^= bit;
      bit >>= 1;
    }
    slot |= bit;
  }
  return order;
}

}  // namespace erwin
