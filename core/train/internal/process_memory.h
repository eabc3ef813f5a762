#pragma once
// What this process holds.

#include <cstdint>

namespace erwin::train {

// Bytes of main memory: the most since the start, and now. 0 where the system does not tell.
std::uint64_t peak_process_memory();
std::uint64_t process_memory();

}  // namespace erwin::train
