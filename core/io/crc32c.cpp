#include "core/io/internal/crc32c.h"

#include <array>
#include <bit>
#include <cstddef>
#include <cstring>

namespace erwin::io {

namespace {

constexpr std::uint32_t reversed_polynomial = 0x82F63B78;
constexpr std::size_t step = 8;

// tables[k][b]: what the byte b does to the checksum when k zero bytes follow it, so that eight bytes go at once.
using Tables = std::array<std::array<std::uint32_t, 256>, step>;

constexpr Tables make_tables() {
  Tables tables{};
  for (std::uint32_t byte = 0; byte < 256; ++byte) {
    std::uint32_t rest = byte;
    for (int bit = 0; bit < 8; ++bit) rest = (rest >> 1) ^ (rest & 1 ? reversed_polynomial : 0);
    tables[0][byte] = rest;
  }
  for (std::size_t k = 1; k < step; ++k)
    for (std::size_t byte = 0; byte < 256; ++byte) {
      const std::uint32_t before = tables[k - 1][byte];
      tables[k][byte] = (before >> 8) ^ tables[0][before & 0xFF];
    }
  return tables;
}

constexpr Tables tables = make_tables();

}  // namespace

std::uint32_t crc32c(std::string_view bytes) {
  static_assert(std::endian::native == std::endian::little, "the readers assume a little-endian host");
  std::uint32_t rest = 0xFFFFFFFF;
  while (bytes.size() >= step) {
    std::uint64_t word = 0;
    std::memcpy(&word, bytes.data(), step);
    word ^= rest;
    rest = 0;
    for (std::size_t k = 0; k < step; ++k) rest ^= tables[step - 1 - k][(word >> (8 * k)) & 0xFF];
    bytes.remove_prefix(step);
  }
  for (const char c : bytes) rest = (rest >> 8) ^ tables[0][(rest ^ static_cast<unsigned char>(c)) & 0xFF];
  return ~rest;
}

std::uint32_t masked_crc32c(std::string_view bytes) {
  return std::rotr(crc32c(bytes), 15) + 0xA282EAD8;
}

}  // namespace erwin::io
