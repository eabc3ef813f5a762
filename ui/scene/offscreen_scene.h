#pragma once
// Pictures with no display, no X server and no Qt: a surfaceless EGL context and the window's own Scene.

#include <cstdint>
#include <filesystem>
#include <memory>
#include <vector>

#include "ui/scene/scene.h"

namespace erwin::ui {

struct Picture {
  int width = 0, height = 0;
  std::vector<std::uint8_t> rgb;  // rows from the top
};

// Atomic. Raises Error{Io}.
void write_png(const std::filesystem::path& path, const Picture& picture);

// From here on VTK's warnings are lines of our log.
void send_vtk_messages_to_log();

class OffscreenScene {
public:
  // Raises Error{Device} where the machine has no EGL that can draw.
  OffscreenScene();
  ~OffscreenScene();
  OffscreenScene(const OffscreenScene&) = delete;
  OffscreenScene& operator=(const OffscreenScene&) = delete;

  Picture draw(const SceneData& data, const SceneState& state);
  const Scene& scene() const;

private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace erwin::ui
