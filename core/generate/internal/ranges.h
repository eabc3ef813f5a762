#pragma once
// How generators refuse options out of range, by the names that the command line gives them.

#include <cstdint>
#include <string>

#include "core/base/error.h"
#include "core/config/schema.h"

namespace erwin::generate {

[[noreturn]] inline void refuse_range(const char* option, const std::string& value, const std::string& least,
                                      const std::string& most, const std::string& unit = {}) {
  throw Error(ErrorKind::Config, "an option is out of range", std::string(option) + " " + value,
              "Choose between " + least + " and " + most + (unit.empty() ? "" : " " + unit));
}

// Raises Error{Config} naming the option and what is allowed.
inline void require_range(const char* option, std::int64_t value, std::int64_t least, std::int64_t most) {
  if (value < least || value > most)
    refuse_range(option, std::to_string(value), std::to_string(least), std::to_string(most));
}
// The same for numbers that need not be whole.
inline void require_number(const char* option, double value, double least, double most, const char* unit = "") {
  if (!(value >= least && value <= most))
    refuse_range(option, toml_text(value), toml_text(least), toml_text(most), unit);
}

}  // namespace erwin::generate
