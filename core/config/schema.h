#pragma once
// The one list of options: what feeds configuration files, `--set section.key=value`, the help of the command line and
// the documentation (resources/help/configuration.md is made from it, and a test compares).

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace erwin {

using OptionValue = std::variant<bool, std::int64_t, double, std::string, std::vector<std::int64_t>,
                                 std::vector<double>, std::vector<std::string>>;

enum class OptionType { Boolean, Integer, Real, Text, Integers, Reals, Texts };  // in the order of OptionValue
const char* name_of(OptionType type);  // "true or false", "whole number", "number", "text", "list of ..."

struct Option {
  std::string key;  // "model.ball_size": section and name
  OptionValue fallback;
  std::string help;                  // one line
  std::vector<std::string> choices;  // of a Text; empty: anything
  double minimum, maximum;           // of numbers and of each entry of a list of numbers
  std::string unit;                  // "slots", "degrees"; may be empty
  std::string models;                // the networks it concerns; empty: all

  OptionType type() const { return static_cast<OptionType>(fallback.index()); }
  std::string section() const { return key.substr(0, key.find('.')); }
  std::string name() const { return key.substr(key.find('.') + 1); }
  // "pool, mlp, mean" or "0 to 64"; empty where everything is allowed.
  std::string allowed() const;
};

// Grouped by section, in the order in which they are written and shown.
const std::vector<Option>& schema();
// Null where there is none.
const Option* find_option(std::string_view key);
// The key that looks most like what was typed; empty where nothing comes near.
std::string nearest_key(std::string_view typed);

// A value as TOML writes it; numbers read back to the same bits.
std::string toml_text(const OptionValue& value);

// All options for a terminal (the help of `train`), and as the page resources/help/configuration.md.
std::string options_text();
std::string options_markdown();

}  // namespace erwin
