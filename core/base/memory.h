#pragma once
// How much memory there is to ask for.

#include <cstdint>
#include <string>
#include <string_view>

namespace erwin {

// Bytes that can be allocated now without swapping: the smaller of MemAvailable and what the control group leaves.
// ERWINSCOPE_MEMORY_LIMIT (bytes) lowers it, which is how tests force a small machine.
std::uint64_t available_memory();

// Throws Error{Memory} naming both sizes when `bytes` is more than is available. `what`: what the memory is for.
void require_memory(std::uint64_t bytes, std::string_view what);

// "1.5 GiB", "812 KiB", "17 B".
std::string format_bytes(std::uint64_t bytes);

}  // namespace erwin
