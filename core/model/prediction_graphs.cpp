#include "core/model/internal/prediction_graphs.h"

#include <ATen/ATen.h>

#include <exception>
#include <string>

#include "core/base/log.h"
#include "core/model/internal/batch_geometry.h"
#include "core/model/internal/device_offsets.h"
#include "core/model/internal/network.h"

namespace erwin::model {

namespace {

// A graph keeps the memory of its forward pass; past this many points a prediction is bound by the device anyway.
constexpr std::int64_t most_points = 1 << 15;
constexpr std::size_t most_graphs = 4;
constexpr std::size_t most_sizes = 256;

// One of a sample's arrays on its way to the device: through pinned memory, so that the copy does not wait.
struct Input {
  Input() = default;
  Input(std::int64_t rows, std::int64_t columns, const at::TensorOptions& there)
      : pinned(at::empty({rows, columns}, at::TensorOptions().dtype(at::kFloat).pinned_memory(true))),
        raw(at::empty({rows, columns}, there.dtype(at::kFloat))) {}
  void put(const std::vector<float>& values) const {
    // from_blob only borrows and does not write.
    pinned.copy_(at::from_blob(const_cast<float*>(values.data()), pinned.sizes(), at::kFloat));
    raw.copy_(pinned, /*non_blocking=*/true);
  }
  at::Tensor pinned, raw;
};

}  // namespace

struct PredictionGraphs::Recorded {
  std::int64_t last_use = 0;
  Input positions, features;
  BatchTreeBuilder trees;
  std::vector<at::Tensor> tables;  // of offsets, which the graph reads
  std::unique_ptr<DeviceGraph> graph;
  at::Tensor rows;

  void put(const ModelSample& sample) const {
    positions.put(sample.positions);
    features.put(sample.features);
  }
};

PredictionGraphs::PredictionGraphs(const ModelConfig& config, Network& network, const at::TensorOptions& options)
    : config_(config), network_(network), options_(options) {}

std::unique_ptr<PredictionGraphs::Recorded> PredictionGraphs::record(const ModelSample& sample) {
  auto recorded = std::make_unique<Recorded>();
  recorded->graph = make_device_graph(options_.device());
  if (!recorded->graph) return nullptr;
  recorded->positions = Input(sample.points, config_.dimension, options_);
  recorded->features = Input(sample.points, config_.input_features, options_);
  recorded->put(sample);
  const at::ScalarType wide = wide_type(c10::typeMetaToScalarType(options_.dtype()));
  const auto forward = [&] {
    Batch batch;
    batch.positions = recorded->positions.raw.to(wide);
    batch.features = recorded->features.raw.to(wide);
    batch.point_offsets = {0, sample.points};
    fill_geometry(batch, config_, recorded->trees);
    ForwardContext context;
    recorded->rows = network_.forward(batch, context).to(at::kFloat);
  };
  const OffsetsKeeper keeper(recorded->tables);
  try {
    forward();  // what is kept from one batch to the next is made now
    recorded->graph->record(forward);
  } catch (const std::exception& error) {
    log(LogLevel::Warning,
        "predictions are launched kernel by kernel, since one could not be recorded: " + std::string(error.what()));
    return nullptr;
  }
  return recorded;
}

// Gives up the graph that was not used for longest.
void PredictionGraphs::make_room() {
  auto oldest = sizes_.end();
  std::size_t graphs = 0;
  for (auto size = sizes_.begin(); size != sizes_.end(); ++size) {
    if (!size->second) continue;
    ++graphs;
    if (oldest == sizes_.end() || size->second->last_use < oldest->second->last_use) oldest = size;
  }
  if (graphs >= most_graphs) sizes_.erase(oldest);
}

at::Tensor PredictionGraphs::run(const ModelSample& sample) {
  const bool lines = config_.mp_steps > 0 && config_.graph.kind == GraphKind::Lines;
  if (failed_ || lines || sample.points > most_points || !options_.device().is_cuda()) return {};
  const auto size = sizes_.find(sample.points);
  if (size == sizes_.end()) {
    if (sizes_.size() < most_sizes) sizes_.emplace(sample.points, nullptr);
    return {};
  }
  check_rows(sample, config_);
  std::shared_ptr<Recorded> recorded = size->second;
  if (recorded) {
    recorded->put(sample);
  } else {
    make_room();
    recorded = record(sample);
    if (!recorded) {
      failed_ = true;
      return {};
    }
    sizes_[sample.points] = recorded;
  }
  recorded->graph->replay();
  recorded->last_use = ++replayed_;
  return recorded->rows.to(at::kCPU);
}

}  // namespace erwin::model
