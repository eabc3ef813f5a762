#pragma once

#include <string>

namespace erwin::ui {

// Versions of the libraries that run.
std::string qt_version();
std::string vtk_version();

}  // namespace erwin::ui
