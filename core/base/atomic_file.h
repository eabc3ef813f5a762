#pragma once
// Files appear whole or not at all.

#include <filesystem>
#include <functional>
#include <string_view>

namespace erwin {

// Calls `write` with a temporary path beside `path`, flushes that file to disk and renames it to `path`. A crash leaves
// the old file or the new one. Removes the temporary file and rethrows when `write` throws. Raises Error{Io}.
void write_file_atomically(const std::filesystem::path& path,
                           const std::function<void(const std::filesystem::path& temporary)>& write);

void write_text_atomically(const std::filesystem::path& path, std::string_view text);

}  // namespace erwin
