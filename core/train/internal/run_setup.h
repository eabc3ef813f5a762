#pragma once
// From a configuration and a data set to everything a run needs, checked before anything is written.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/base/job.h"
#include "core/config/config.h"
#include "core/train/internal/augment.h"
#include "core/train/internal/sample_store.h"
#include "core/train/memory_plan.h"

namespace erwin::train {

struct RunSetup {
  Config config;  // complete: what it left to the data is filled in
  ModelConfig model;
  TrainConfig train;
  std::shared_ptr<SampleStore> store;
  std::vector<std::int64_t> training, validation;  // indices into the data set's samples
  std::string validation_split;                    // a split's name, or "train, set aside"
  Augmentation augmentation;
  std::string data_hash;
  std::string target_unit;
  SampleSize largest;  // of both splits
};

// recipe: of a checkpoint that is continued; else it is made from the configuration and the training split.
// Raises Error{Config} for an option or data that do not fit, and what opening and loading the data raise.
RunSetup set_up(Config config, const std::optional<SampleRecipe>& recipe, const Job& job);

}  // namespace erwin::train
