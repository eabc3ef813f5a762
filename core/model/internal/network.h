#pragma once
// What every network is: named tensors and a forward pass over a batch. Internal: this header names Torch.

#include <ATen/core/Tensor.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/attention/tap.h"
#include "core/base/job.h"
#include "core/config/model_config.h"
#include "core/model/internal/batch.h"
#include "core/model/internal/batch_trees.h"
#include "core/model/internal/interventions.h"
#include "core/model/internal/parameters.h"
#include "core/model/internal/prediction_graphs.h"
#include "core/model/internal/primitives.h"
#include "core/model/model.h"

namespace erwin::model {

// Collects LayerTaps during the forward pass of one sample.
struct TapRecorder {
  TapRequest request;
  Tap tap;
};

// Which blocks every Nsa layer selected, in order of evaluation: [blocks, G, columns] ids within the whole batch, best
// first, -1 where fewer exist. Filled by a forward pass, or prescribed to it (a bf16 run with the selection of
// float32).
struct SelectionList {
  bool prescribed = false;
  std::vector<at::Tensor> layers;
};

struct AskedRows;  // kept_rows.h

struct ForwardContext {
  bool training = false;   // BatchNorm on batch statistics
  bool recompute = false;  // blocks and message steps keep their input alone and run again in the backward pass, which
                           // must come while the batch still lives
  TapRecorder* recorder = nullptr;
  const Job* job = nullptr;  // looked at per chunk
  int next_layer = 0;        // order of evaluation of attention layers
  SelectionList* selections = nullptr;
  const Interventions* interventions = nullptr;  // what is to be otherwise
  // ---- Flat trunks only (kept_rows.h) ----
  KeptRows* keep = nullptr;  // its `before` is filled from next_layer on
  at::Tensor start;          // rows that enter block next_layer, where the pass begins; undefined: from the beginning
  const AskedRows* asked = nullptr;  // with `start`, of erwin-nsa: which rows matter; null: all
  bool attention_only = false;  // with `start`: the pass ends with that block's attention, and its result says nothing
  // Sees activations by module name as they are made ("features", "embed", "block.0"): rows are points for a flat
  // trunk, slots of the level for a U-net.
  std::function<void(const std::string& module, const at::Tensor& rows)> observe;
  void saw(const std::string& module, const at::Tensor& rows) const {
    if (observe) observe(module, rows);
  }
  void check() const {
    if (job) job->check();
  }
  // A share of the trunk is done, and what comes next.
  void reached(double share, const std::string& next) const {
    check();
    if (job) job->progress(share, "predicting, " + next);
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

// The backbone's embedding: Linear, then the message-passing steps (method 2.1). Rows are points: [P, in] -> [P, width]
// of the wide type. Names below the builder: for `erwin` as PyTorch's (embed_fn, mpnn.message_fns.0.0, ...), otherwise
// linear, message.0.linear, message.0.norm, update.0.linear, update.0.norm.
class Embed {
public:
  Embed(const ModelConfig& config, Builder builder, std::int64_t in, std::int64_t width);
  at::Tensor operator()(const at::Tensor& features, const Batch& batch, const ForwardContext& context) const;

private:
  struct Step {
    Linear message, update;
    LayerNorm message_norm, update_norm;
  };
  at::Tensor message_step(const Step& step, const at::Tensor& x, const at::Tensor& relative, const Batch& batch,
                          const ForwardContext& context) const;
  Linear linear_;
  std::vector<Step> steps_;
};

// The whole network of a configuration, initialised from the seed.
std::unique_ptr<Network> make_network(const ModelConfig& config, std::uint64_t seed, const at::TensorOptions& options);

}  // namespace erwin::model

namespace erwin {

struct Model::Impl {
  ModelConfig config;
  Precision precision = Precision::Float32;
  at::TensorOptions options;  // type and device of the weights
  std::unique_ptr<model::Network> network;
  model::BatchTreeBuilder geometry;  // for samples without trees
  std::unique_ptr<model::PredictionGraphs> graphs;

  // A sample's tensors on the device, with what follows from its positions.
  model::Batch batch_of(const ModelSample& sample, const Job& job);
  // What the network's last rows [P, o] say.
  Output output_of(const at::Tensor& rows, const Job& job) const;
};

}  // namespace erwin
