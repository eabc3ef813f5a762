#pragma once
// CRC-32C (Castagnoli: RFC 3720, appendix B.4), the checksum of TFRecord files.

#include <cstdint>
#include <string_view>

namespace erwin::io {

std::uint32_t crc32c(std::string_view bytes);

// As TFRecord stores it: rotated right by 15 bits and shifted by a constant, so that the checksum of bytes that hold
// checksums stays meaningful.
std::uint32_t masked_crc32c(std::string_view bytes);

}  // namespace erwin::io
