#pragma once
// Checkpoints: one HDF5 file that any HDF5 reader opens and from which, with the method alone, the prediction can be
// recomputed. Nothing in it is executed.

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>

#include "core/config/model_config.h"
#include "core/model/sample.h"
#include "core/model/weights.h"

namespace erwin {

// What training needs, beside weights and step, to go on as if it had never stopped. Every random choice (order of
// samples, augmentation) is a function of the configuration's seed and of samples_drawn.
struct TrainingState {
  std::int64_t samples_drawn = 0;
  std::int64_t best_step = -1;  // of the best validation; -1: none yet
  double best = 0;              // its mse_standardised
  double seconds = 0;           // that the steps took
  Weights mean, square;         // AdamW's averages of gradient and square, by parameter
  Weights updates;              // int64 scalars: how often each parameter was updated
};

struct Checkpoint {
  ModelConfig config;
  SampleRecipe recipe;
  Weights weights;
  std::int64_t step = 0;
  // data_hash, code_version, seed, device, precision, command, ...
  std::map<std::string, std::string> provenance;
  // The complete configuration of the run that made it, as TOML; empty where there was no run. Its model, inputs and
  // target are overwritten by those above when the checkpoint is saved.
  std::string run_config;
  std::optional<TrainingState> training;  // absent: weights only
};

// Atomic. Layout in resources/help/checkpoint.md. Raises Error{Io}.
void save_checkpoint(const std::filesystem::path& path, const Checkpoint& checkpoint);
// Raises Error{Io}, Error{Format} (not a checkpoint, a newer format, cut off), Error{Config} (bad configuration).
Checkpoint load_checkpoint(const std::filesystem::path& path);
// The same with its training state, where it has one.
Checkpoint load_training_checkpoint(const std::filesystem::path& path);

}  // namespace erwin
