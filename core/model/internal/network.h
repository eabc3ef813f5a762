#pragma once
// What every network is: named tensors and a forward pass over a batch. Internal: this header names Torch.

#include <ATen/core/Tensor.h>

#include <memory>

#include "core/attention/tap.h"
#include "core/base/job.h"
#include "core/config/model_config.h"
#include "core/model/internal/batch.h"
#include "core/model/internal/parameters.h"

namespace erwin::model {

// Collects LayerTaps during the forward pass of one sample.
struct TapRecorder {
  TapRequest request;
  Tap tap;
};

struct ForwardContext {
  bool training = false;          // BatchNorm on batch statistics
  TapRecorder* recorder = nullptr;
  const Job* job = nullptr;       // looked at per chunk
  int next_layer = 0;             // order of evaluation of attention layers
  void check() const {
    if (job) job->check();
  }
};

class Network {
public:
  virtual ~Network() = default;
  // Rows of the result are the batch's points: [P, o] (with a wrapper) or [P, width].
  virtual at::Tensor forward(const Batch& batch, ForwardContext& context) = 0;
  Parameters& parameters() { return parameters_; }
  const Parameters& parameters() const { return parameters_; }

protected:
  Parameters parameters_;
};

// A trunk between embedding and head: rows are points on both sides, [P, width] -> [P, width]. Its tensors live in the
// Parameters of the network that owns it (through the Builder it was made with).
class Trunk {
public:
  virtual ~Trunk() = default;
  virtual at::Tensor forward(const at::Tensor& embedded, const Batch& batch, ForwardContext& context) = 0;
};
std::unique_ptr<Trunk> make_flat_trunk(const ModelConfig& config, Builder builder);  // erwin-nsa, full, ball
std::unique_ptr<Trunk> make_unet_trunk(const ModelConfig& config, Builder builder);  // erwin

// The whole network of a configuration, initialised from the seed.
std::unique_ptr<Network> make_network(const ModelConfig& config, std::uint64_t seed, const at::TensorOptions& options);

}  // namespace erwin::model
