#pragma once

#include <string>
#include <string_view>

namespace erwin {

// Text for the inside of an XML element or of a quoted attribute: <, >, & and " stand for themselves, and a control
// character becomes a space.
std::string xml_escaped(std::string_view text);

}  // namespace erwin
