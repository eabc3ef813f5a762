#pragma once
// What a run saw on its probe sample at one step: the prediction, and the record of its attention. HDF5, atomic.

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "core/attention/tap.h"
#include "core/data/field.h"

namespace erwin {

struct Probe {
  std::int64_t step = 0;
  std::string sample;         // name in the data set
  std::string data;           // path of the data set, as the run has it
  double seconds = 0;         // of forward pass and record
  double share = 0;           // of the run's time that probes have taken
  double budget = 0;          // that was allowed
  std::vector<Field> fields;  // "prediction", "target", "error" in real units; target and error where it is known
  TapPtr tap;
};

// Raises Error{Io}.
void save_probe(const std::filesystem::path& path, const Probe& probe);
// Raises Error{Io}, Error{Format} (not a probe, damaged, indices out of range), Error{Memory}.
Probe load_probe(const std::filesystem::path& path);

}  // namespace erwin
