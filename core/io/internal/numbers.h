#pragma once
// Columns of binary numbers inside records: what NPY, PLY, PCD and LAS have in common.

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <vector>

#include "core/base/job.h"

namespace erwin::io {

enum class NumberType { I8, U8, I16, U16, I32, U32, I64, U64, F16, F32, F64 };

std::size_t size_of(NumberType type);
bool is_integer(NumberType type);

// One number of that type at `bytes`, in the given byte order.
double load_number(const char* bytes, NumberType type, bool big_endian);

// The same with the type known when compiled; `bytes` need not be aligned. Little endian.
template <typename T>
T load_little(const char* bytes) {
  static_assert(std::endian::native == std::endian::little, "the readers assume a little-endian host");
  T value;
  std::memcpy(&value, bytes, sizeof value);
  return value;
}

// Where a column's numbers lie: number c of row r at base + r * row_stride + c * number_stride. The caller has checked
// that all of them lie inside the file.
struct ColumnLayout {
  const char* base = nullptr;
  std::size_t row_stride = 0;
  std::size_t number_stride = 0;
  NumberType type = NumberType::F32;
  bool big_endian = false;
};

// [rows, components] as float64.
std::vector<double> load_column(const ColumnLayout& layout, std::int64_t rows, int components, const Job& job);
// The same into to[r * to_stride + c], for the x, y and z of a point.
void load_column_into(const ColumnLayout& layout, std::int64_t rows, int components, double* to, std::size_t to_stride,
                      const Job& job);

// a * b, or the largest number where that does not fit: sizes out of headers may be anything.
std::uint64_t saturating_product(std::uint64_t a, std::uint64_t b);

}  // namespace erwin::io
