#pragma once
// The bar below the picture of a trajectory: play or pause, one frame back or on, and a slider over all frames.

#include <optional>
#include <string>

#include "ui/scene/scene_state.h"

namespace erwin::ui {

struct TimeBarAnswer {
  std::optional<int> frame;  // asked for
  bool toggled = false;      // between playing and pause
};

// Inside an ImGui frame, centred at the lower edge of a picture of that size (logical pixels). Nothing is drawn for a
// single frame.
TimeBarAnswer draw_time_bar(int frame, int frames, bool playing, double width, double height);

}  // namespace erwin::ui
