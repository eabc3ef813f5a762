#pragma once
// LZF, the packing of PCD's binary_compressed (format of Marc Lehmann's liblzf).

#include <cstddef>
#include <string_view>

#include "core/base/job.h"

namespace erwin::io {

// Three bytes can become 264: no LZF stream grows more.
constexpr std::size_t kLzfBestRatio = 88;

// Unpacks into exactly `bytes` bytes at `to`. False where the stream is broken or makes another number of bytes;
// nothing is ever read or written outside.
bool lzf_unpack(std::string_view packed, char* to, std::size_t bytes, const Job& job);

}  // namespace erwin::io
