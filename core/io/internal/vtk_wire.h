#pragma once
// What the VTK child process writes to its standard output and its parent reads, in the machine's own byte order. The
// parent trusts none of it.
//
//   magic, then records: tag (one character), then
//     P  positions  values [n, 3]              text "", unit ""
//     F  field      values [n, components]     text = name, unit
//     T, Q, L       corners uint32 [*, 3 | 4 | 2], as values
//     R  remark     text
//     E  error      text; nothing follows
//     Z  end
//   A record with values: text, unit, element (one character), components u32, count u64 (numbers, not tuples),
//   numbers. A text: length u32, bytes.

#include <cstdint>

namespace erwin::io {

constexpr char wire_magic[8] = {'E', 'W', 'V', 'T', 'K', '0', '0', '1'};

// Element types of arrays on the wire; integers narrower than 64 bits are widened.
constexpr char wire_float32 = 'f', wire_float64 = 'd', wire_int64 = 'l', wire_uint32 = 'u';

// Exit codes of the child beside 0.
constexpr int wire_exit_format = 4, wire_exit_memory = 5;

}  // namespace erwin::io
