#pragma once
// Small random clouds as samples of a network, and networks to try on them.

#include <cstdint>
#include <vector>

#include "core/config/model_config.h"
#include "core/model/internal/network.h"
#include "core/model/sample.h"

namespace erwin::test {

// A U-net of two levels, balls of 16 and 8 slots, stride 2, rotated odd blocks, one message-passing step, masked
// padding: 4 inputs, 2 outputs.
ModelConfig small_unet();

// n points in a box with random features, graph and trees as `config` wants them. The same numbers for the same seed.
// order: permutes the points afterwards (point i is the unpermuted cloud's order[i]); empty: none.
ModelSample random_sample(std::int64_t n, const ModelConfig& config, std::uint64_t seed,
                          const std::vector<std::int64_t>& order = {});

// Moves every weight and running statistic away from its small initial value, so that every term of the network
// matters. The same moves on every device and for every type.
void randomise(model::Network& network, double deviation);

// A permutation of 0 .. n - 1.
std::vector<std::int64_t> shuffled(std::int64_t n, std::uint64_t seed);

}  // namespace erwin::test
