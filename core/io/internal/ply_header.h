#pragma once
// The header of a PLY file (Stanford polygon format).

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/io/internal/numbers.h"

namespace erwin::io {

struct PlyProperty {
  std::string name;
  NumberType type = NumberType::F32;  // of the number, or of each in the list
  bool list = false;
  NumberType count_type = NumberType::U8;  // of a list's length
};

struct PlyElement {
  std::string name;
  std::uint64_t count = 0;
  std::vector<PlyProperty> properties;
  bool has_list() const;
  // Of a row, lists empty.
  std::size_t least_bytes() const;
};

enum class PlyStorage { Ascii, Little, Big };

struct PlyHeader {
  PlyStorage storage = PlyStorage::Ascii;
  std::vector<PlyElement> elements;
  std::string_view body;   // what follows end_header
  std::int64_t lines = 0;  // of the header
};

// Raises Error{Format} with the line.
PlyHeader parse_ply_header(std::string_view file);

}  // namespace erwin::io
