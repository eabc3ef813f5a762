#pragma once
// Files appear whole or not at all.

#include <filesystem>
#include <functional>
#include <string_view>

namespace erwin {

// Whether a file's bytes have reached the disk before it gets its name. Not for what is checked when it is read and can
// be made again: flushing many megabytes may take longer than a job may go on after it was cancelled.
enum class Flush { Yes, No };

// Calls `write` with a temporary path beside `path`, flushes that file to disk where asked, and renames it to `path`. A crash leaves
// the old file or the new one. Removes the temporary file and rethrows when `write` throws. Raises Error{Io}.
void write_file_atomically(const std::filesystem::path& path,
                           const std::function<void(const std::filesystem::path& temporary)>& write, Flush flush = Flush::Yes);

void write_text_atomically(const std::filesystem::path& path, std::string_view text);

}  // namespace erwin
