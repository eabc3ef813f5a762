#include "core/io/internal/python_literal.h"

#include <charconv>

#include "core/base/error.h"

namespace erwin::io {

namespace {

class Parser {
public:
  explicit Parser(std::string_view text) : text_(text) {}

  PythonLiteral whole() {
    PythonLiteral result = value(0);
    skip_blanks();
    if (at_ != text_.size()) fail();
    return result;
  }

private:
  [[noreturn]] void fail() const {
    throw Error(ErrorKind::Format, "the header of the array is broken",
                "byte " + std::to_string(at_) + " of the header", "Save the array again with numpy.save");
  }

  void skip_blanks() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\n' || text_[at_] == '\t' || text_[at_] == '\r'))
      ++at_;
  }
  char peek() {
    skip_blanks();
    if (at_ >= text_.size()) fail();
    return text_[at_];
  }
  bool take(char wanted) {
    if (peek() != wanted) return false;
    ++at_;
    return true;
  }
  bool take_word(std::string_view word) {
    if (text_.substr(at_, word.size()) != word) return false;
    at_ += word.size();
    return true;
  }

  PythonLiteral value(int depth) {
    if (depth > 16) fail();
    const char first = peek();
    PythonLiteral result;
    if (first == '{') return dictionary(depth);
    if (first == '(' || first == '[') return sequence(depth);
    if (first == '\'' || first == '"') {
      result.kind = PythonLiteral::Kind::String;
      result.string = string();
    } else if (first >= '0' && first <= '9') {
      result.kind = PythonLiteral::Kind::Integer;
      const auto [end, error] = std::from_chars(text_.data() + at_, text_.data() + text_.size(), result.integer);
      if (error != std::errc()) fail();
      at_ = static_cast<std::size_t>(end - text_.data());
      if (at_ < text_.size() && text_[at_] == 'L') ++at_;  // Python 2
    } else if (take_word("True")) {
      result.kind = PythonLiteral::Kind::Boolean;
      result.boolean = true;
    } else if (take_word("False")) {
      result.kind = PythonLiteral::Kind::Boolean;
    } else if (!take_word("None")) {
      fail();
    }
    return result;
  }

  std::string string() {
    const char quote = text_[at_++];
    std::string result;
    while (at_ < text_.size() && text_[at_] != quote) {
      if (text_[at_] == '\\' && at_ + 1 < text_.size()) ++at_;
      result += text_[at_++];
    }
    if (at_ >= text_.size()) fail();
    ++at_;
    return result;
  }

  PythonLiteral sequence(int depth) {
    PythonLiteral result;
    result.kind = PythonLiteral::Kind::Sequence;
    const char close = text_[at_++] == '(' ? ')' : ']';
    while (!take(close)) {
      result.items.push_back(value(depth + 1));
      if (!take(',') && peek() != close) fail();
    }
    return result;
  }

  PythonLiteral dictionary(int depth) {
    PythonLiteral result;
    result.kind = PythonLiteral::Kind::Dictionary;
    ++at_;
    while (!take('}')) {
      if (peek() != '\'' && peek() != '"') fail();
      std::string key = string();
      if (!take(':')) fail();
      result.entries.emplace_back(std::move(key), value(depth + 1));
      if (!take(',') && peek() != '}') fail();
    }
    return result;
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

}  // namespace

const PythonLiteral* PythonLiteral::find(std::string_view key) const {
  for (const auto& [name, entry] : entries)
    if (name == key) return &entry;
  return nullptr;
}

PythonLiteral parse_python_literal(std::string_view text) {
  return Parser(text).whole();
}

}  // namespace erwin::io
