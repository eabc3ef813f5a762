#pragma once
// A data set's samples, prepared for a network and kept while they fit.

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include "core/base/job.h"
#include "core/dataset/dataset.h"
#include "core/model/sample.h"

namespace erwin::train {

using SamplePtr = std::shared_ptr<const ModelSample>;

// Thread-safe. Kept samples take at most a quarter of the memory that was free at the start; beyond that they are
// prepared again, graph and trees coming from the geometry cache.
class SampleStore {
public:
  SampleStore(Dataset dataset, SampleRecipe recipe, ModelConfig config);
  // index: into the data set's samples. Raises what loading and preparing raise, with the sample's name; Error{Config}
  // where the target is missing.
  SamplePtr get(std::int64_t index, const Job& job);

  const Dataset& dataset() const { return dataset_; }
  const SampleRecipe& recipe() const { return recipe_; }
  const ModelConfig& config() const { return config_; }

private:
  const Dataset dataset_;
  const SampleRecipe recipe_;
  const ModelConfig config_;
  const std::uint64_t budget_;
  std::mutex mutex_;
  std::uint64_t used_ = 0;
  std::map<std::int64_t, SamplePtr> kept_;
};

}  // namespace erwin::train
