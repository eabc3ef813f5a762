#pragma once
// The pickles that torch.save writes for a state_dict, read as data. Only the operations that describe numbers, texts,
// containers and tensors are known; everything that would call code is refused by name. Values live in one arena and
// name each other by index, so no input can make the reader recurse.

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace erwin::model {

enum class PickleKind { None, Boolean, Integer, Real, Text, Tuple, List, Dict, Global, Storage, Tensor };

struct PickleValue {
  PickleKind kind = PickleKind::None;
  std::int64_t integer = 0;  // Boolean, Integer; Storage: elements; Tensor: offset in elements
  double real = 0;
  std::string text{};                // Text; Global: "module name"; Storage: its key
  std::vector<std::size_t> items{};  // Tuple, List; Dict: key, value, key, value; Storage: type; Tensor: storage
  std::vector<std::int64_t> shape{}, stride{};  // Tensor
};

struct Pickle {
  std::vector<PickleValue> values;
  std::size_t root = 0;
  const PickleValue& at(std::size_t index) const { return values[index]; }
};

// Raises Error{Format}: cut off, an unknown operation, a call or class that is not part of a state_dict (by name).
Pickle read_pickle(std::string_view bytes);

}  // namespace erwin::model
