#pragma once
// How many points a picture may draw in a time: learns from the pictures that were drawn. No Qt, no VTK.

#include <algorithm>
#include <cstdint>

namespace erwin::ui {

class FramePace {
public:
  // What keeps a moving picture fluent, and what events may wait for a part of one at rest. Without a card about 10 ms
  // of composing come to either, and two pictures can follow each other before a waiting event has its turn: twice the
  // sum stays below 100 ms.
  static constexpr double part_ms = 22, moving_ms = 22;

  // Points of the next part; a cloud with no more is drawn in one go.
  std::int64_t part() const { return count_for(part_ms); }
  // Points of the next picture while something moves.
  std::int64_t moving() const { return count_for(moving_ms); }

  // A picture or part of so many points took so long, everything included. Small ones say nothing about a point's
  // price: they are all overhead.
  void drew(std::int64_t points, double milliseconds) {
    if (points < smallest || milliseconds <= 0) return;
    const double found = static_cast<double>(points) / milliseconds;
    // Slower at once, faster by steps: one quick picture proves little.
    rate_ = std::clamp(found, 0.25 * rate_, 1.6 * rate_);
  }

private:
  static constexpr std::int64_t smallest = 8192;
  std::int64_t count_for(double milliseconds) const {
    return std::max(smallest, static_cast<std::int64_t>(rate_ * milliseconds));
  }
  // Points per millisecond. Modest at first: the first picture also makes the programs that draw it.
  double rate_ = 300;
};

}  // namespace erwin::ui
