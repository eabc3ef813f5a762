#pragma once
// The card beside the cursor: everything that is known about the point below it.

#include <cstdint>
#include <string>
#include <vector>

#include "ui/scene/scene_state.h"

namespace erwin::ui {

struct ProbeLine {
  std::string name, value;
};

// As text, so that tests and other views can read it.
struct ProbeCard {
  std::int64_t point = -1;  // index in the cloud
  std::string title;        // "point 120"
  std::vector<ProbeLine> lines;
};

// The id (row of the file), the position in the file's coordinates with unit, values of fields (the shown one first)
// with units, prediction, target and error, the ball of every level that holds the point, the query's attention to it,
// the gates of the query's layer. Linear in the cloud at worst: not for every frame. The point must exist.
ProbeCard make_probe_card(const SceneData& data, const SceneState& state, std::int64_t point);

// Inside an ImGui frame: beside (x, y), within a picture of that size; logical pixels.
void draw_probe_card(const ProbeCard& card, double x, double y, double width, double height);

}  // namespace erwin::ui
