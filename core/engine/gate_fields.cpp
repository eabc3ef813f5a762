#include "core/engine/gate_fields.h"

#include <cmath>
#include <cstdint>
#include <limits>
#include <utility>

#include "core/base/error.h"
#include "core/data/field_list.h"

namespace erwin {

const Field* GateFields::field(const std::string& name) const {
  return field_named(fields, name);
}

std::shared_ptr<const GateFields> make_gate_fields(const Tap& tap, int layer, int head, const Job& job) {
  const LayerTap& record = tap.require_layer(layer);
  if (record.gate.empty()) return nullptr;
  const auto heads = static_cast<std::size_t>(record.heads);
  if (head < -1 || head >= record.heads)
    throw Error(ErrorKind::Config, "there is no such head", "head " + std::to_string(head),
                "Heads count from 0; this layer has " + std::to_string(record.heads) + ", -1 is their mean");
  const std::size_t first = head < 0 ? 0 : static_cast<std::size_t>(head);
  const std::size_t count = head < 0 ? heads : 1;
  auto gates = std::make_shared<GateFields>();
  gates->layer = layer;
  gates->head = head;
  const float* const values = record.gate.values().data();
  for (std::size_t branch = 0; branch < gate_field_names.size(); ++branch) {
    std::vector<float> field(static_cast<std::size_t>(tap.point_count), std::numeric_limits<float>::quiet_NaN());
    for (std::int64_t point = 0; point < tap.point_count; ++point) {
      if (point % (1 << 15) == 0) job.check();
      const std::int64_t slot = record.slot_of_point(point);
      if (slot < 0) continue;
      const float* const row = values + (static_cast<std::size_t>(slot) * 3 + branch) * heads;
      float sum = 0;
      for (std::size_t h = first; h < first + count; ++h) sum += row[h];
      field[static_cast<std::size_t>(point)] = sum / static_cast<float>(count);
    }
    gates->fields.emplace_back(gate_field_names[branch], FieldKind::Scalar, 1, std::move(field));
  }
  return gates;
}

}  // namespace erwin
