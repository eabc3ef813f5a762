#include "core/train/internal/sample_store.h"

#include "core/base/error.h"
#include "core/base/memory.h"

namespace erwin::train {

namespace {

std::uint64_t bytes_of(const ModelSample& sample) {
  std::uint64_t bytes =
      4 * (sample.positions.size() + sample.features.size() + sample.targets.size()) + 8 * sample.edge_source.size();
  const auto tree_bytes = [](const BallTreePtr& tree) { return tree ? 9 * tree->slot_point.size() : 0; };
  bytes += tree_bytes(sample.trees.main);
  for (const BallTreePtr& tree : sample.trees.rotated) bytes += tree_bytes(tree);
  return bytes;
}

}  // namespace

SampleStore::SampleStore(Dataset dataset, SampleRecipe recipe, ModelConfig config)
    : dataset_(std::move(dataset)),
      recipe_(std::move(recipe)),
      config_(std::move(config)),
      budget_(available_memory() / 4) {}

SamplePtr SampleStore::get(std::int64_t index, const Job& job) {
  {
    const std::lock_guard lock(mutex_);
    const auto found = kept_.find(index);
    if (found != kept_.end()) return found->second;
  }
  const SampleEntry& entry = dataset_.samples()[static_cast<std::size_t>(index)];
  try {
    const PointCloudPtr cloud = dataset_.load(index, job);
    auto sample = std::make_shared<ModelSample>(prepare_sample(*cloud, entry.frame, recipe_, config_, job));
    sample->name = entry.name;
    if (sample->targets.empty())
      throw Error(ErrorKind::Config, "the sample has no field to learn from", "data.target = " + recipe_.target);
    const std::lock_guard lock(mutex_);
    used_ += bytes_of(*sample);
    if (used_ <= budget_) kept_[index] = sample;
    return sample;
  } catch (const Error& error) {
    throw error.at(entry.name);
  }
}

}  // namespace erwin::train
