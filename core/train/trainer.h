#pragma once
// Steps of training: samples in, AdamW on the mean squared error of the standardised target.

#include <cstdint>
#include <functional>
#include <memory>

#include "core/base/job.h"
#include "core/config/train_config.h"
#include "core/model/model.h"
#include "core/model/sample.h"
#include "core/train/sampler.h"

namespace erwin {

// What one step did; a line of metrics.jsonl.
struct StepRecord {
  std::int64_t step = 0;  // from 1
  double loss = 0;        // before the update
  double learning_rate = 0;
  double gradient_norm = 0;  // before clipping
  double seconds = 0;
};

class Trainer {
public:
  // Sample of an index below `count`, with targets.
  using Samples = std::function<std::shared_ptr<const ModelSample>(std::int64_t index, const Job& job)>;

  // The network is made from train.seed on train.device ("auto": the first CUDA device, else the CPU).
  Trainer(const ModelConfig& model, const TrainConfig& train, std::int64_t count, Samples samples);
  ~Trainer();

  // The next batch. The job is looked at while samples are prepared and not after: a step that has begun is finished.
  // Raises Error{Model} naming the step where loss or gradient is not finite; the weights are then those before it.
  StepRecord step(const Job& job = {});

  std::int64_t steps_done() const;
  const Model& model() const;
  const std::string& device() const;

private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace erwin
