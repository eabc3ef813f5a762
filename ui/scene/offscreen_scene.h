#pragma once
// Pictures with no display, no X server and no Qt: a surfaceless EGL context and the window's own Scene.

#include <cstdint>
#include <filesystem>
#include <memory>
#include <vector>

#include "ui/scene/png_text.h"
#include "ui/scene/scene.h"

namespace erwin::ui {

struct Picture {
  int width = 0, height = 0;
  std::vector<std::uint8_t> rgb;  // rows from the top
};

// Atomic. texts: words to keep in the file, by keyword (1 to 79 letters), ASCII. Raises Error{Io}.
void write_png(const std::filesystem::path& path, const Picture& picture, const PngTexts& texts = {});

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
  // The scene as it stands, with whatever part of its points it was told to draw; waits until it is drawn.
  void render();
  // The picture that was rendered last.
  Picture picture() const;
  Scene& scene();
  const Scene& scene() const;

private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace erwin::ui
