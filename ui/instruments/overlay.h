#pragma once
// Dear ImGui inside somebody else's OpenGL context: instruments drawn over the scene, fed from Qt's mouse events.

#include <deque>
#include <functional>
#include <string>

struct ImGuiContext;

namespace erwin::ui {

class Overlay {
public:
  Overlay();
  ~Overlay();
  Overlay(const Overlay&) = delete;
  Overlay& operator=(const Overlay&) = delete;

  // With the OpenGL context current.
  void start(double pixel_ratio);
  void stop();

  // One frame: `content` calls ImGui; drawn into the bound framebuffer. Sizes in logical pixels.
  void draw(int width, int height, double pixel_ratio, bool dark, const std::function<void()>& content);

  // Logical pixels from the top left.
  void mouse_moved(double x, double y);
  void mouse_left();
  void mouse_button(int button, bool down, double x, double y);
  void wheel(double steps);

  // Would an instrument take a press here now? Asks the last frame's windows, not its mouse position: a move and a
  // press may come between two frames.
  bool covers(double x, double y) const;
  // Events still wait (one change of a button per frame, or a quick click is lost) or highlights still settle.
  bool wants_frame() const { return !events_.empty() || settling_ > 0; }

private:
  struct Event {
    enum Kind { Move, Button, Wheel } kind;
    double x, y;
    int button;
    bool down;
  };
  void feed();

  ImGuiContext* context_ = nullptr;
  std::deque<Event> events_;
  int settling_ = 3;
  bool started_ = false;
};

}  // namespace erwin::ui
