#include "tests/core/model/attention/attention_test.h"

#include <ATen/detail/CUDAHooksInterface.h>
#include <c10/core/GradMode.h>

#include <algorithm>
#include <cmath>

namespace erwin::model::test {

namespace {

at::Tensor plain(const at::Tensor& tensor) {
  return tensor.detach().to(at::kCPU, at::kDouble);
}

}  // namespace

void OnDevice::SetUp() {
  const auto& hooks = at::detail::getCUDAHooks();
  if (GetParam() == "cuda" && !(hooks.hasCUDA() && hooks.getNumGPUs() > 0)) GTEST_SKIP() << "there is no CUDA device";
}

double largest_error(const at::Tensor& value, const at::Tensor& expected) {
  const at::Tensor a = plain(value), b = plain(expected);
  const at::Tensor difference = (a - b).abs().masked_fill(a == b, 0.0);
  const double scale = b.masked_fill(b.isinf(), 0.0).abs().max().item<double>();
  const double worst = difference.max().item<double>();
  return worst == 0 ? 0 : worst / scale;
}

testing::AssertionResult close(const at::Tensor& value, const at::Tensor& expected, double tolerance) {
  if (value.sizes() != expected.sizes())
    return testing::AssertionFailure() << "shapes " << value.sizes() << " and " << expected.sizes();
  if (value.numel() == 0) return testing::AssertionSuccess();
  const double error = largest_error(value, expected);
  if (error <= tolerance) return testing::AssertionSuccess();
  return testing::AssertionFailure() << "largest difference is " << error << " of the largest value, allowed "
                                     << tolerance;
}

testing::AssertionResult close_in_norm(const at::Tensor& value, const at::Tensor& expected, double tolerance) {
  if (value.sizes() != expected.sizes())
    return testing::AssertionFailure() << "shapes " << value.sizes() << " and " << expected.sizes();
  const double norm = plain(expected).norm().item<double>();
  const double error = (plain(value) - plain(expected)).norm().item<double>();
  if (error <= tolerance * norm) return testing::AssertionSuccess();
  return testing::AssertionFailure() << "difference has norm " << error << " against " << norm << ", allowed share "
                                     << tolerance;
}

at::Tensor tensor_of(const erwin::test::Fixture& fixture, const std::string& path) {
  auto array = fixture.doubles(path);
  return at::from_blob(array.values.data(), array.shape, at::kDouble).clone();
}

at::Tensor integers_of(const erwin::test::Fixture& fixture, const std::string& path) {
  auto array = fixture.integers(path);
  return at::from_blob(array.values.data(), array.shape, at::kLong).clone();
}

std::vector<std::int64_t> list_of(const erwin::test::Fixture& fixture, const std::string& path) {
  return fixture.integers(path).values;
}

at::Tensor selection_as_stored(const at::Tensor& ids, const std::vector<std::int64_t>& block_offsets,
                               const at::Tensor& key, std::int64_t count) {
  const at::Tensor host = ids.cpu().contiguous(), rows = at::full({key.size(0), count}, -1, at::kLong);
  const auto chosen = host.accessor<std::int64_t, 3>();
  const auto keys = key.accessor<std::int64_t, 2>();
  auto stored = rows.accessor<std::int64_t, 2>();
  for (std::int64_t r = 0; r < key.size(0); ++r) {
    const std::int64_t first = block_offsets[static_cast<std::size_t>(keys[r][0])];
    std::vector<std::int64_t> row;
    for (std::int64_t s = 0; s < host.size(2); ++s)
      if (const std::int64_t id = chosen[first + keys[r][1]][keys[r][2]][s]; id >= 0) row.push_back(id - first);
    std::sort(row.begin(), row.end());
    for (std::size_t s = 0; s < row.size(); ++s) stored[r][static_cast<std::int64_t>(s)] = row[s];
  }
  return rows;
}

FlatConfig flat_config_of(const nlohmann::json& json) {
  FlatConfig config;
  config.width = json.at("width");
  config.heads = json.at("query_heads");
  config.kv_heads = json.at("kv_heads");
  config.head_dim = json.at("head_dim");
  config.ball_size = json.at("ball_size");
  config.block_size = json.at("block_size");
  config.selected_blocks = json.at("selected_blocks");
  config.depth = json.value("depth", 1);
  const std::string compression = json.at("compression"), exclude = json.at("exclude");
  for (const Compression kind : {Compression::Pool, Compression::Mlp, Compression::Mean})
    if (compression == name_of(kind)) config.compression = kind;
  for (const Exclude kind : {Exclude::Ball, Exclude::Block, Exclude::None})
    if (exclude == name_of(kind)) config.exclude = kind;
  return config;
}

at::Tensor random(at::IntArrayRef shape, std::uint64_t seed) {
  return at::randn(shape, at::detail::createCPUGenerator(seed), at::kDouble);
}

Slots random_slots(const std::vector<std::int64_t>& balls, std::int64_t ball_size, double share, std::uint64_t seed,
                   std::int64_t dimension) {
  Slots slots;
  slots.offsets = {0};
  for (const std::int64_t count : balls) slots.offsets.push_back(slots.offsets.back() + count * ball_size);
  const auto generator = at::detail::createCPUGenerator(seed);
  slots.positions = at::randn({slots.size(), dimension}, generator, at::kDouble);
  slots.mask = at::rand({slots.size()}, generator, at::kDouble) < share;
  for (std::size_t s = 0; s + 1 < slots.offsets.size(); ++s)
    slots.mask[(slots.offsets[s] + slots.offsets[s + 1]) / 2].fill_(true);
  return slots;
}

SlotGeometry geometry_of(const Slots& slots, const FlatConfig& config, const at::TensorOptions& options) {
  const auto type = c10::typeMetaToScalarType(options.dtype());
  return make_slot_geometry(slots.positions.to(options.device(), type == at::kBFloat16 ? at::kFloat : type),
                            slots.mask.to(options.device()), slots.offsets, config.ball_size, config.block_size);
}

std::unique_ptr<Layer> random_layer(const FlatConfig& config, const at::TensorOptions& options, std::uint64_t seed,
                                    std::int64_t dimension) {
  auto layer = std::make_unique<Layer>();
  layer->config = config;
  const Builder builder{layer->parameters, at::detail::createCPUGenerator(seed), options, ""};
  layer->attention = std::make_unique<NsaAttention>(builder, config, dimension, false);
  const c10::NoGradGuard no_gradient;
  std::uint64_t next = 1000 * seed;
  for (auto& entry : layer->parameters.entries()) {
    const at::Tensor value = random(entry.tensor.sizes(), next++);
    const double scale = entry.tensor.dim() > 1 ? 1.5 / std::sqrt(static_cast<double>(entry.tensor.size(-1))) : 0.5;
    entry.tensor.copy_(value * scale);
  }
  return layer;
}

}  // namespace erwin::model::test
