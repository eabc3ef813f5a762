#pragma once
// Content hashes: the name of a cache entry, the proof of which data a run has seen.

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace erwin {

// SHA-256 (FIPS 180-4), fed in pieces.
class Sha256 {
public:
  Sha256();
  void update(const void* data, std::size_t bytes);
  template <typename T>
  void update(std::span<const T> values) {
    update(values.data(), values.size_bytes());
  }
  // The digest as 64 lower-case hex digits; the object must not be fed afterwards.
  std::string hex();

private:
  void block(const std::uint8_t* bytes);
  std::uint32_t state_[8];
  std::uint8_t buffer_[64];
  std::size_t buffered_ = 0;
  std::uint64_t length_ = 0;
};

std::string sha256_hex(std::string_view text);

}  // namespace erwin
