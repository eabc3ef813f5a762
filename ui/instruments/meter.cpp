#include "ui/instruments/meter.h"

#include <imgui.h>
#include <unistd.h>

#include <fstream>

#include "core/base/memory.h"

namespace erwin::ui {

std::uint64_t resident_memory() {
  std::ifstream in("/proc/self/statm");
  std::uint64_t all = 0, resident = 0;
  in >> all >> resident;
  return in ? resident * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE)) : 0;
}

void draw_meter(const MeterReading& reading, double width, double height) {
  const float scale_bar = 64;  // below it
  ImGui::SetNextWindowPos({static_cast<float>(width) - 12, static_cast<float>(height) - scale_bar}, ImGuiCond_Always,
                          {1, 1});
  ImGui::Begin("meter", nullptr,
               ImGuiWindowFlags_NoDecoration | ImGuiWindowFlags_AlwaysAutoResize | ImGuiWindowFlags_NoMove |
                   ImGuiWindowFlags_NoSavedSettings | ImGuiWindowFlags_NoNav | ImGuiWindowFlags_NoInputs);
  ImGui::Text("%.1f ms a frame", reading.frame_ms);
  if (reading.total > 0)
    ImGui::Text("%lld of %lld points", static_cast<long long>(reading.drawn), static_cast<long long>(reading.total));
  ImGui::Text("%s of memory", format_bytes(reading.memory_bytes).c_str());
  ImGui::End();
}

}  // namespace erwin::ui
