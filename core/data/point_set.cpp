#include "core/data/point_set.h"

#include <algorithm>
#include <charconv>

#include "core/base/error.h"
#include "core/data/point_cloud.h"

namespace erwin {

namespace {

constexpr std::int64_t longest_run = 100'000'000;

[[noreturn]] void refuse(std::string_view text) {
  throw Error(ErrorKind::Config, "ids are not understood", std::string(text),
              "Write ids and runs of ids, both ends included, like 3,10-20");
}

std::int64_t id_in(std::string_view text, std::string_view whole) {
  std::int64_t id = -1;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), id);
  if (failure != std::errc() || end != text.data() + text.size() || id < 0) refuse(whole);
  return id;
}

}  // namespace

std::vector<std::int64_t> ids_in(std::string_view text) {
  std::vector<std::int64_t> ids;
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find(',', begin), text.size());
    const std::string_view part = text.substr(begin, end - begin);
    const std::size_t dash = part.find('-');
    const std::int64_t first = id_in(part.substr(0, dash), part);
    const std::int64_t last = dash == std::string_view::npos ? first : id_in(part.substr(dash + 1), part);
    if (last < first || last - first >= longest_run) refuse(part);
    for (std::int64_t id = first; id <= last; ++id) ids.push_back(id);
    begin = end + 1;
  }
  return ids;
}

std::string text_of_ids(const std::vector<std::int64_t>& ids) {
  std::string text;
  for (std::size_t i = 0; i < ids.size();) {
    std::size_t last = i;
    while (last + 1 < ids.size() && ids[last + 1] == ids[last] + 1) ++last;
    text += (text.empty() ? "" : ",") + std::to_string(ids[i]);
    if (last > i) text += (last == i + 1 ? "," : "-") + std::to_string(ids[last]);
    i = last + 1;
  }
  return text;
}

std::string text_of(const PointSetPtr& points, const PointCloud& cloud) {
  std::vector<std::int64_t> ids;
  if (points)
    for (const std::int64_t point : *points) ids.push_back(cloud.row_id(point));
  return text_of_ids(ids);
}

}  // namespace erwin
