#include "ui/scene/numbers.h"

#include <charconv>
#include <cmath>

namespace erwin::ui {

namespace {

template <typename T>
std::optional<T> read(std::string_view text) {
  T value{};
  if (text.size() > 1 && text[0] == '+' && text[1] != '-') text.remove_prefix(1);
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return {};
  return value;
}

}  // namespace

std::optional<double> number_in(std::string_view text) {
  const auto value = read<double>(text);
  return value && std::isfinite(*value) ? value : std::nullopt;
}

std::optional<long long> whole_number_in(std::string_view text) {
  return read<long long>(text);
}

std::vector<double> numbers_in(std::string_view text) {
  std::vector<double> numbers;
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find(',', begin), text.size());
    const auto number = number_in(text.substr(begin, end - begin));
    if (!number) return {};
    numbers.push_back(*number);
    begin = end + 1;
  }
  return numbers;
}

std::string exact_number(double value) {
  char text[40];
  return {text, std::to_chars(text, text + sizeof text, value).ptr};
}

std::string short_number(double value) {
  char text[40];
  return {text, std::to_chars(text, text + sizeof text, value == 0 ? 0.0 : value, std::chars_format::general, 4).ptr};
}

}  // namespace erwin::ui
