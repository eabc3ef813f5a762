#include <algorithm>
#include <system_error>

#include "core/base/error.h"
#include "core/config/config.h"

namespace erwin {

namespace fs = std::filesystem;

namespace {

// Where presets may lie, the nearest to the program first.
std::vector<fs::path> preset_folders() {
  std::vector<fs::path> folders;
  std::error_code problem;
  const fs::path program = fs::read_symlink("/proc/self/exe", problem);
  if (!problem) {
    folders.push_back(program.parent_path() / "resources" / "presets");
    folders.push_back(program.parent_path().parent_path() / "share" / "erwinscope" / "presets");
  }
  folders.push_back(fs::path(ERWIN_SOURCE_DIR) / "resources" / "presets");
  return folders;
}

}  // namespace

std::vector<std::string> preset_names() {
  std::vector<std::string> names;
  for (const fs::path& folder : preset_folders()) {
    std::error_code problem;
    for (const auto& entry : fs::directory_iterator(folder, problem))
      if (entry.path().extension() == ".toml") names.push_back(entry.path().stem().string());
  }
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  return names;
}

fs::path find_config(const std::string& file_or_preset) {
  std::error_code problem;
  if (fs::is_regular_file(file_or_preset, problem)) return file_or_preset;
  const bool plain_name = !file_or_preset.empty() && file_or_preset.find('/') == std::string::npos;
  for (const fs::path& folder : preset_folders()) {
    const fs::path preset = folder / (file_or_preset + ".toml");
    if (plain_name && fs::is_regular_file(preset, problem)) return preset;
  }
  std::string known;
  for (const std::string& name : preset_names()) known += (known.empty() ? "" : ", ") + name;
  throw Error(ErrorKind::Config, "there is no configuration file and no preset of that name", file_or_preset,
              known.empty() ? "Give a TOML file" : "Presets: " + known);
}

}  // namespace erwin
