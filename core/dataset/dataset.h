#pragma once
// A data set: samples with inputs, a target and splits, from a TOML manifest, a folder, or a single file.

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "core/data/point_cloud.h"
#include "core/dataset/left_out.h"
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
  io::FileKind kind = io::FileKind::Unknown;  // where known: looking into HDF5 again would cost
};

class SampleSource;
struct Manifest;
struct Original;

class Dataset {
public:
  // A manifest (*.toml), a folder (its manifest.toml, else a published data set in its original form, else every file
  // that opens), or one file. Of a published data set only names, headers and indices are read.
  // Raises Error{Config} with key, value and what is allowed; Error{Io}, Error{Format} from the files' headers. With
  // options.skip_bad, files, records and names of splits that do not hold what they promise are left out instead.
  static Dataset open(const std::filesystem::path& path, const io::OpenOptions& options = {}, const Job& job = {});

  const std::string& name() const { return name_; }
  // Input quantities in order: "position" and field names.
  const std::vector<std::string>& inputs() const { return inputs_; }
  // Empty where the manifest names none.
  const std::string& target() const { return target_; }
  // Other inputs and target than the manifest's, for a configuration that names its own. Of published data sets, load
  // decodes nothing else from now on.
  void set_quantities(std::vector<std::string> inputs, std::string target) {
    inputs_ = std::move(inputs);
    target_ = std::move(target);
    narrowed_ = true;
  }
  const std::vector<SampleEntry>& samples() const { return samples_; }
  // Indices into samples(). Splits: "train", "validation", "test"; a data set without splits answers all for every
  // name.
  std::vector<std::int64_t> split(const std::string& name) const;
  bool has_split(const std::string& name) const { return splits_.contains(name); }

  // What was left out so far; empty unless the format leaves incomplete samples out or options.skip_bad allowed it.
  const std::vector<LeftOut>& left_out() const { return left_out_; }
  // Loads every sample and takes those out of all splits that are damaged or lack a finite input or target. Raises the
  // first one's Error where no sample is left.
  void leave_out_bad(const Job& job = {});

  // Index of a sample by name; Error{Config} naming some that exist.
  std::int64_t index_of(const std::string& name) const;
  PointCloudPtr load(std::int64_t index, const Job& job = {}) const;

  // What the manifest's [normalisation] gives; the rest is computed over the training split by `normalise`.
  const Normalisation& given_normalisation() const { return given_; }
  // Means and deviations of positions, inputs and target over the training split, given values first.
  Normalisation normalise(const Job& job = {}) const;
  // SHA-256 over the samples' content hashes in order. Every file is loaded once; `visit` sees each sample on the way.
  // Of a published data set it is its fingerprint (checksums, sizes and a few numbers), and `visit` sees the largest
  // sample of each split only.
  using Visit = std::function<void(std::int64_t index, const PointCloud& cloud)>;
  std::string content_hash(const Job& job = {}, const Visit& visit = {}) const;

private:
  void open_files(const std::filesystem::path& path, const std::filesystem::path& place, const Manifest* manifest);
  void take(Original original);
  void apply(const Manifest& manifest);
  // Where options.skip_bad allows it, what fails on bad data is only left out.
  void tolerate(const std::string& name, const std::function<void()>& work);
  void visit_largest(const Visit& visit, const Job& job) const;
  std::set<std::string> fields() const;  // of inputs and target

  std::string name_, target_;
  std::vector<std::string> inputs_;
  std::vector<SampleEntry> samples_;
  std::map<std::string, std::vector<std::int64_t>> splits_;
  Normalisation given_;
  io::OpenOptions options_;
  bool narrowed_ = false;                       // load only what is asked for
  std::shared_ptr<const SampleSource> source_;  // null: samples are files
  std::vector<LeftOut> left_out_;
  std::set<std::int64_t> bad_;
};

}  // namespace erwin
