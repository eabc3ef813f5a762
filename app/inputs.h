#pragma once
// DATA and CHECKPOINT may come in either order: they are told apart by content.

#include <filesystem>
#include <string>
#include <vector>

namespace erwin::app {

struct Inputs {
  std::filesystem::path data, checkpoint;  // empty where none was given
};

// At most one of each; Error{Config} otherwise.
Inputs tell_apart(const std::vector<std::string>& files);

// Exactly one of each; Error{Config} otherwise.
Inputs checkpoint_and_data(const std::vector<std::string>& files);

}  // namespace erwin::app
