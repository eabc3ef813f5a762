#include "core/base/svg.h"

#include <cstdio>

#include "core/base/xml.h"

namespace erwin::svg {

std::string number(double value, const char* format) {
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), format, value);
  return text.data();
}

std::string text_at(double x, double y, std::string_view text, std::string_view more) {
  return "<text x=\"" + number(x) + "\" y=\"" + number(y) + "\" " + std::string(more) + ">" + xml_escaped(text) +
         "</text>\n";
}

std::string line(double x1, double y1, double x2, double y2, std::string_view more) {
  return "<line x1=\"" + number(x1) + "\" y1=\"" + number(y1) + "\" x2=\"" + number(x2) + "\" y2=\"" + number(y2) +
         "\" " + std::string(more) + "/>\n";
}

}  // namespace erwin::svg
