#pragma once
// Which files a data set is made of, and what their samples are called.

#include <filesystem>
#include <string>
#include <vector>

#include "core/io/open.h"

namespace erwin {

// "a, b, c, ...": the first names of many, for messages.
constexpr std::size_t named_at_most = 8;
std::string some_of(const std::vector<std::string>& names);

// The files that globs mean which count from `folder`, each once. Raises Error{Config} for a glob that fits none.
std::vector<std::filesystem::path> files_of(const std::filesystem::path& folder,
                                            const std::vector<std::string>& patterns);
// Every file of a folder that opens. Raises Error{Io}; Error{Format} where none does.
std::vector<std::filesystem::path> data_files_of(const std::filesystem::path& folder, const io::OpenOptions& options);

// The stem where it is the only one, else the path below the folder without its extension.
std::vector<std::string> names_of(const std::vector<std::filesystem::path>& files, const std::filesystem::path& folder);

}  // namespace erwin
