#include "tests/house/includes.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <functional>
#include <set>
#include <string_view>

namespace erwin::house {

namespace {

bool starts(std::string_view text, std::string_view with) {
  return text.substr(0, with.size()) == with;
}

bool starts_with_any(std::string_view text, std::initializer_list<std::string_view> prefixes) {
  for (const auto prefix : prefixes)
    if (starts(text, prefix)) return true;
  return false;
}

bool is_torch(std::string_view header) {
  return starts_with_any(header, {"torch/", "ATen/", "c10/", "caffe2/"});
}

bool is_hdf5(std::string_view header) {
  return starts_with_any(header, {"highfive/", "hdf5.h", "hdf5_hl.h", "H5"}) ||
         header.find("/hdf5.h") != std::string_view::npos;
}

bool is_vtk(std::string_view header) {
  return starts(header, "vtk");
}

// QString, QtCore/QString, and the like.
bool is_qt(std::string_view header) {
  return header.size() > 1 && header[0] == 'Q' &&
         (std::isupper(static_cast<unsigned char>(header[1])) || header[1] == 't');
}

// 0 kernels, 1 core, 2 ui, 3 app; -1 for what belongs to none.
int layer_of(std::string_view path) {
  constexpr std::array<std::string_view, 4> rooms{"kernels/", "core/", "ui/", "app/"};
  for (std::size_t i = 0; i < rooms.size(); ++i)
    if (starts(path, rooms[i])) return static_cast<int>(i);
  return -1;
}

bool is_internal(std::string_view path) {
  return path.find("/internal/") != std::string_view::npos;
}
bool is_header(std::string_view path) {
  return path.ends_with(".h") || path.ends_with(".hpp") || path.ends_with(".cuh");
}
bool is_vtk_child(std::string_view path) {
  return starts(path, "core/io/vtk_child");
}

// An include that names one of our files: by its path from the root, or beside the including file.
std::string resolve(const Sources& sources, const std::string& from, const std::string& header) {
  if (sources.count(header)) return header;
  const auto slash = from.rfind('/');
  const std::string beside = slash == std::string::npos ? header : from.substr(0, slash + 1) + header;
  return sources.count(beside) ? beside : std::string();
}

bool is_name(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) || c == '_';
}

// Where a quoted text that begins at `at` ends: behind its closing mark, or at the end of its line.
std::size_t end_of_quote(const std::string& text, std::size_t at) {
  const char mark = text[at];
  for (++at; at < text.size() && text[at] != '\n'; ++at) {
    if (text[at] == '\\')
      ++at;
    else if (text[at] == mark)
      return at + 1;
  }
  return at;
}

// Where the raw string whose R stands at `at` ends.
std::size_t end_of_raw(const std::string& text, std::size_t at) {
  const auto open = text.find('(', at);
  if (open == std::string::npos) return text.size();
  const std::string closing = ")" + text.substr(at + 2, open - at - 2) + "\"";
  const auto end = text.find(closing, open);
  return end == std::string::npos ? text.size() : end + closing.size();
}

// Comments and raw strings are left out; other quoted text stays, since includes are quoted.
std::string without_comments(const std::string& text) {
  std::string result;
  for (std::size_t i = 0; i < text.size();) {
    const bool after_name = i > 0 && is_name(text[i - 1]);
    if (text.compare(i, 2, "//") == 0) {
      i = std::min(text.find('\n', i), text.size());
    } else if (text.compare(i, 2, "/*") == 0) {
      const auto end = text.find("*/", i + 2);
      i = end == std::string::npos ? text.size() : end + 2;
      result += ' ';
    } else if (text.compare(i, 2, "R\"") == 0 && !after_name) {
      i = end_of_raw(text, i);
    } else if (text[i] == '"' || (text[i] == '\'' && !after_name)) {  // after a digit ' parts thousands
      const auto end = std::min(end_of_quote(text, i), text.size());
      result += text.substr(i, end - i);
      i = end;
    } else {
      result += text[i++];
    }
  }
  return result;
}

}  // namespace

std::vector<std::string> includes_of(const std::string& text) {
  std::vector<std::string> headers;
  const std::string code = without_comments(text);
  for (std::size_t begin = 0; begin < code.size();) {
    auto end = code.find('\n', begin);
    if (end == std::string::npos) end = code.size();
    std::string line = code.substr(begin, end - begin);
    begin = end + 1;
    std::size_t at = 0;
    const auto skip = [&] {
      while (at < line.size() && std::isspace(static_cast<unsigned char>(line[at]))) ++at;
    };
    skip();
    if (at >= line.size() || line[at] != '#') continue;
    ++at;
    skip();
    if (line.compare(at, 7, "include") != 0) continue;
    at += 7;
    skip();
    if (at >= line.size() || (line[at] != '"' && line[at] != '<')) continue;
    const char closing = line[at] == '<' ? '>' : '"';
    const auto stop = line.find(closing, at + 1);
    if (stop != std::string::npos) headers.push_back(line.substr(at + 1, stop - at - 1));
  }
  return headers;
}

std::vector<Violation> check_includes(const Sources& sources) {
  std::map<std::string, std::vector<std::string>> includes;
  for (const auto& [path, text] : sources) includes[path] = includes_of(text);

  // All headers that a file sees, through ours too.
  const auto seen_by = [&](const std::string& path) {
    std::set<std::string> foreign, ours{path};
    std::vector<std::string> open{path};
    while (!open.empty()) {
      const std::string file = open.back();
      open.pop_back();
      for (const auto& header : includes[file]) {
        const std::string own = resolve(sources, file, header);
        if (own.empty())
          foreign.insert(header);
        else if (ours.insert(own).second)
          open.push_back(own);
      }
    }
    return foreign;
  };
  const auto any = [](const auto& headers, const std::function<bool(std::string_view)>& is) -> std::string {
    for (const auto& header : headers)
      if (is(header)) return header;
    return {};
  };

  std::vector<Violation> found;
  for (const auto& [path, text] : sources) {
    const int layer = layer_of(path);
    if (layer < 0) continue;
    for (const auto& header : includes[path]) {
      const std::string own = resolve(sources, path, header);
      const std::string target = own.empty() ? header : own;
      if (layer_of(target) > layer) found.push_back({path, "layer: includes " + header});
      if (layer >= 2 && layer_of(target) < 2 && is_internal(target))
        found.push_back({path, "internal: includes " + header});
    }
    const auto foreign = seen_by(path);
    const bool public_core = layer == 1 && is_header(path) && !is_internal(path);
    if (public_core || layer == 0 || layer == 2) {
      if (const auto header = any(foreign, is_torch); !header.empty()) found.push_back({path, "torch: sees " + header});
      if (const auto header = any(foreign, is_hdf5); !header.empty()) found.push_back({path, "hdf5: sees " + header});
    }
    if (layer <= 1 && !is_vtk_child(path)) {
      const auto header = any(foreign, [](std::string_view name) { return is_qt(name) || is_vtk(name); });
      if (!header.empty()) found.push_back({path, "qt-vtk: sees " + header});
    }
    if (!any(foreign, is_qt).empty() && !any(foreign, is_torch).empty())
      found.push_back({path, "qt-torch: sees " + any(foreign, is_qt) + " and " + any(foreign, is_torch)});
  }
  return found;
}

}  // namespace erwin::house
