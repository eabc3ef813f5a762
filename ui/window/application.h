#pragma once

#include <stop_token>
#include <string>
#include <vector>

namespace erwin::ui {

struct ApplicationOptions {
  std::vector<std::string> files;       // opened in order; none: the samples are offered
  bool play = false;                    // steps drive the window (Play); else a person does
  std::string play_source;              // names the steps in errors
  std::vector<std::string> play_lines;  // the steps, or
  int play_descriptor = -1;             // where they are read from while they are performed
  // Where the window remembers its options; empty: the user's own file, but nothing while steps are played, so that the
  // same steps make the same pictures.
  std::string settings_file;
  std::stop_token stop;  // closes the window as a person would (Ctrl-C in the terminal it was started from)
};

// True where a window can be shown (X or Wayland). Asked before anything touches Qt or VTK, which would abort.
bool has_display();

// What Qt remarks goes to the log from now on.
void log_qt_messages();

// Runs the window; returns the exit code, that of Error{Cancelled} where it was stopped. Raises Error{Device} without a
// display.
int run_application(const ApplicationOptions& options);

}  // namespace erwin::ui
