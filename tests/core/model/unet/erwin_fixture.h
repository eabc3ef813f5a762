#pragma once
// Parity fixtures of kinds `erwin` and `curve` as networks and batches: the authors' Erwin, its own trees fed in.

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "core/config/model_config.h"
#include "core/model/internal/network.h"
#include "core/model/sample.h"
#include "tests/support/fixture.h"

namespace erwin::test {

// The bare backbone that a fixture's `config` attribute describes.
ModelConfig erwin_config(const Fixture& fixture);

at::Tensor tensor_from(const Fixture& fixture, const std::string& dataset, const at::TensorOptions& options);

// Where one sample's numbers lie in a fixture.
struct SamplePaths {
  std::string positions, features, edges, tree, mask, rotated_prefix;
};
// Points [first, last) of a concatenated batch and the slots that hold them.
struct SampleRange {
  std::int64_t first_point, last_point, first_slot, last_slot;
};

// The samples of an `erwin` file, one per id in input/batch.
std::vector<ModelSample> erwin_samples(const Fixture& fixture, const ModelConfig& config);
// Cloud i of a `curve` file.
ModelSample curve_sample(const Fixture& fixture, const ModelConfig& config, std::int64_t cloud);

// A network with the fixture's `state` (its names must be exactly the network's).
std::unique_ptr<model::Network> erwin_network(const Fixture& fixture, const ModelConfig& config,
                                              const at::TensorOptions& options);

// largest |value - reference| and largest |reference|, in float64 on the CPU.
struct Difference {
  double error = 0, scale = 0;
};
Difference difference(const at::Tensor& value, const at::Tensor& reference);

// "cpu" and, for the GPU's program, "cuda".
std::vector<const ModelSample*> pointers(const std::vector<ModelSample>& samples);

// Checks of one file, with gtest expectations; they print the largest error of each group.
void check_erwin_parity(const std::filesystem::path& file, const at::TensorOptions& options);
void check_curve_parity(const std::filesystem::path& file, const at::TensorOptions& options);

}  // namespace erwin::test
