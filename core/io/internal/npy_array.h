#pragma once
// The NPY format (NumPy enhancement proposal 1): header and raw numbers. Shared by NPY and NPZ.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/io/internal/cloud_builder.h"
#include "core/io/internal/numbers.h"

namespace erwin::io {

// One member of a record, or the whole element of a plain array (then without name).
struct NpyMember {
  std::string name;
  std::string descr;  // as written: "<f8", "|S4"
  bool numeric = false;
  NumberType type = NumberType::F64;
  bool big_endian = false;
  std::size_t offset = 0;  // in the record
  std::size_t bytes = 0;   // of all its numbers
  int count = 1;           // numbers in it: sub-arrays have more than one
};

struct NpyArray {
  std::string name;  // in the NPZ, else empty
  std::vector<std::uint64_t> shape;
  bool fortran_order = false;
  bool structured = false;
  std::vector<NpyMember> members;  // one where the array is plain
  std::size_t item_bytes = 0;
  std::string_view data;  // exactly elements() * item_bytes bytes

  std::uint64_t elements() const;  // saturating
  bool plain_numbers() const { return !structured && members.front().numeric; }
  std::string shape_text() const;  // "(1065, 3)"
};

// `file` is the whole content of an .npy file. Raises Error{Format}: broken header, objects (pickle), data shorter than
// shape and type need. `name`: for messages.
NpyArray parse_npy(std::string_view file, const std::string& name);

// Positions out of an array of [N, K], [T, N, K] (K = 2, 3 or more: then the rest become fields) or of records with
// x, y, z; every other number of it becomes a field. Raises Error{Format} where there are no positions in it.
void add_positions_and_columns(const NpyArray& array, CloudBuilder& builder, const Job& job);

// Whether add_positions_and_columns would find positions, and how many points and frames it would make.
struct NpyPositions {
  std::uint64_t frames = 1, points = 0;
};
bool holds_positions(const NpyArray& array, NpyPositions& found);

// All numbers of a plain array in C order.
std::vector<double> numbers_of(const NpyArray& array, const Job& job);

}  // namespace erwin::io
