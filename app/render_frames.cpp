#include "app/render_frames.h"

#include <regex>

#include "core/base/error.h"

namespace erwin::app {

std::string frame_name(const std::string& pattern, int frame) {
  static const std::regex form("([^%]*)%(?:0([1-9]))?d([^%]*)");
  std::smatch parts;
  if (!std::regex_match(pattern, parts, form))
    throw Error(ErrorKind::Config, "frames need a number in their names", "--out " + pattern,
                "Write it as --out frame_%03d.png");
  std::string number = std::to_string(frame);
  const std::size_t digits = parts[2].matched ? static_cast<std::size_t>(parts[2].str()[0] - '0') : 1;
  if (number.size() < digits) number.insert(0, digits - number.size(), '0');
  return parts[1].str() + number + parts[3].str();
}

}  // namespace erwin::app
