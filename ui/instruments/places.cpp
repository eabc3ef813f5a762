#include "ui/instruments/places.h"

#include <imgui.h>

#include <algorithm>
#include <optional>

namespace erwin::ui {

namespace {

std::optional<ImVec2> project(const std::array<double, 16>& m, const std::array<float, 3>& p, int width, int height) {
  double clip[4];
  for (std::size_t row = 0; row < 4; ++row)
    clip[row] = m[4 * row] * p[0] + m[4 * row + 1] * p[1] + m[4 * row + 2] * p[2] + m[4 * row + 3];
  if (clip[3] <= 0) return std::nullopt;  // behind the eye
  return ImVec2(static_cast<float>(0.5 * width * (clip[0] / clip[3] + 1)),
                static_cast<float>(0.5 * height * (1 - clip[1] / clip[3])));
}

// below: where the name goes, so that those of two places at one spot can both be read.
void draw_place(const Place& place, bool below, const std::array<double, 16>& m, int width, int height) {
  ImDrawList& list = *ImGui::GetBackgroundDrawList();
  const ImU32 colour = IM_COL32(place.colour.r, place.colour.g, place.colour.b, 255);
  const ImU32 shade = IM_COL32(0, 0, 0, 130);
  std::array<std::optional<ImVec2>, 8> corners;
  for (std::size_t i = 0; i < 8; ++i)
    corners[i] = project(m,
                         {i & 1 ? place.high[0] : place.low[0], i & 2 ? place.high[1] : place.low[1],
                          i & 4 ? place.high[2] : place.low[2]},
                         width, height);
  // A dark rim keeps the line visible on every colour.
  for (const auto& [tone, thickness] : {std::pair(shade, 4.5f), std::pair(colour, 2.0f)})
    for (std::size_t i = 0; i < 8; ++i)
      for (const std::size_t axis : {1u, 2u, 4u})
        if (!(i & axis) && corners[i] && corners[i | axis])
          list.AddLine(*corners[i], *corners[i | axis], tone, thickness);
  const ImVec2* end = nullptr;
  for (const auto& corner : corners)
    if (corner && (!end || (below ? corner->y > end->y : corner->y < end->y))) end = &*corner;
  if (!end || place.name.empty()) return;
  const ImVec2 size = ImGui::CalcTextSize(place.name.c_str());
  const auto inside = [](float at, float length, int room) {
    return std::clamp(at, 4.0f, std::max(4.0f, static_cast<float>(room) - length - 4));
  };
  const ImVec2 at(inside(end->x - size.x / 2, size.x, width),
                  inside(below ? end->y + 8 : end->y - size.y - 8, size.y, height));
  const bool dark_text = 2 * place.colour.r + 5 * place.colour.g + place.colour.b < 1000;
  list.AddRectFilled(ImVec2(at.x - 4, at.y - 2), ImVec2(at.x + size.x + 4, at.y + size.y + 2),
                     dark_text ? IM_COL32(250, 250, 250, 235) : IM_COL32(20, 22, 26, 215), 3);
  list.AddText(at, colour, place.name.c_str());
}

}  // namespace

void draw_places(const std::vector<Place>& places, const std::array<double, 16>& world_to_clip, int width, int height) {
  for (std::size_t i = 0; i < places.size(); ++i) draw_place(places[i], i % 2 == 1, world_to_clip, width, height);
}

}  // namespace erwin::ui
