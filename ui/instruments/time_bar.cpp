#include "ui/instruments/time_bar.h"

#include <imgui.h>

#include <algorithm>
#include <cstdio>

namespace erwin::ui {

namespace {

enum class Sign { Back, Play, Pause, On };

// Drawn, not written: the font need not have them.
void draw_sign(Sign sign, const ImVec2& low, const ImVec2& high, ImU32 colour) {
  ImDrawList& list = *ImGui::GetWindowDrawList();
  const float x = 0.5f * (low.x + high.x), y = 0.5f * (low.y + high.y), r = 0.26f * (high.y - low.y);
  const auto triangle = [&](float at, float way) {
    list.AddTriangleFilled({at - way * r * 0.8f, y - r}, {at - way * r * 0.8f, y + r}, {at + way * r, y}, colour);
  };
  switch (sign) {
    case Sign::Play:
      triangle(x, 1);
      break;
    case Sign::Pause:
      list.AddRectFilled({x - r, y - r}, {x - 0.3f * r, y + r}, colour);
      list.AddRectFilled({x + 0.3f * r, y - r}, {x + r, y + r}, colour);
      break;
    case Sign::Back:
      triangle(x + 0.2f * r, -1);
      list.AddRectFilled({x - 1.3f * r, y - r}, {x - 0.9f * r, y + r}, colour);
      break;
    case Sign::On:
      triangle(x - 0.2f * r, 1);
      list.AddRectFilled({x + 0.9f * r, y - r}, {x + 1.3f * r, y + r}, colour);
      break;
  }
}

bool sign_button(const char* name, Sign sign, const char* tip) {
  const float side = ImGui::GetFrameHeight();
  const bool pressed = ImGui::Button(name, {1.3f * side, side});
  draw_sign(sign, ImGui::GetItemRectMin(), ImGui::GetItemRectMax(), ImGui::GetColorU32(ImGuiCol_Text));
  if (ImGui::IsItemHovered()) ImGui::SetTooltip("%s", tip);
  return pressed;
}

}  // namespace

TimeBarAnswer draw_time_bar(int frame, int frames, bool playing, double width, double height) {
  TimeBarAnswer answer;
  if (frames < 2) return answer;
  const float wide = std::clamp(0.5f * static_cast<float>(width), 280.0f, 620.0f);
  const float title = 44;  // below it
  ImGui::SetNextWindowPos({0.5f * static_cast<float>(width), static_cast<float>(height) - title}, ImGuiCond_Always,
                          {0.5f, 1});
  ImGui::SetNextWindowSize({wide, 0});
  ImGui::Begin("time", nullptr,
               ImGuiWindowFlags_NoDecoration | ImGuiWindowFlags_NoMove | ImGuiWindowFlags_NoSavedSettings |
                   ImGuiWindowFlags_NoNav);
  if (sign_button("##back", Sign::Back, "One frame back")) answer.frame = std::max(0, frame - 1);
  ImGui::SameLine();
  if (sign_button("##play", playing ? Sign::Pause : Sign::Play, playing ? "Pause (Space)" : "Play (Space)"))
    answer.toggled = true;
  ImGui::SameLine();
  if (sign_button("##on", Sign::On, "One frame on")) answer.frame = std::min(frames - 1, frame + 1);
  ImGui::SameLine();
  char text[48];
  std::snprintf(text, sizeof text, "frame %d of 0 to %d", frame, frames - 1);
  int chosen = frame;
  ImGui::SetNextItemWidth(-1);
  if (ImGui::SliderInt("##frame", &chosen, 0, frames - 1, text)) answer.frame = std::clamp(chosen, 0, frames - 1);
  ImGui::End();
  return answer;
}

}  // namespace erwin::ui
