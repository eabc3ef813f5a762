#pragma once
// Where what can be made again is kept between runs of the program.

#include <filesystem>
#include <string_view>

namespace erwin {

// $XDG_CACHE_HOME/erwinscope/KIND, else ~/.cache/erwinscope/KIND; empty where neither is known. Nothing is made.
std::filesystem::path cache_folder(std::string_view kind);

// False where ERWINSCOPE_CACHE=off forbids to keep and to use anything.
bool caching_allowed();

}  // namespace erwin
