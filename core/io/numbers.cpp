#include "core/io/internal/numbers.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace erwin::io {

namespace {

struct Half {
  std::uint16_t bits;
};

double to_double(Half half) {  // IEEE 754 binary16
  const int exponent = half.bits >> 10 & 31, fraction = half.bits & 1023;
  const double sign = half.bits & 0x8000 ? -1 : 1;
  if (exponent == 31)
    return fraction ? std::numeric_limits<double>::quiet_NaN() : sign * std::numeric_limits<double>::infinity();
  return exponent == 0 ? sign * std::ldexp(fraction, -24) : sign * std::ldexp(1024 + fraction, exponent - 25);
}
template <typename T>
double to_double(T value) {
  return static_cast<double>(value);
}

template <typename T, bool Swap>
double load(const char* bytes) {
  char order[sizeof(T)];
  std::memcpy(order, bytes, sizeof(T));
  if constexpr (Swap) std::reverse(order, order + sizeof(T));
  T value;
  std::memcpy(&value, order, sizeof(T));
  return to_double(value);
}

template <typename T, bool Swap>
void load_rows(const ColumnLayout& from, std::int64_t rows, int components, double* to, std::size_t to_stride,
               const Job& job) {
  constexpr std::int64_t chunk = 1 << 17;
  for (std::int64_t begin = 0; begin < rows; begin += chunk) {
    job.check();
    for (std::int64_t row = begin; row < std::min(rows, begin + chunk); ++row) {
      const char* at = from.base + static_cast<std::size_t>(row) * from.row_stride;
      double* out = to + static_cast<std::size_t>(row) * to_stride;
      for (int c = 0; c < components; ++c)
        out[c] = load<T, Swap>(at + static_cast<std::size_t>(c) * from.number_stride);
    }
  }
}

// Calls action.template operator()<T>() with the C++ type behind `type`.
template <typename Action>
auto with_type(NumberType type, Action action) {
  switch (type) {
    case NumberType::I8:
      return action.template operator()<std::int8_t>();
    case NumberType::U8:
      return action.template operator()<std::uint8_t>();
    case NumberType::I16:
      return action.template operator()<std::int16_t>();
    case NumberType::U16:
      return action.template operator()<std::uint16_t>();
    case NumberType::I32:
      return action.template operator()<std::int32_t>();
    case NumberType::U32:
      return action.template operator()<std::uint32_t>();
    case NumberType::I64:
      return action.template operator()<std::int64_t>();
    case NumberType::U64:
      return action.template operator()<std::uint64_t>();
    case NumberType::F16:
      return action.template operator()<Half>();
    case NumberType::F32:
      return action.template operator()<float>();
    case NumberType::F64:
      break;
  }
  return action.template operator()<double>();
}

}  // namespace

std::size_t size_of(NumberType type) {
  return with_type(type, []<typename T>() { return sizeof(T); });
}

bool is_integer(NumberType type) {
  return type != NumberType::F16 && type != NumberType::F32 && type != NumberType::F64;
}

double load_number(const char* bytes, NumberType type, bool big_endian) {
  return with_type(type, [&]<typename T>() { return big_endian ? load<T, true>(bytes) : load<T, false>(bytes); });
}

void load_column_into(const ColumnLayout& layout, std::int64_t rows, int components, double* to, std::size_t to_stride,
                      const Job& job) {
  with_type(layout.type, [&]<typename T>() {
    if (layout.big_endian)
      load_rows<T, true>(layout, rows, components, to, to_stride, job);
    else
      load_rows<T, false>(layout, rows, components, to, to_stride, job);
  });
}

std::vector<double> load_column(const ColumnLayout& layout, std::int64_t rows, int components, const Job& job) {
  std::vector<double> values(static_cast<std::size_t>(rows) * static_cast<std::size_t>(components));
  load_column_into(layout, rows, components, values.data(), static_cast<std::size_t>(components), job);
  return values;
}

std::uint64_t saturating_product(std::uint64_t a, std::uint64_t b) {
  return a != 0 && b > std::numeric_limits<std::uint64_t>::max() / a ? std::numeric_limits<std::uint64_t>::max()
                                                                     : a * b;
}

}  // namespace erwin::io
