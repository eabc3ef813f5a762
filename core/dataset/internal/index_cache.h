#pragma once
// Indices of large files, kept between runs under the name of the file and its identity: path, size and time of its
// last change. A cache that cannot be read or written is only slower.

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string_view>
#include <vector>

namespace erwin {

// The numbers kept for this file and kind of index; nothing where there are none or they are damaged.
std::optional<std::vector<std::uint64_t>> find_index(std::string_view kind, const std::filesystem::path& file);
void keep_index(std::string_view kind, const std::filesystem::path& file, const std::vector<std::uint64_t>& numbers);

}  // namespace erwin
