#include "core/engine/summary_fields.h"

#include <algorithm>
#include <utility>

#include "core/base/error.h"

namespace erwin {

const SummaryFieldInfo* find_summary_field(std::string_view name) {
  const auto found =
      std::find_if(summary_fields.begin(), summary_fields.end(), [&](const auto& info) { return info.name == name; });
  return found == summary_fields.end() ? nullptr : &*found;
}

std::shared_ptr<const LayerSummary> make_summary_fields(const Tap& tap, const PointCloud& cloud, std::int64_t frame,
                                                        int layer, int head, const Job& job) {
  auto summaries = summarise(tap, cloud.positions(frame), cloud.unit(), {{layer}, head}, job);
  if (summaries.size() != 1)
    throw Error(ErrorKind::Internal, "one layer was summed up", std::to_string(summaries.size()) + " came back");
  auto summary = std::make_shared<LayerSummary>(std::move(summaries.front()));
  std::erase_if(summary->fields, [](const Field& field) { return !find_summary_field(field.name()); });
  return summary;
}

}  // namespace erwin
