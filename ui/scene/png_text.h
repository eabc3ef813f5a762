#pragma once
// Words inside PNG files: tEXt chunks by keyword (PNG, section 11.3.4.3).

#include <filesystem>
#include <map>
#include <string>

namespace erwin::ui {

using PngTexts = std::map<std::string, std::string>;  // ASCII

// Reads the words without the picture. The file may be anything: at most 16 MiB of words are read. Raises Error{Io}
// where it cannot be read, Error{Format} where it is no PNG, is cut off, or a checksum is wrong.
PngTexts read_png_texts(const std::filesystem::path& path);

}  // namespace erwin::ui
