#pragma once
// Training steps whose shapes repeat, replayed by one launch each (core/model/internal/device_graph.h). Internal: names
// Torch.

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <vector>

#include "core/model/internal/device_graph.h"
#include "core/train/internal/batch_loader.h"

namespace erwin::train {

class StepGraphs {
public:
  // Launches a whole step without waiting for the device and gives its numbers. Called once per shape, with an input
  // whose tensors are overwritten before each replay.
  using Work = std::function<at::Tensor(const StepInput& input)>;

  StepGraphs(at::Device device, Work work) : device_(device), work_(std::move(work)) {}

  // The step's numbers, which the next replay overwrites; undefined where the step is not replayed and must be launched
  // kernel by kernel: the first of its shape, where the device has no graphs, where shapes do not repeat, and after a
  // recording failed (which is logged once).
  at::Tensor run(const StepInput& input);
  std::int64_t replayed() const { return replayed_; }  // steps so far

private:
  struct Recorded {
    StepInput input;
    std::vector<at::Tensor> tensors;  // of the input, in visiting order
    std::vector<at::Tensor> tables;   // of offsets, which the graph reads
    std::unique_ptr<model::DeviceGraph> graph;
    at::Tensor numbers;
  };
  using Shape = std::vector<std::int64_t>;

  bool record(Recorded& recorded, const StepInput& input);

  at::Device device_;
  Work work_;
  std::map<Shape, std::unique_ptr<Recorded>> seen_;  // null: seen once
  std::size_t recorded_ = 0;
  std::int64_t replayed_ = 0;
  bool failed_ = false;
};

}  // namespace erwin::train
