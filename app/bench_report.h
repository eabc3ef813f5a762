#pragma once
// Tables and JSON of what core/bench measured.

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "core/bench/bench.h"

namespace erwin::app {

std::string today();  // UTC, "2025-11-26"

// One line of the table; without a newline.
std::string line_of(const bench::Row& row, const bench::Environment& environment);
void print(const std::vector<bench::Row>& rows, const bench::Environment& environment);

// Keys: schema, bench, erwinscope, date, environment, method, rows, ratios.
nlohmann::ordered_json json_of(const std::string& name, const std::vector<bench::Row>& rows,
                               const bench::Environment& environment);

}  // namespace erwin::app
