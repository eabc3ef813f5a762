#include "core/io/internal/lzf.h"

#include <cstring>

namespace erwin::io {

bool lzf_unpack(std::string_view packed, char* to, std::size_t bytes, const Job& job) {
  std::size_t in = 0, out = 0, step = 0;
  const auto byte = [&](std::size_t at) { return static_cast<std::size_t>(static_cast<unsigned char>(packed[at])); };
  while (in < packed.size()) {
    if (++step % (1 << 18) == 0) job.check();
    const std::size_t control = byte(in++);
    if (control < 32) {  // a run of control + 1 plain bytes
      const std::size_t length = control + 1;
      if (length > packed.size() - in || length > bytes - out) return false;
      std::memcpy(to + out, packed.data() + in, length);
      in += length;
      out += length;
      continue;
    }
    // A copy of what was written before: 3 bits of length (7: one more byte follows), 13 bits of distance.
    std::size_t length = control >> 5;
    if (length == 7) {
      if (in >= packed.size()) return false;
      length += byte(in++);
    }
    length += 2;
    if (in >= packed.size()) return false;
    const std::size_t distance = ((control & 31) << 8 | byte(in++)) + 1;
    if (distance > out || length > bytes - out) return false;
    for (std::size_t i = 0; i < length; ++i, ++out) to[out] = to[out - distance];  // may overlap on purpose
  }
  return out == bytes;
}

}  // namespace erwin::io
