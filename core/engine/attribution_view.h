#pragma once
// The answer to "why this prediction?" (core/model/attribution.h) with what a picture needs beside it.

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "core/data/field.h"
#include "core/model/attribution.h"

namespace erwin {

inline constexpr const char* contribution_field = "contribution";

struct AttributionView {
  Attribution result;
  std::string unit;    // of all its numbers: the target's
  Field contribution;  // contribution_field, scalar, [n]: every point's part of the layer's share
  double seconds = 0;
  const Field* field(std::string_view name) const { return contribution.name() == name ? &contribution : nullptr; }
};

// Raises what attribute raises. unit: of the prediction.
std::shared_ptr<const AttributionView> make_attribution_view(const Predictor& predictor, const ModelSample& sample,
                                                             const AttributionRequest& request, const std::string& unit,
                                                             const Job& job = {});

// All its numbers as a table: "part,name,contribution,attention,measured,distance" for branches and blocks, then
// "curve,order,removed,change".
std::string csv_of(const AttributionView& view);

}  // namespace erwin
