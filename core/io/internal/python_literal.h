#pragma once
// The literals an NPY header is made of: dictionaries, lists, tuples, strings, whole numbers, True, False, None.

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace erwin::io {

struct PythonLiteral {
  enum class Kind { None, Boolean, Integer, String, Sequence, Dictionary };
  Kind kind = Kind::None;
  bool boolean = false;
  std::uint64_t integer = 0;
  std::string string;
  std::vector<PythonLiteral> items;                            // of a list or tuple
  std::vector<std::pair<std::string, PythonLiteral>> entries;  // of a dictionary with string keys

  // Null where the dictionary has no such key.
  const PythonLiteral* find(std::string_view key) const;
};

// Nothing is evaluated. Raises Error{Format} with the byte where the text stops being such a literal.
PythonLiteral parse_python_literal(std::string_view text);

}  // namespace erwin::io
