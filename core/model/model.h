#pragma once
// A network: made from a configuration or a checkpoint, asked for predictions, with or without a record of its
// attention.

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/attention/tap.h"
#include "core/base/job.h"
#include "core/config/model_config.h"
#include "core/model/sample.h"
#include "core/model/weights.h"

namespace erwin {

struct AttentionChanges;
// The rows of a pass between its blocks, on the network's device; inside core/model only
// (core/model/internal/kept_rows.h).
struct KeptRows;

// Tf32 is float32 whose matrix products round their factors to TF32 on a CUDA device, and float32 elsewhere.
enum class Precision { Float32, Tf32, BFloat16, Float64 };
std::span<const Precision> all_precisions();
const char* name_of(Precision precision);           // "float32", "tf32", "bf16", "float64"
Precision precision_from(const std::string& name);  // Error{Config}

// One entry per device found: "cpu", "cuda:0" with its name and memory.
struct DeviceInfo {
  std::string id, name;
  std::uint64_t memory_bytes = 0;
};
std::vector<DeviceInfo> find_devices();
// Versions that --version prints: LibTorch and the CUDA it was built with ("none" for a CPU build).
std::string torch_version();
std::string torch_cuda_version();

// Sizes Torch's pool and ours together; call once, at start.
void set_thread_count(int threads);

// Not thread-safe; belongs to the thread that made it (the engine thread, or a command's main thread).
class Model {
public:
  // Initialised from `seed` as section 8.2 says. device: "cpu", "cuda", "cuda:1"; Error{Device} where it is absent.
  Model(const ModelConfig& config, std::uint64_t seed, const std::string& device = "cpu",
        Precision precision = Precision::Float32);
  ~Model();
  Model(Model&&) noexcept;
  Model& operator=(Model&&) noexcept;

  const ModelConfig& config() const;
  std::int64_t parameter_count() const;

  // Every parameter and buffer by dotted name.
  Weights weights() const;
  // Raises Error{Model}: a missing or surplus name, another shape; nothing is changed then.
  void load_weights(const Weights& weights);

  struct Output {
    std::vector<float> values;             // [n, o] standardised
    std::vector<float> deviations;         // [n, o] standardised, of a Gaussian head; else empty
    TapPtr tap;                            // null where none was asked for
    std::shared_ptr<const KeptRows> rows;  // where they were to be kept, else null
  };
  // Does the network's device build trees and neighbour graphs itself? Samples may then come without them.
  bool makes_geometry() const;
  // Evaluation mode, one sample, with its trees where a tap is asked for. Looks at the job's stop token per chunk.
  // Raises Error{Cancelled}, {Memory}, {DeviceMemory}, {Device}.
  // `changes`: what the attention is to do otherwise (what_if.h), checked. `keep`: the rows, only where keeps_rows.
  Output predict(const ModelSample& sample, const std::optional<TapRequest>& tap = std::nullopt, const Job& job = {},
                 const AttentionChanges* changes = nullptr, bool keep = false) const;

  // Can a pass over so many points keep its rows? A flat trunk's, and up to 256 MiB of them.
  bool keeps_rows(std::int64_t points) const;
  // The prediction with changes, bit for bit that of `predict`, of which only the first changed layer and what follows
  // is computed. `unchanged`: rows of the same sample without changes. Keeps its own rows.
  Output predict_from(const KeptRows& unchanged, const AttentionChanges& changes, const Job& job = {}) const;
  // The record of one layer (with its q, k, v) from the rows that entered it in the pass with these changes: the one
  // attention layer is all that is computed. Raises Error{Config} where there is no such layer.
  TapPtr record(const KeptRows& rows, const AttentionChanges& changes, int layer, const Job& job = {}) const;

  // The network itself, for code inside core that may name Torch (core/model/internal/network.h).
  struct Impl;
  Impl& impl() { return *impl_; }
  const Impl& impl() const { return *impl_; }

private:
  std::unique_ptr<Impl> impl_;
};

}  // namespace erwin
