#include "core/engine/set_looks.h"

#include <string>
#include <utility>

#include "core/base/error.h"

namespace erwin {

std::shared_ptr<const SetLooks> make_set_looks(const Tap& tap, const PointSetPtr& points, const QueryRequest& request,
                                               std::string_view field, const Job& job) {
  if (!points || points->empty())
    throw Error(ErrorKind::Config, "no point is selected", std::string(field), "Select points with Shift and a drag");
  const auto made = [&](std::vector<float> values) {
    return Field(std::string(field), FieldKind::Scalar, 1, std::move(values));
  };
  if (field == looks_at_selection) {
    AttendedBy answer = attended_by(tap, {request.layer, request.head, request.branch, *points}, job);
    return std::make_shared<const SetLooks>(SetLooks{points, request, made(std::move(answer.points)), answer.received,
                                                     answer.from_itself, 0, std::move(answer.selectors)});
  }
  AttentionQuery query;
  query.layer = request.layer;
  query.head = request.head;
  query.branch = request.branch;
  query.points = *points;
  AttentionRow row = attention_row(tap, query, job);
  double inside = 0;
  for (const std::int64_t point : *points) inside += static_cast<double>(row.points[static_cast<std::size_t>(point)]);
  const double sum = row.local + row.compressed + row.selected_sum;
  return std::make_shared<const SetLooks>(
      SetLooks{points, request, made(std::move(row.points)), sum, inside, row.memory, {}});
}

}  // namespace erwin
