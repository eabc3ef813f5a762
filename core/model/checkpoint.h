#pragma once
// Checkpoints: one HDF5 file that any HDF5 reader opens and from which, with the method alone, the prediction can be
// recomputed. Nothing in it is executed.

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>

#include "core/config/model_config.h"
#include "core/model/sample.h"
#include "core/model/weights.h"

namespace erwin {

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
};

// Atomic. Layout in resources/help/checkpoint.md. Raises Error{Io}.
void save_checkpoint(const std::filesystem::path& path, const Checkpoint& checkpoint);
// Raises Error{Io}, Error{Format} (not a checkpoint, a newer format, cut off), Error{Config} (bad configuration).
Checkpoint load_checkpoint(const std::filesystem::path& path);

}  // namespace erwin
