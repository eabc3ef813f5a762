#include "core/dataset/internal/files.h"

#include <glob.h>

#include <algorithm>
#include <map>
#include <set>

#include "core/base/error.h"
#include "core/base/log.h"

namespace erwin {

namespace fs = std::filesystem;

namespace {

// The folder's own name is no pattern.
std::string without_magic(const std::string& text) {
  std::string result;
  for (const char c : text) {
    if (c == '*' || c == '?' || c == '[' || c == '\\') result += '\\';
    result += c;
  }
  return result;
}

std::vector<fs::path> matching_files(const fs::path& folder, const std::string& pattern) {
  const std::string whole =
      !pattern.empty() && pattern.front() == '/' ? pattern : without_magic(folder.string()) + "/" + pattern;
  glob_t found{};
  const int result = ::glob(whole.c_str(), 0, nullptr, &found);
  std::vector<fs::path> files;
  std::error_code problem;
  for (std::size_t i = 0; result == 0 && i < found.gl_pathc; ++i)
    if (fs::is_regular_file(found.gl_pathv[i], problem)) files.emplace_back(found.gl_pathv[i]);
  ::globfree(&found);
  if (files.empty())
    throw Error(ErrorKind::Config, "no file fits the manifest", "dataset.files = \"" + pattern + "\"",
                "Globs count from the manifest's folder, " + folder.string());
  return files;
}

bool is_data(io::FileKind kind) {
  switch (kind) {
    case io::FileKind::Unknown:
    case io::FileKind::Empty:
    case io::FileKind::LfsPointer:
    case io::FileKind::Checkpoint:
    case io::FileKind::Laz:
    case io::FileKind::TorchZip:
    case io::FileKind::TfRecord:
    case io::FileKind::Manifest:
      return false;
    default:
      return true;
  }
}

// Whether a file of a folder is a sample. Almost any file looks like a text table, so those are opened.
bool opens(const fs::path& file, const io::OpenOptions& options) {
  try {
    const io::FileKind kind = io::detect(file);
    if (!is_data(kind)) return false;
    if (kind == io::FileKind::Text || kind == io::FileKind::Xyz) io::open(file, options);
    return true;
  } catch (const Error& error) {
    log(LogLevel::Info, "not a sample: " + file.string() + ": " + error.what());
    return false;
  }
}

}  // namespace

std::string some_of(const std::vector<std::string>& names) {
  std::string text;
  for (std::size_t i = 0; i < names.size() && i < named_at_most; ++i) text += (i ? ", " : "") + names[i];
  return names.size() > named_at_most ? text + ", ..." : text;
}

std::vector<fs::path> files_of(const fs::path& folder, const std::vector<std::string>& patterns) {
  std::vector<fs::path> files;
  std::set<fs::path> seen;
  for (const std::string& pattern : patterns)
    for (fs::path& file : matching_files(folder, pattern))
      if (seen.insert(file.lexically_normal()).second) files.push_back(file.lexically_normal());
  return files;
}

std::vector<fs::path> data_files_of(const fs::path& folder, const io::OpenOptions& options) {
  std::vector<fs::path> files;
  std::error_code problem;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder, problem))
    if (entry.is_regular_file(problem) && entry.path().filename().string().front() != '.')
      files.push_back(entry.path());
  if (problem) throw Error(ErrorKind::Io, "cannot read the folder", folder.string() + ": " + problem.message());
  std::sort(files.begin(), files.end());
  std::erase_if(files, [&](const fs::path& file) { return !opens(file, options); });
  if (files.empty())
    throw Error(ErrorKind::Format, "no file of this folder can be opened", folder.string(),
                "Give a folder with point clouds, or a manifest (*.toml)");
  return files;
}

std::vector<std::string> names_of(const std::vector<fs::path>& files, const fs::path& folder) {
  std::map<std::string, int> stems;
  for (const fs::path& file : files) ++stems[file.stem().string()];
  std::vector<std::string> names;
  for (const fs::path& file : files) {
    const std::string stem = file.stem().string();
    if (stems[stem] == 1)
      names.push_back(stem);
    else
      names.push_back(file.lexically_relative(folder.lexically_normal()).replace_extension().generic_string());
  }
  // a.csv beside a.h5
  std::map<std::string, int> seen;
  for (const std::string& name : names) ++seen[name];
  for (std::size_t i = 0; i < files.size(); ++i)
    if (seen[names[i]] > 1) names[i] = files[i].lexically_relative(folder.lexically_normal()).generic_string();
  return names;
}

}  // namespace erwin
