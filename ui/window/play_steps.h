#pragma once
// The steps of `gui --play`: their names and what they do, for the help and for the page of documentation. No Qt here.

#include <string>
#include <vector>

namespace erwin::ui {

struct PlayStep {
  const char *verb, *arguments, *help;
};
const std::vector<PlayStep>& play_steps();

// One line a step.
std::string play_steps_text();

}  // namespace erwin::ui
