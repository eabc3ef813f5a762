#pragma once
// Weights as plain arrays by name: what travels between networks, checkpoints and imported states.

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace erwin {

enum class ElementType { Float32, Float64, Int64 };

struct WeightArray {
  std::string name;  // flat and dotted: "block.0.attention.qkv"
  ElementType type = ElementType::Float32;
  std::vector<std::int64_t> shape;  // empty: a scalar
  std::vector<std::byte> data;      // row-major, native byte order
};

using Weights = std::vector<WeightArray>;

}  // namespace erwin
