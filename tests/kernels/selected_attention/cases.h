#pragma once
// Random problems of the selected branch and what they must give, in float64 and in the plainest way.

#include <cstdint>
#include <string>
#include <vector>

#include "kernels/selected_attention/selected_attention.h"
#include "tests/support/kernel_values.h"

namespace erwin::test {

struct SelectedCase {
  std::string name;
  std::int64_t blocks = 4;
  int block_size = 16, heads = 4, groups = 2, width = 16;
  int columns = 3;       // S
  int narrowed = 0;      // ids that follow a row of S in memory and belong to nobody
  double masked = 0.2;   // share of masked slots
  double empty = 0;      // share of blocks with no real slot
  double missing = 0;    // share of ids that are -1
  double size = 1;       // of q
  bool popular = false;  // everybody selects block 0, nobody the last one (there must be more blocks than S)
};

// All arrays of a problem; masked slots hold NaN, which nothing may see.
struct SelectedData {
  SelectedCase what;
  kernels::SelectedShape shape;
  std::vector<float> q, k, v, grad_out;
  std::vector<std::uint8_t> mask;
  std::vector<std::int64_t> selected;  // [blocks, G, columns + narrowed]
  std::int64_t stride = 0;

  explicit SelectedData(const SelectedCase& given, bool as_bf16 = false, unsigned seed = 3);
  std::int64_t id(std::int64_t block, std::int64_t group, int column) const;
};

struct SelectedResult {
  std::vector<double> out, lse, grad_q, grad_k, grad_v;
};
SelectedResult selected_reference(const SelectedData& data);

// What the reference gives out for these q, k and v, times grad_out, summed: for differences.
double selected_loss(const SelectedData& data, const std::vector<double>& q, const std::vector<double>& k,
                     const std::vector<double>& v);

// The cases that every implementation is held to.
std::vector<SelectedCase> selected_cases();

}  // namespace erwin::test
