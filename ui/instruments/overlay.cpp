#include "ui/instruments/overlay.h"

#include <backends/imgui_impl_opengl3.h>
#include <imgui.h>
#include <imgui_internal.h>

#include <algorithm>
#include <cfloat>
#include <cmath>
#include <filesystem>

namespace erwin::ui {

namespace {

// ImGui has one global current context; several views may live in one program.
class Use {
public:
  explicit Use(ImGuiContext* context) : before_(ImGui::GetCurrentContext()) { ImGui::SetCurrentContext(context); }
  ~Use() { ImGui::SetCurrentContext(before_); }
  Use(const Use&) = delete;
  Use& operator=(const Use&) = delete;

private:
  ImGuiContext* before_;
};

void load_font(ImFontAtlas& fonts, float pixels) {
  fonts.Clear();
  const char* const file = "/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf";
  if (std::filesystem::exists(file)) {
    fonts.AddFontFromFileTTF(file, pixels);
    return;
  }
  ImFontConfig config;
  config.SizePixels = std::floor(pixels);
  fonts.AddFontDefault(&config);
}

void set_style(bool dark) {
  if (dark)
    ImGui::StyleColorsDark();
  else
    ImGui::StyleColorsLight();
  ImGuiStyle& style = ImGui::GetStyle();
  style.WindowRounding = 6;
  style.FrameRounding = 4;
  style.GrabRounding = 4;
  style.WindowBorderSize = 0;
  style.WindowPadding = {10, 9};
  style.Colors[ImGuiCol_WindowBg].w = 0.9f;
  // Captions are read, too: at least 4.5 to 1 against the strip.
  style.Colors[ImGuiCol_TextDisabled] = dark ? ImVec4(0.68f, 0.70f, 0.74f, 1) : ImVec4(0.34f, 0.36f, 0.40f, 1);
}

}  // namespace

Overlay::Overlay() {
  IMGUI_CHECKVERSION();
  ImGuiContext* before = ImGui::GetCurrentContext();
  context_ = ImGui::CreateContext();
  ImGui::SetCurrentContext(context_);
  ImGui::GetIO().IniFilename = nullptr;  // no files in the working directory
  ImGui::GetIO().LogFilename = nullptr;
  ImGui::SetCurrentContext(before);
}

Overlay::~Overlay() {
  const Use use(context_);
  ImGui::DestroyContext(context_);
}

void Overlay::start(double pixel_ratio) {
  const Use use(context_);
  load_font(*ImGui::GetIO().Fonts, static_cast<float>(13.5 * pixel_ratio));
  ImGui::GetIO().FontGlobalScale = static_cast<float>(1 / pixel_ratio);
  started_ = ImGui_ImplOpenGL3_Init("#version 150");
}

void Overlay::stop() {
  if (!started_) return;
  const Use use(context_);
  ImGui_ImplOpenGL3_Shutdown();
  started_ = false;
}

void Overlay::feed() {
  ImGuiIO& io = ImGui::GetIO();
  io.MouseWheel = 0;
  settling_ = std::max(0, settling_ - 1);
  while (!events_.empty()) {
    const Event event = events_.front();
    events_.pop_front();
    settling_ = 2;
    io.MousePos = {static_cast<float>(event.x), static_cast<float>(event.y)};
    if (event.kind == Event::Move) continue;
    if (event.kind == Event::Wheel)
      io.MouseWheel += static_cast<float>(event.button);
    else
      io.MouseDown[event.button] = event.down;
    break;  // one change a frame
  }
}

void Overlay::draw(int width, int height, double pixel_ratio, bool dark, const std::function<void()>& content) {
  if (!started_) return;
  const Use use(context_);
  ImGuiIO& io = ImGui::GetIO();
  io.DisplaySize = {static_cast<float>(width), static_cast<float>(height)};
  io.DisplayFramebufferScale = {static_cast<float>(pixel_ratio), static_cast<float>(pixel_ratio)};
  io.DeltaTime = 1.0f / 60;
  set_style(dark);
  feed();
  ImGui_ImplOpenGL3_NewFrame();
  ImGui::NewFrame();
  content();
  ImGui::Render();
  ImGui_ImplOpenGL3_RenderDrawData(ImGui::GetDrawData());
}

void Overlay::mouse_moved(double x, double y) {
  events_.push_back({Event::Move, x, y, 0, false});
}
void Overlay::mouse_left() {
  events_.push_back({Event::Move, -FLT_MAX, -FLT_MAX, 0, false});
}
void Overlay::mouse_button(int button, bool down, double x, double y) {
  events_.push_back({Event::Button, x, y, button, down});
}
void Overlay::wheel(double steps) {
  const Use use(context_);
  const ImVec2 at = ImGui::GetIO().MousePos;
  events_.push_back({Event::Wheel, at.x, at.y, static_cast<int>(steps), false});
}

bool Overlay::covers(double x, double y) const {
  const ImGuiContext& context = *context_;
  if (context.OpenPopupStack.Size > 0) return true;
  const ImVec2 at(static_cast<float>(x), static_cast<float>(y));
  return std::any_of(context.Windows.begin(), context.Windows.end(), [&](const ImGuiWindow* window) {
    return window->WasActive && !window->Hidden && !(window->Flags & ImGuiWindowFlags_NoMouseInputs) &&
           window->OuterRectClipped.Contains(at);
  });
}

}  // namespace erwin::ui
