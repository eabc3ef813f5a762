#pragma once
// A data set's manifest as written, checked key by key; which files it means is found out by Dataset.
//
//   [dataset]
//   name = "cars"                    default: the manifest's folder
//   files = ["*.cgns"]               required: globs, relative to the manifest
//   positions = "auto"               or the path of the array of positions in HDF5 and NPZ files
//   inputs = ["position"]            "position" and names of fields
//   target = "pressure"              optional
//   frames = "first"                 or "all", or a list of frame numbers: each frame is a sample
//   drop_nonfinite = false
// or, in place of files, positions and frames, a published data set in its original form:
//   format = "cosmology-tfrecord"    a name of original_formats()
//   root = "quijote"                 its folder, relative to the manifest; default: the manifest's
//   constants = "published"          or "computed": where the normalisation comes from
//   train_samples = 8192             optional, so are validation_samples and test_samples: no more than these of a
//   split window_step = 1                  trajectories: frames between the beginnings of two windows
// Inputs, target and splits are then the published ones where nothing else is said.
//
//   [split]                          optional: globs on sample names
//   train = ["train_*"]
//   validation = []
//   test = ["test_*"]
//   [normalisation.pressure]         optional: by quantity; a number per component, or one number
//   mean = 0.0
//   deviation = 1.0
//   [task]                           optional
//   kind = "regression"              or "density": the target's mean and deviation are to be learned

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "core/dataset/dataset.h"
#include "core/dataset/internal/original.h"

namespace erwin {

struct Manifest {
  std::string name, target, positions;
  std::vector<std::string> files, inputs;  // inputs empty: the default
  OriginalOptions original;                // format empty: files
  bool all_frames = false;
  std::vector<std::int64_t> frames{0};
  bool drop_nonfinite = false;
  std::map<std::string, std::vector<std::string>> splits;
  Normalisation normalisation;
  bool density = false;
};

// Raises Error{Io}, and Error{Config} with file, line, key, value and what is allowed.
Manifest read_manifest(const std::filesystem::path& path);

}  // namespace erwin
