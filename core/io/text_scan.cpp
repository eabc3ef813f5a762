#include "core/io/internal/text_scan.h"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <limits>
#include <system_error>

namespace erwin::io {

std::string lower(std::string_view text) {
  std::string result(text);
  for (char& c : result)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return result;
}

std::string_view trimmed(std::string_view text) {
  const auto blank = [](char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\v' || c == '\f'; };
  while (!text.empty() && blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && blank(text.back())) text.remove_suffix(1);
  return text;
}

std::string in_quotes(std::string_view text) {
  constexpr std::size_t longest = 60;
  std::string result = "'";
  for (const char c : text.substr(0, longest))
    result += c >= ' ' && c != 127 ? c : (static_cast<unsigned char>(c) >= 128 ? c : '?');
  return result + (text.size() > longest ? "...'" : "'");
}

std::vector<std::string_view> words_of(std::string_view line) {
  std::vector<std::string_view> words;
  for (std::string_view word = next_word(line); !word.empty(); word = next_word(line)) words.push_back(word);
  return words;
}

std::optional<double> to_number(std::string_view word) {
  if (word.size() > 1 && word.front() == '+' && word[1] != '-') word.remove_prefix(1);
  double value = 0;
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value);
  if (word.empty() || end != word.data() + word.size()) return std::nullopt;
  // Too small is 0; too large is as good as infinite and treated so.
  if (error == std::errc::result_out_of_range) {
    const bool negative = word.front() == '-';
    const std::size_t exponent = word.find_first_of("eE");
    const bool tiny = exponent != std::string_view::npos && exponent + 1 < word.size() && word[exponent + 1] == '-';
    return tiny ? 0.0 : negative ? -std::numeric_limits<double>::infinity() : std::numeric_limits<double>::infinity();
  }
  if (error != std::errc()) return std::nullopt;
  return value;
}

std::optional<std::uint64_t> to_count(std::string_view word) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value);
  if (word.empty() || error != std::errc() || end != word.data() + word.size()) return std::nullopt;
  return value;
}

bool LineReader::next(std::string_view& line) {
  if (at_ >= text_.size()) return false;
  const char* begin = text_.data() + at_;
  const std::size_t left = text_.size() - at_;
  const void* found = std::memchr(begin, '\n', left);
  const std::size_t length = found ? static_cast<std::size_t>(static_cast<const char*>(found) - begin) : left;
  line = std::string_view(begin, length);
  if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
  at_ += found ? length + 1 : length;
  ++number_;
  return true;
}

double WordNumbers::number_of(std::string_view word) {
  const auto known = numbers_.find(word);
  if (known != numbers_.end()) return static_cast<double>(known->second);
  numbers_.emplace(std::string(word), words_.size());
  words_.emplace_back(word);
  return static_cast<double>(words_.size() - 1);
}

std::string WordNumbers::legend() const {
  constexpr std::size_t shown = 12;
  std::string text;
  for (std::size_t i = 0; i < std::min(words_.size(), shown); ++i)
    text += (i ? ", " : "") + std::to_string(i) + " = " + words_[i];
  return text + (words_.size() > shown ? ", ..." : "");
}

}  // namespace erwin::io
