#include "core/train/internal/step_graphs.h"

#include <ATen/ATen.h>

#include <exception>
#include <string>

#include "core/base/log.h"
#include "core/model/internal/device_offsets.h"

namespace erwin::train {

namespace {

// A graph keeps the memory of its step; shapes that would need more than these are not the kind that repeats.
constexpr std::size_t most_graphs = 4;
constexpr std::size_t most_shapes = 256;

// Everything of an input that a recorded step cannot change: sizes, and what the host decided by.
std::vector<std::int64_t> shape_of(const StepInput& input) {
  std::vector<std::int64_t> shape;
  const auto append = [&](const auto& numbers) { shape.insert(shape.end(), numbers.begin(), numbers.end()); };
  for (const BatchPart& part : input.parts) {
    for_each_tensor(part, [&](const at::Tensor& tensor) {
      if (tensor.defined()) append(tensor.sizes());
    });
    append(part.batch.point_offsets);
    for (const model::LevelGeometry& level : part.batch.levels) {
      shape.push_back(level.all_real);
      append(level.offsets);
      append(level.real_offsets);
      append(level.rotated.offsets);
    }
  }
  return shape;
}

std::vector<at::Tensor> tensors_of(const StepInput& input) {
  std::vector<at::Tensor> tensors;
  for (const BatchPart& part : input.parts)
    for_each_tensor(part, [&](const at::Tensor& tensor) {
      if (tensor.defined()) tensors.push_back(tensor);
    });
  return tensors;
}

}  // namespace

bool StepGraphs::record(Recorded& recorded, const StepInput& input) {
  recorded.graph = model::make_device_graph(device_);
  if (!recorded.graph) return false;
  recorded.input = input;
  for (BatchPart& part : recorded.input.parts)
    for_each_tensor(part, [](at::Tensor& tensor) {
      if (tensor.defined()) tensor = tensor.clone();
    });
  recorded.tensors = tensors_of(recorded.input);
  const model::OffsetsKeeper keeper(recorded.tables);
  try {
    recorded.graph->record([&] { recorded.numbers = work_(recorded.input); });
  } catch (const std::exception& error) {
    log(LogLevel::Warning,
        "steps are launched kernel by kernel, since one could not be recorded: " + std::string(error.what()));
    return false;
  }
  return true;
}

at::Tensor StepGraphs::run(const StepInput& input) {
  if (failed_) return {};
  Shape shape = shape_of(input);
  const auto found = seen_.find(shape);
  if (found == seen_.end()) {
    if (seen_.size() < most_shapes) seen_.emplace(std::move(shape), nullptr);
    return {};
  }
  std::unique_ptr<Recorded>& recorded = found->second;
  if (!recorded) {
    if (recorded_ == most_graphs) return {};
    auto made = std::make_unique<Recorded>();
    if (!record(*made, input)) {
      failed_ = true;
      return {};
    }
    recorded = std::move(made);
    ++recorded_;
  } else {
    const std::vector<at::Tensor> from = tensors_of(input);
    for (std::size_t i = 0; i < from.size(); ++i) recorded->tensors[i].copy_(from[i], /*non_blocking=*/true);
  }
  recorded->graph->replay();
  ++replayed_;
  return recorded->numbers;
}

}  // namespace erwin::train
