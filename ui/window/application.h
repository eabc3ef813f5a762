#pragma once

#include <string>
#include <vector>

namespace erwin::ui {

struct ApplicationOptions {
  std::vector<std::string> files;       // opened in order; none: the program's own sample
  std::vector<std::string> play_lines;  // steps of Play; empty: a person drives
  bool play = false;
};

// True where a window can be shown (X or Wayland). Asked before anything touches Qt or VTK, which would abort.
bool has_display();

// Runs the window; returns the exit code. Raises Error{Device} without a display.
int run_application(const ApplicationOptions& options);

}  // namespace erwin::ui
