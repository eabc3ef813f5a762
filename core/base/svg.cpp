#include "core/base/svg.h"

#include <cmath>
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

std::string document(double width, double height, std::string_view body) {
  const std::string w = number(width, "%.0f"), h = number(height, "%.0f");
  return "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"" + w + "\" height=\"" + h + "\" viewBox=\"0 0 " + w + " " +
         h +
         "\" font-family=\"Helvetica, Arial, sans-serif\" fill=\"#111\">\n"
         "<rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n" +
         std::string(body) + "</svg>\n";
}

int Axis::ticks() const {
  return static_cast<int>(std::lround((high - low) / step));
}

double Axis::tick(int i) const {
  const double value = low + i * step;
  return std::abs(value) < 1e-9 * step ? 0 : value;
}

Axis round_axis(double low, double high, int steps) {
  if (!(high > low)) {
    const double around = high == 0 ? 1 : 0.1 * std::abs(high);
    low -= around;
    high += around;
  }
  const double raw = (high - low) / steps, size = std::pow(10, std::floor(std::log10(raw)));
  Axis axis;
  for (const double factor : {1.0, 2.0, 5.0, 10.0})
    if (raw <= factor * size * 1.0001) {
      axis.step = factor * size;
      break;
    }
  axis.low = axis.step * std::floor(low / axis.step);
  axis.high = axis.step * std::ceil(high / axis.step);
  return axis;
}

}  // namespace erwin::svg
