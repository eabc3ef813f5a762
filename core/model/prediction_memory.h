#pragma once
// How much memory a prediction will take, from shapes alone, before anything is allocated.

#include <cstdint>
#include <string>

#include "core/config/model_config.h"
#include "core/model/model.h"

namespace erwin {

// One sample as it counts.
struct SampleSize {
  std::int64_t points = 0, slots = 0, edges = 0;
};
// Slots and edges that a cloud of that many points gets.
SampleSize sample_size(const ModelConfig& config, std::int64_t points);

// Logits that ball attention holds at once on a CUDA device where its shape (head width, balls) is none of our kernels';
// 0 where it is.
double logits_without_kernel(const ModelConfig& config, double slots);

// Bytes at the widest place of a forward pass without a record of attention, the batch included; the network's weights
// and the workspace of cuBLAS (up to 32 MiB, taken once) are not. On a CUDA device within 15 % of the allocator's peak;
// on the CPU, which works in chunks, an estimate.
std::uint64_t predict_prediction_memory(const ModelConfig& config, Precision precision, const SampleSize& sample,
                                        bool on_cpu);

// Bytes free on a device of that name for this process; the CPU's is available_memory().
std::uint64_t free_memory(const std::string& device);

// What a prediction of that many points will take on a device, and what is free there: bytes.
struct MemoryNeed {
  std::uint64_t needed = 0, free = 0;
  std::string text() const;  // "memory: about 112 MiB are needed, 23 GiB are free"
  bool operator==(const MemoryNeed&) const = default;
};
MemoryNeed prediction_need(const ModelConfig& config, Precision precision, std::int64_t points,
                           const std::string& device);

}  // namespace erwin
