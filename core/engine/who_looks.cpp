#include "core/engine/who_looks.h"

#include <algorithm>
#include <string>
#include <utility>

#include "core/base/error.h"

namespace erwin {

namespace {

std::vector<std::int64_t> points_of_ball(const LayerTap& layer, std::int64_t point) {
  const std::int64_t slot = layer.slot_of_point(point);
  if (slot < 0 || layer.ball_size <= 0)
    throw Error(ErrorKind::Config, "this point has no ball in the layer", "layer " + layer.name,
                "Ask who looks at the point itself");
  const std::int64_t begin = slot / layer.ball_size * layer.ball_size;
  const auto points = points_of_slots(layer, begin, std::min(begin + layer.ball_size, layer.slots()));
  return {points.begin(), points.end()};
}

}  // namespace

std::shared_ptr<const WhoLooks> make_who_looks(const Tap& tap, const QueryRequest& request, std::string_view field,
                                               const Job& job) {
  AttendedByQuery query{request.layer, request.head, request.branch, {request.point}};
  if (field == looks_at_ball) query.points = points_of_ball(tap.require_layer(request.layer), request.point);
  AttendedBy answer = attended_by(tap, query, job);
  return std::make_shared<const WhoLooks>(
      WhoLooks{request, std::ssize(query.points), answer.received, answer.from_itself, std::move(answer.selectors),
               Field(std::string(field), FieldKind::Scalar, 1, std::move(answer.points))});
}

}  // namespace erwin
