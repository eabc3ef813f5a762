#pragma once
// Predictions of clouds of one size, replayed by one launch each (device_graph.h): the second cloud of a size records
// what the first one launched kernel by kernel, tree and graph included. Internal: this header names Torch.

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <map>
#include <memory>
#include <vector>

#include "core/config/model_config.h"
#include "core/model/internal/batch_trees.h"
#include "core/model/internal/device_graph.h"
#include "core/model/sample.h"

namespace erwin::model {

class Network;

class PredictionGraphs {
public:
  // What is asked for at `run` is kept by reference: configuration and network outlive this. options: of the weights.
  PredictionGraphs(const ModelConfig& config, Network& network, const at::TensorOptions& options);

  // [P, o] float32 on the host; undefined where the prediction must be launched kernel by kernel: the first of its
  // size, clouds so large that launching costs nothing beside them, graphs along lines (they differ from cloud to
  // cloud), a device without graphs, and after a recording failed (logged once). The sample has no trees.
  at::Tensor run(const ModelSample& sample);
  std::int64_t replayed() const { return replayed_; }  // predictions so far

private:
  struct Recorded;
  std::unique_ptr<Recorded> record(const ModelSample& sample);
  void make_room();

  const ModelConfig& config_;
  Network& network_;
  at::TensorOptions options_;
  std::map<std::int64_t, std::shared_ptr<Recorded>> sizes_;  // by points; null: seen once
  std::int64_t replayed_ = 0;
  bool failed_ = false;
};

}  // namespace erwin::model
