#pragma once
// RangeMode::Locked: colours keep the ends that they had when the lock was set, whatever is looked at then. No VTK
// here.

#include <map>
#include <span>
#include <string>

#include "ui/scene/point_colours.h"
#include "ui/scene/tiles.h"

namespace erwin::ui {

// Whoever shows pictures beside each other, or one after the other, has one for all of them.
class RangeLock {
public:
  // Puts the locked ends, as numbers, into states that ask for a lock: those that the quantity (quantity_of) was locked
  // with before; else those that on_screen shows it with; else those that all tiles with this quantity have together.
  // Numbers that a state has already stay, and are no lock. A state without a lock ends it: what was locked is
  // forgotten.
  void apply(std::span<Tile> tiles, const PointColours* on_screen = nullptr);

private:
  std::map<std::string, FieldRange> ends_;  // by quantity
};

}  // namespace erwin::ui
