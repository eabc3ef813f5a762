#pragma once
// How much every branch of a three-branch layer counts at every point, as fields to be coloured by.

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "core/attention/tap.h"
#include "core/base/job.h"
#include "core/data/field.h"

namespace erwin {

// "gate_compressed", "gate_selected", "gate_local": the order of a tap's gates.
inline constexpr std::array<const char*, 3> gate_field_names{"gate_compressed", "gate_selected", "gate_local"};

// The gates of one layer: one scalar field per branch, values in [0, 1], [n] in the order of the cloud's points.
struct GateFields {
  int layer = 0;
  int head = -1;  // -1: mean over the query heads
  std::vector<Field> fields;
  // Null where there is no field of that name.
  const Field* field(const std::string& name) const;
};

// From the record alone (no q, k, v needed). Null where the layer has one branch and no gates. Raises Error{Config} for
// a layer or head that does not exist.
std::shared_ptr<const GateFields> make_gate_fields(const Tap& tap, int layer, int head, const Job& job = {});

}  // namespace erwin
