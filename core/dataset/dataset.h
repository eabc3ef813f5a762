#pragma once
// A data set: samples with inputs, a target and splits, from a TOML manifest, a folder, or a single file.

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "core/data/point_cloud.h"
#include "core/io/open.h"

namespace erwin {

// Standardisation of one quantity, per component: standardised = (raw - mean) / deviation.
struct Standard {
  std::vector<double> mean, deviation;
  bool empty() const { return mean.empty(); }
};

// How raw numbers become what a network sees and back; stored in every checkpoint.
struct Normalisation {
  Standard position;                      // d components
  std::map<std::string, Standard> field;  // inputs and targets by name
};

// One sample by name; opened when asked for.
struct SampleEntry {
  std::string name;  // "train_00", or "file#sample" for a sample of one of our HDF5 files
  std::filesystem::path file;
  std::string inner;  // sample within the file, empty where the file holds one
  std::int64_t frame = 0;
};

class Dataset {
public:
  // A manifest (*.toml), a folder (its manifest.toml, else every file that opens), or one file.
  // Raises Error{Config} with key, value and what is allowed; Error{Io}, Error{Format} from the files' headers.
  static Dataset open(const std::filesystem::path& path, const io::OpenOptions& options = {});

  const std::string& name() const { return name_; }
  // Input quantities in order: "position" and field names.
  const std::vector<std::string>& inputs() const { return inputs_; }
  // Empty where the manifest names none.
  const std::string& target() const { return target_; }
  // Other inputs and target than the manifest's, for a configuration that names its own.
  void set_quantities(std::vector<std::string> inputs, std::string target) {
    inputs_ = std::move(inputs);
    target_ = std::move(target);
  }
  const std::vector<SampleEntry>& samples() const { return samples_; }
  // Indices into samples(). Splits: "train", "validation", "test"; a data set without splits answers all for every
  // name.
  std::vector<std::int64_t> split(const std::string& name) const;
  bool has_split(const std::string& name) const { return splits_.contains(name); }

  // Index of a sample by name; Error{Config} naming some that exist.
  std::int64_t index_of(const std::string& name) const;
  PointCloudPtr load(std::int64_t index, const Job& job = {}) const;

  // What the manifest's [normalisation] gives; the rest is computed over the training split by `normalise`.
  const Normalisation& given_normalisation() const { return given_; }
  // Means and deviations of positions, inputs and target over the training split, given values first.
  Normalisation normalise(const Job& job = {}) const;
  // SHA-256 over the samples' content hashes in order. Every file is loaded once; `visit` sees each sample on the way.
  using Visit = std::function<void(std::int64_t index, const PointCloud& cloud)>;
  std::string content_hash(const Job& job = {}, const Visit& visit = {}) const;

private:
  std::string name_, target_;
  std::vector<std::string> inputs_;
  std::vector<SampleEntry> samples_;
  std::map<std::string, std::vector<std::int64_t>> splits_;
  Normalisation given_;
  io::OpenOptions options_;
};

}  // namespace erwin
