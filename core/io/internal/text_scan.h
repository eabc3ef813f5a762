#pragma once
// Scanning text: lines with their numbers, words, numbers without a locale.

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace erwin::io {

std::string lower(std::string_view text);
std::string_view trimmed(std::string_view text);
// Text as a message can show it: at most 60 characters, unprintable ones replaced.
std::string in_quotes(std::string_view text);
// The words of a line, parted by blanks.
std::vector<std::string_view> words_of(std::string_view line);

// A whole word as a number: "1.5", "+2e3", "nan", "-inf"; nothing for anything else.
std::optional<double> to_number(std::string_view word);
// A whole word as a count; nothing where it is negative, broken or beyond 64 bits.
std::optional<std::uint64_t> to_count(std::string_view word);

// Lines end with \n or \r\n; the last one may lack its end.
class LineReader {
public:
  explicit LineReader(std::string_view text) : text_(text) {}
  // False at the end of the text.
  bool next(std::string_view& line);
  // Number of the line that next() gave last, from 1.
  std::int64_t number() const { return number_; }
  // Byte behind that line and its end.
  std::size_t offset() const { return at_; }
  std::string_view rest() const { return text_.substr(at_); }

private:
  std::string_view text_;
  std::size_t at_ = 0;
  std::int64_t number_ = 0;
};

// Takes the next word off `rest`; empty at its end.
inline std::string_view next_word(std::string_view& rest) {
  std::size_t at = 0;
  const auto blank = [](char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\v' || c == '\f'; };
  while (at < rest.size() && blank(rest[at])) ++at;
  std::size_t end = at;
  while (end < rest.size() && !blank(rest[end])) ++end;
  const std::string_view word = rest.substr(at, end - at);
  rest.remove_prefix(end);
  return word;
}

// Numbers words in order of their first appearance, so that a column of names can be a label.
class WordNumbers {
public:
  double number_of(std::string_view word);
  // "0 = wall, 1 = inlet, ...".
  std::string legend() const;
  const std::vector<std::string>& words() const { return words_; }

private:
  std::map<std::string, std::size_t, std::less<>> numbers_;
  std::vector<std::string> words_;
};

}  // namespace erwin::io
