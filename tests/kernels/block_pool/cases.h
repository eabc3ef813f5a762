#pragma once
// Random problems of block pooling and what they must give, in float64 and in the plainest way.

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "kernels/block_pool/block_pool.h"

namespace erwin::test {

struct PoolCase {
  std::string name;
  std::int64_t blocks = 5;
  int groups = 2, width = 16, block_size = 32, dimension = 3;
  double padding = 0.2, empty = 0.2;  // shares of padding slots, and of blocks that are nothing else
  bool one_slot = false;              // at most one real slot a block
  double size = 0.3;                  // of the weights of the logits
};

// The weights of one half in the order of kernels::BlockPoolWeights.
using PoolWeights = std::array<std::vector<double>, 6>;
inline constexpr std::array<const char*, 6> pool_weight_names{"logit",      "place",  "first",
                                                              "first bias", "second", "second bias"};

// Pointers of one half's weights, or of their gradients: get(i) is that of the i-th of PoolWeights.
template <typename Pointers, typename Get>
Pointers pool_weight_pointers(const Get& get) {
  return {get(0), get(1), get(2), get(3), get(4), get(5)};
}

// All arrays of a problem, values that float32 (or bf16) can hold; padding slots and gradients of empty blocks hold
// NaN, which nothing may see.
struct PoolData {
  kernels::BlockPoolShape shape;
  std::vector<double> k, v, relative;
  std::vector<std::uint8_t> mask, real;
  PoolWeights weights[2];
  std::vector<double> grad_out[2];

  explicit PoolData(const PoolCase& given, bool as_bf16 = false, unsigned seed = 5);
};

struct PoolResult {
  std::vector<double> out[2], grad_k, grad_v;
  PoolWeights grad_weights[2];
};
PoolResult pool_reference(const PoolData& data);
// Sum of out times grad_out over the blocks with a real slot: what the gradients are gradients of.
double pool_loss(const PoolData& data);

// The cases that every implementation is held to: all D, both b, one block, empty blocks, odd counts, sharp logits.
std::vector<PoolCase> pool_cases();

}  // namespace erwin::test
