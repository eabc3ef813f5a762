#pragma once
// Names of the frames of a film: "frame_%03d.png" with a number in it.

#include <string>

namespace erwin::app {

// pattern: one %d, or %0Nd for N digits, and no other %. Raises Error{Config} otherwise.
std::string frame_name(const std::string& pattern, int frame);

}  // namespace erwin::app
