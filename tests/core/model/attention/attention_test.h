#pragma once
// What the tests of attention share: devices, comparisons, fixtures as tensors, random partitions with awkward sizes.

#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>
#include <gtest/gtest.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "core/config/model_config.h"
#include "core/model/internal/nsa.h"
#include "tests/support/fixture.h"
#include "tests/support/shared_data.h"

namespace erwin::model::test {

// A test that runs on the CPU and, where there is one, on a CUDA device. Instantiate with ON_ALL_DEVICES.
class OnDevice : public testing::TestWithParam<std::string> {
protected:
  void SetUp() override;
  at::TensorOptions options(at::ScalarType type) const { return at::TensorOptions().device(GetParam()).dtype(type); }
  at::TensorOptions doubles() const { return options(at::kDouble); }
};
#define ON_ALL_DEVICES(suite)                                       \
  INSTANTIATE_TEST_SUITE_P(, suite, testing::Values("cpu", "cuda"), \
                           [](const auto& device) { return std::string(device.param); })

// |value - expected| <= tolerance * max |expected|, elementwise; equal infinities agree. Says where it is worst.
testing::AssertionResult close(const at::Tensor& value, const at::Tensor& expected, double tolerance);
// |value - expected|_2 / |expected|_2 <= tolerance.
testing::AssertionResult close_in_norm(const at::Tensor& value, const at::Tensor& expected, double tolerance);
double largest_error(const at::Tensor& value, const at::Tensor& expected);  // relative to max |expected|

at::Tensor tensor_of(const erwin::test::Fixture& fixture, const std::string& path);  // float64, CPU
at::Tensor integers_of(const erwin::test::Fixture& fixture, const std::string& path);
std::vector<std::int64_t> list_of(const erwin::test::Fixture& fixture, const std::string& path);

// Rows of selected ids [B, G, S] as fixtures keep them: per key row (sample, query block, KV head) `count` ids within
// the sample, ascending, then -1.
at::Tensor selection_as_stored(const at::Tensor& ids, const std::vector<std::int64_t>& block_offsets,
                               const at::Tensor& key, std::int64_t count);

FlatConfig flat_config_of(const nlohmann::json& json);

// Random slots: samples of `balls[s]` balls each, about `share` of the slots real, at least one real slot per sample.
struct Slots {
  at::Tensor positions, mask;  // float64 and bool on the CPU
  std::vector<std::int64_t> offsets;
  std::int64_t size() const { return offsets.back(); }
};
Slots random_slots(const std::vector<std::int64_t>& balls, std::int64_t ball_size, double share, std::uint64_t seed,
                   std::int64_t dimension = 3);
SlotGeometry geometry_of(const Slots& slots, const FlatConfig& config, const at::TensorOptions& options);

at::Tensor random(at::IntArrayRef shape, std::uint64_t seed);  // N(0, 1), float64, CPU

// A layer whose every tensor is random (also those that begin at 0), the same for all devices and types.
struct Layer {
  FlatConfig config;
  Parameters parameters;
  std::unique_ptr<NsaAttention> attention;
  const at::Tensor& tensor(const std::string& name) const { return parameters.find(name)->tensor; }
};
std::unique_ptr<Layer> random_layer(const FlatConfig& config, const at::TensorOptions& options, std::uint64_t seed,
                                    std::int64_t dimension = 3);

}  // namespace erwin::model::test
