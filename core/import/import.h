#pragma once
// A person's own files become a data set: they are asked what they hold, and the answers are written as a manifest.

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "core/base/job.h"
#include "core/dataset/dataset.h"

namespace erwin {

struct ImportRequest {
  std::vector<std::filesystem::path> files;  // of one or several samples, or folders of such
  std::filesystem::path out = "data.toml";
  std::vector<std::string> inputs;  // empty: "position"
  std::string target;               // empty: the one field that could be meant
  bool density = false;             // learn the target's deviation, too
  std::string positions;            // array of positions in HDF5 and NPZ files; empty: found
  bool all_frames = false;          // each frame is a sample
  bool drop_nonfinite = false;      // leave out points without a finite position
  bool skip_bad = false;            // leave out samples that cannot be used, instead of refusing
  bool overwrite = false;
};

struct ImportReport {
  std::filesystem::path manifest;
  int dimension = 3;
  std::int64_t fewest_points = 0, most_points = 0;
  std::vector<std::string> inputs;
  std::string target, unit;
  int input_components = 0, target_components = 0;
  std::map<std::string, std::int64_t> splits;  // samples by split
  Normalisation normalisation;                 // over the training split
  // Plain sentences: constant fields, coinciding points, equal samples, scales that are orders of magnitude apart.
  std::vector<std::string> warnings;
  std::vector<std::string> left_out;  // samples and why
};

// Reads every file once, and writes the manifest when all of it is known. Samples named after splits (train_...,
// val..., test...) go there; otherwise a tenth each is drawn for validation and test, the same whenever it is asked;
// frames of trajectories are cut in time. Raises Error{Config}: the manifest exists, a quantity that is absent or
// unclear (naming those that exist); Error{Format}: a sample with a value that is not finite, without the target, of
// other components; and what opening files raises.
ImportReport import_data(const ImportRequest& request, const Job& job = {});

}  // namespace erwin
