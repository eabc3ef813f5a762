#pragma once
// Numbers as text, the same in every locale.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace erwin::ui {

// The whole text as one finite number; nothing where it is anything else.
std::optional<double> number_in(std::string_view text);
std::optional<long long> whole_number_in(std::string_view text);
// Numbers between commas; empty where a part is no number.
std::vector<double> numbers_in(std::string_view text);

// The shortest text that reads back as the same number.
std::string exact_number(double value);
// "1.23e+04", "0.5", "-12": four significant digits at most.
std::string short_number(double value);

}  // namespace erwin::ui
