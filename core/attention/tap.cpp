#include "core/attention/tap.h"

#include <algorithm>

#include "core/base/error.h"

namespace erwin {

bool TapRequest::wants(int layer) const {
  return all_layers || std::find(layers.begin(), layers.end(), layer) != layers.end();
}

std::int64_t LayerTap::slot_of_point(std::int64_t point) const {
  if (point < 0) return -1;
  if (!point_slot.empty())
    return point < static_cast<std::int64_t>(point_slot.size()) ? point_slot[static_cast<std::size_t>(point)] : -1;
  const auto found = std::find(slot_points.begin(), slot_points.end(), point);
  if (found == slot_points.end()) return -1;
  // The slot is the last one that begins at or before the entry; empty slots begin where their successor does.
  const auto after = std::upper_bound(slot_point_begin.begin(), slot_point_begin.end(), found - slot_points.begin());
  return after - slot_point_begin.begin() - 1;
}

void LayerTap::index_points(std::int64_t point_count) {
  point_slot.assign(static_cast<std::size_t>(point_count), -1);
  for (std::int64_t slot = 0; slot < slots(); ++slot)
    for (std::int64_t i = slot_point_begin[static_cast<std::size_t>(slot)];
         i < slot_point_begin[static_cast<std::size_t>(slot) + 1]; ++i) {
      std::int32_t& held = point_slot[static_cast<std::size_t>(slot_points[static_cast<std::size_t>(i)])];
      if (held < 0) held = static_cast<std::int32_t>(slot);
    }
}

const LayerTap& Tap::require_layer(int layer) const {
  for (const LayerTap& candidate : layers)
    if (candidate.layer == layer) return candidate;
  const std::string range = layers.empty() ? "the record holds no attention layer"
                                           : "layers go from " + std::to_string(layers.front().layer) + " to " +
                                                 std::to_string(layers.back().layer);
  throw Error(ErrorKind::Config, "there is no attention layer " + std::to_string(layer), range,
              "Layers count from 0 in order of evaluation");
}

}  // namespace erwin
