#pragma once
// How much memory a training step will take, from shapes alone, before anything is allocated.

#include <cstdint>
#include <string>

#include "core/config/model_config.h"
#include "core/config/train_config.h"
#include "core/model/prediction_memory.h"

namespace erwin {

struct MemoryPlan {
  std::uint64_t state = 0;        // weights, gradients, averages, masters
  std::uint64_t activations = 0;  // what the forward pass keeps for the backward pass, of one batch
  std::uint64_t working = 0;      // what comes and goes: chunks of attention, gradients of activations, batches ahead
  std::uint64_t total() const { return state + activations + working; }
};

// How good it is: resources/help/training.md.
MemoryPlan predict_memory(const ModelConfig& model, const TrainConfig& train, std::int64_t parameters,
                          const SampleSize& largest, bool on_cpu);  // largest: of the split

// What fits into `available` bytes: "--set train.batch=1 --set train.accumulate=2 (about 3 GiB)", with bf16 where that
// is not enough, else how large a sample may be. For the hint of an Error.
std::string what_fits(const ModelConfig& model, const TrainConfig& train, std::int64_t parameters,
                      const SampleSize& largest, bool on_cpu, std::uint64_t available);

// Raises Error{Memory} (CPU) or {DeviceMemory} with the parts, what is free and what fits.
void require_training_memory(const ModelConfig& model, const TrainConfig& train, std::int64_t parameters,
                             const SampleSize& largest, const std::string& device, std::uint64_t available);

}  // namespace erwin
