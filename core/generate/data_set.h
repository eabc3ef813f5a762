#pragma once
// How a generator leaves its samples behind: one HDF5 file of ours and a manifest beside it.

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "core/base/job.h"
#include "core/data/point_cloud.h"

namespace erwin::generate {

// How many samples there are for each purpose.
struct SplitCounts {
  std::int64_t train = 0, validation = 0, test = 0;
  std::int64_t total() const { return train + validation + test; }
};

// `validation` and `test` of `samples` where they are given, else (-1) an eighth and a quarter of them, rounded down.
// Raises Error{Config} where nothing is left to train on.
SplitCounts split_counts(std::int64_t samples, std::int64_t validation, std::int64_t test);

// Samples are made in parallel, each by one thread; the result depends neither on the threads nor on their number.
// `make` must not report progress. Raises what `make` raises, Error{Cancelled}.
std::vector<PointCloudPtr> make_in_parallel(std::int64_t samples, const char* what,
                                            const std::function<PointCloudPtr(std::int64_t index)>& make,
                                            const Job& job);

struct DataSetDescription {
  std::string name;
  std::string command;  // how it was made, a comment in the manifest
  std::vector<std::string> inputs;
  std::string target;
  bool keep_positions = false;  // the network sees the positions as they are
  bool all_frames = false;      // every frame of a sample is one of the data set
};

// The manifest's place: the HDF5 file's with the extension .toml.
std::filesystem::path manifest_path(const std::filesystem::path& file);
// Raises Error{Config} where the file's name cannot stand in a manifest or does not end in .h5; generators ask before
// the work begins.
void check_data_set_path(const std::filesystem::path& file);
// Samples are named train_000, validation_000, test_000 in this order. Raises Error{Io}.
void write_data_set(const std::filesystem::path& file, const DataSetDescription& description, const SplitCounts& counts,
                    const std::vector<PointCloudPtr>& clouds, const Job& job = {});

}  // namespace erwin::generate
