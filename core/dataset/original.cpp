#include "core/dataset/internal/original.h"

#include <algorithm>
#include <cctype>
#include <string_view>

#include "core/base/error.h"

namespace erwin {

namespace fs = std::filesystem;

namespace {

struct Format {
  const char* name;
  bool (*is)(const fs::path& path);
  Original (*open)(const OriginalOptions& wanted, const io::OpenOptions& options, const Job& job);
};

constexpr Format formats[] = {{"cosmology-tfrecord", is_cosmology, open_cosmology},
                              {"shapenet-car", is_cars, open_cars},
                              {"polymer-md", is_polymer, open_polymer}};

bool is_digit(char c) {
  return std::isdigit(static_cast<unsigned char>(c)) != 0;
}

// Takes the digits at the front off `text`, without leading zeros.
std::string_view take_number(std::string_view& text) {
  std::size_t end = 0, zeros = 0;
  while (end < text.size() && is_digit(text[end])) ++end;
  while (zeros + 1 < end && text[zeros] == '0') ++zeros;
  const std::string_view number = text.substr(zeros, end - zeros);
  text.remove_prefix(end);
  return number;
}

}  // namespace

bool natural_less(std::string_view a, std::string_view b) {
  std::string_view left = a, right = b;
  while (!left.empty() && !right.empty()) {
    if (is_digit(left.front()) && is_digit(right.front())) {
      const std::string_view one = take_number(left), other = take_number(right);
      if (one.size() != other.size()) return one.size() < other.size();
      if (one != other) return one < other;
      continue;
    }
    if (left.front() != right.front()) return left.front() < right.front();
    left.remove_prefix(1);
    right.remove_prefix(1);
  }
  if (left.empty() != right.empty()) return left.empty();
  return a < b;  // "a01" and "a1"
}

std::vector<fs::path> entries_of(const fs::path& folder) {
  std::vector<fs::path> entries;
  std::error_code problem;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder, problem))
    if (!entry.path().filename().string().starts_with('.')) entries.push_back(entry.path());
  if (problem) throw Error(ErrorKind::Io, "cannot read the folder", folder.string() + ": " + problem.message());
  std::sort(entries.begin(), entries.end(), [](const fs::path& a, const fs::path& b) {
    return natural_less(a.filename().string(), b.filename().string());
  });
  return entries;
}

void keep_first(std::vector<std::int64_t>& split, std::int64_t count) {
  if (count > 0 && count < std::ssize(split)) split.resize(static_cast<std::size_t>(count));
}

const std::vector<std::string>& original_formats() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> result;
    for (const Format& format : formats) result.emplace_back(format.name);
    return result;
  }();
  return names;
}

std::string original_format_of(const fs::path& path) {
  for (const Format& format : formats)
    if (format.is(path)) return format.name;
  return {};
}

Original open_original(const OriginalOptions& wanted, const io::OpenOptions& options, const Job& job) {
  for (const Format& format : formats)
    if (wanted.format == format.name) return format.open(wanted, options, job);
  throw Error(ErrorKind::Internal, "there is no such format of a data set", wanted.format);
}

}  // namespace erwin
