#include "core/tree/slot_search.h"

#include <algorithm>

namespace erwin {

std::int64_t slot_of_point(const SlotPoints& slots, std::int64_t point) {
  const auto place = std::find(slots.points.begin(), slots.points.end(), point) - slots.points.begin();
  if (place == static_cast<std::ptrdiff_t>(slots.points.size())) return -1;
  // The last slot that begins at or before the entry; empty slots begin where their successor does.
  const auto after = std::upper_bound(slots.begin.begin(), slots.begin.end(), place);
  return after - slots.begin.begin() - 1;
}

}  // namespace erwin
