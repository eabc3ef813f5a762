#pragma once
// Random problems of merging branches and what they must give, in float64 and in the plainest way.

#include <cstdint>
#include <string>
#include <vector>

#include "kernels/gate_merge/gate_merge.h"

namespace erwin::test {

struct MergeCase {
  std::string name;
  std::int64_t units = 10;  // rows of the compressed branch
  int slots = 1, heads = 4, width = 16;
  double masked = 0.2;
  double size = 1;  // of the logits
};

// All arrays of a problem, values that float32 (or bf16) can hold. Masked rows hold NaN, which nothing may see; so does
// a row of the compressed branch whose slots are all masked.
struct MergeData {
  kernels::GateMergeShape shape;
  std::vector<double> logits, coarse, selected, local, grad_out;
  std::vector<std::uint8_t> mask;
  explicit MergeData(const MergeCase& given, bool as_bf16 = false);
};

struct MergeResult {
  std::vector<double> out, grad_logits, grad_coarse, grad_selected, grad_local;
};
MergeResult merge_reference(const MergeData& data);
// Sum of out times grad_out over the real rows: what the gradients are gradients of.
double merge_loss(const MergeData& data);

std::vector<MergeCase> merge_cases();

}  // namespace erwin::test
