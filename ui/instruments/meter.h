#pragma once
// What the picture costs, on demand: frame time, points drawn, memory.

#include <cstdint>

namespace erwin::ui {

struct MeterReading {
  double frame_ms = 0;                // the last picture of the scene, or part of one
  std::int64_t drawn = 0, total = 0;  // points
  std::uint64_t memory_bytes = 0;     // resident, of the whole program
};

// This program's resident memory; 0 where the system does not say.
std::uint64_t resident_memory();

// Inside an ImGui frame, at the lower right of a picture of that size (logical pixels).
void draw_meter(const MeterReading& reading, double width, double height);

}  // namespace erwin::ui
