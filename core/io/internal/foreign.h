#pragma once
// Names of formats that people have at hand and that cannot be opened, so that an error can say what a file is.

#include <string>
#include <string_view>

namespace erwin::io {

// "a GROMACS XTC trajectory", ...; empty where the first bytes are not recognised.
std::string foreign_format(std::string_view head);

// What to do with such a file: convert it; and the list of what can be opened.
std::string what_can_be_opened();

}  // namespace erwin::io
