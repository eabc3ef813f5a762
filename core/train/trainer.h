#pragma once
// Steps of training: samples in, AdamW on the mean squared error of the standardised target.

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "core/base/job.h"
#include "core/config/train_config.h"
#include "core/model/checkpoint.h"
#include "core/model/model.h"
#include "core/model/sample.h"
#include "core/train/sampler.h"

namespace erwin {

// What one step did.
struct StepRecord {
  std::int64_t step = 0;  // from 1
  double loss = 0;        // before the update
  double learning_rate = 0;
  double gradient_norm = 0;  // before clipping
  double seconds = 0;        // since the step before (the first: since it began)
};

class Trainer {
public:
  // Sample of an index below `count`, with targets, as it is drawn for the `drawn`-th time since the run began. Called
  // by several threads, ahead of the steps.
  using Samples = std::function<std::shared_ptr<const ModelSample>(std::int64_t index, std::int64_t drawn, const Job&)>;

  // The network is made from train.seed on train.device ("auto": the first CUDA device, else the CPU).
  Trainer(const ModelConfig& model, const TrainConfig& train, std::int64_t count, Samples samples);
  ~Trainer();

  // Goes on from a checkpoint: weights, step, and where it has them optimiser and position among the samples. Before
  // the first step. Raises Error{Model} where the weights or the optimiser are another network's.
  void restore(const Checkpoint& checkpoint);

  // Starts the next step and returns the records of those that have ended since: on the CPU the step itself; on a GPU
  // the one two steps before, because the host works ahead and never waits for the device's numbers. The job is looked
  // at while samples are waited for and not after: a step that has begun is finished.
  // Raises Error{Model} naming the first step whose loss or gradient is not finite, and where in the network it began:
  // the weights are then those before that step, on a GPU too.
  std::vector<StepRecord> advance(const Job& job = {});
  // Waits for the steps that have been started.
  std::vector<StepRecord> finish();
  // Both: the record of one step.
  StepRecord step(const Job& job = {});
  // After Error{Memory} or {DeviceMemory} from a step: lets go of what it held. The weights are those before it.
  void abandon_step();

  std::int64_t steps_done() const;  // started; call finish() before weights are looked at
  const Model& model() const;
  const std::string& device() const;
  // As wide as training holds them: float32 also where the network runs in bf16.
  Weights weights() const;
  // Without best, best_step and seconds.
  TrainingState state() const;
  // Steps so far that were one launch each (train.graph).
  std::int64_t replayed_steps() const;
  // Bytes at the peak since the start: of the device, or of the process on a CPU.
  std::uint64_t peak_memory() const;

private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace erwin
