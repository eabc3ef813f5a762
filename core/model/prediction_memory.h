#pragma once
// How much memory a prediction will take, from shapes alone, before anything is allocated.

#include <cstdint>

#include "core/config/model_config.h"
#include "core/model/model.h"

namespace erwin {

// Bytes at the widest place of a forward pass without a record of attention, the batch included, the network's weights
// not. slots and edges: of the sample's tree and graph (sample_size in core/train/memory_plan.h gives them for a number
// of points). On a CUDA device what our kernels need, within 15 % of the allocator's peak; on the CPU, which works in
// chunks, an estimate.
std::uint64_t predict_prediction_memory(const ModelConfig& config, Precision precision, std::int64_t points,
                                        std::int64_t slots, std::int64_t edges, bool on_cpu);

}  // namespace erwin
