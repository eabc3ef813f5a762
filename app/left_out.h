#pragma once
// What a command's JSON says of the samples that were left out.

#include <nlohmann/json.hpp>
#include <vector>

#include "core/dataset/left_out.h"

namespace erwin::app {

inline nlohmann::ordered_json json_of(const std::vector<LeftOut>& left_out) {
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  for (const LeftOut& sample : left_out) list.push_back({{"name", sample.name}, {"why", sample.why}});
  return list;
}

}  // namespace erwin::app
