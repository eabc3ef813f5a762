#pragma once
// Random problems of the compressed branch and what they must give, in float64 and in the plainest way.

#include <cstdint>
#include <string>
#include <vector>

#include "kernels/compressed_attention/compressed_attention.h"
#include "tests/support/kernel_values.h"

namespace erwin::test {

struct CompressedCase {
  std::string name;
  std::vector<std::int64_t> rows, blocks;  // of each sample
  int heads = 4, groups = 2, width = 16;
  bool memory = true;
  double masked = 0.2, empty = 0.2;  // shares of masked rows and empty blocks
  double size = 1;                   // of q
};

// All arrays of a problem; masked rows and empty blocks hold NaN, which nothing may see.
struct CompressedData {
  CompressedCase what;
  std::vector<float> q, k, v, memory_k, memory_v, grad_out;
  std::vector<std::uint8_t> mask, real;
  std::vector<std::int64_t> row_offsets{0}, block_offsets{0};
  kernels::CompressedShape shape;

  explicit CompressedData(const CompressedCase& given, bool as_bf16 = false, unsigned seed = 3);
};

struct CompressedResult {
  std::vector<double> out, lse, grad_q, grad_k, grad_v, grad_memory_k, grad_memory_v;
};
CompressedResult compressed_reference(const CompressedData& data);

// The cases that every implementation is held to: odd counts, one row, no block, all masked, unequal samples, all D.
std::vector<CompressedCase> compressed_cases();

}  // namespace erwin::test
