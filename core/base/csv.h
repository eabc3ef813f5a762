#pragma once
// Cells of comma-separated tables.

#include <string>
#include <string_view>

namespace erwin {

// A text as one cell (RFC 4180): in quotes where a comma, a quote or the end of a line in it needs them.
std::string csv_cell(std::string_view text);

}  // namespace erwin
