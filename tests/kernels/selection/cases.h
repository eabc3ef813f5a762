#pragma once
// Random selection problems and the plainest way to solve them.

#include <cstdint>
#include <string>
#include <vector>

#include "kernels/selection/selection.h"

namespace erwin::test {

struct SelectionCase {
  std::string name;
  std::vector<std::int64_t> blocks;  // of each sample
  int groups = 1, width = 16, count = 16;
  std::int64_t excluded = 8;
  double empty = 0.1;
  bool ties = false;  // small integers: exact scores, many of them equal
  double nan = 0;     // share of keys that are NaN
};

struct SelectionData {
  kernels::SelectionShape shape;
  std::vector<float> mean_query, keys;
  std::vector<std::uint8_t> real;
  std::vector<std::int64_t> block_offsets{0};
  explicit SelectionData(const SelectionCase& given, bool as_bf16 = false);
};

struct Selected {
  std::vector<std::int64_t> ids;
  std::vector<float> scores;
};

std::vector<SelectionCase> selection_cases();

// Holds a selection against scores in float64: identical ids where the scores that decide differ by more than rounding,
// everywhere where the scores are exact. `rows_off`: how many rows had other ids, allowed or not.
void expect_selection(const SelectionData& data, const Selected& found, bool exact, std::int64_t* rows_off = nullptr);

}  // namespace erwin::test
