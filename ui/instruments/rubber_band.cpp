#include "ui/instruments/rubber_band.h"

#include <imgui.h>

namespace erwin::ui {

void draw_rubber_band(const std::vector<std::array<double, 2>>& corners, bool dark) {
  std::vector<ImVec2> line;
  for (const auto& corner : corners) line.emplace_back(static_cast<float>(corner[0]), static_cast<float>(corner[1]));
  ImDrawList& list = *ImGui::GetBackgroundDrawList();
  const int count = static_cast<int>(line.size());
  // A rim of the other tone keeps the line visible on every colour.
  list.AddPolyline(line.data(), count, dark ? IM_COL32(0, 0, 0, 170) : IM_COL32(255, 255, 255, 190), ImDrawFlags_Closed,
                   4.0f);
  list.AddPolyline(line.data(), count, dark ? IM_COL32(255, 255, 255, 255) : IM_COL32(20, 20, 20, 255),
                   ImDrawFlags_Closed, 1.5f);
}

}  // namespace erwin::ui
