#include "tests/core/model/unet/random_sample.h"

#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>
#include <c10/core/GradMode.h>

#include <algorithm>
#include <cstdlib>
#include <numeric>
#include <random>

#include "core/tree/knn.h"

namespace erwin::test {

namespace {

// Tests must not depend on, nor fill, the user's cache.
const bool cache_is_off = ::setenv("ERWINSCOPE_CACHE", "off", 1) == 0;

}  // namespace

ModelConfig small_unet() {
  ModelConfig config;
  config.kind = ModelKind::Erwin;
  config.input_features = 4;
  config.output_features = 2;
  config.embedding_channels = 6;
  config.graph = {GraphKind::Knn, 4, true};
  config.mp_steps = 1;
  config.mlp_ratio = 2;
  config.unet.widths = {8, 12};
  config.unet.ball_sizes = {16, 8};
  config.unet.encoder_heads = {2, 3};
  config.unet.encoder_depths = {2, 2};
  config.unet.decoder_heads = {4};
  config.unet.decoder_depths = {2};
  config.unet.strides = {2};
  config.check();
  return config;
}

ModelSample random_sample(std::int64_t n, const ModelConfig& config, std::uint64_t seed,
                          const std::vector<std::int64_t>& order) {
  const auto d = static_cast<std::size_t>(config.dimension), c = static_cast<std::size_t>(config.input_features);
  std::mt19937_64 engine(seed);
  const auto draw = [&] { return static_cast<float>(static_cast<double>(engine() >> 40) / 16777216.0 * 2 - 1); };
  std::vector<float> positions(static_cast<std::size_t>(n) * d), features(static_cast<std::size_t>(n) * c);
  std::generate(positions.begin(), positions.end(), draw);
  std::generate(features.begin(), features.end(), draw);
  ModelSample sample;
  sample.name = "random";
  sample.points = n;
  for (std::int64_t i = 0; i < n; ++i) {
    const auto point = static_cast<std::size_t>(order.empty() ? i : order[static_cast<std::size_t>(i)]);
    for (std::size_t a = 0; a < d; ++a) sample.positions.push_back(positions[point * d + a]);
    for (std::size_t a = 0; a < c; ++a) sample.features.push_back(features[point * c + a]);
  }
  const std::vector<double> widened(sample.positions.begin(), sample.positions.end());
  if (config.mp_steps > 0) {
    const KnnGraph graph = build_knn_graph(widened, config.dimension, config.graph.k, config.graph.self_loop);
    sample.edge_source = graph.source;
    sample.edge_receiver = graph.receiver;
  }
  sample.trees = make_sample_trees(sample.positions, config);
  return sample;
}

void randomise(model::Network& network, double deviation) {
  const c10::AutoGradMode without_gradient(false);
  const at::Generator generator = at::detail::createCPUGenerator(7);
  for (auto& entry : network.parameters().entries()) {
    if (entry.name.ends_with("num_batches_tracked")) continue;
    const at::Tensor noise = at::randn(entry.tensor.sizes(), generator, at::kDouble) * deviation;
    if (entry.name.ends_with("running_var"))
      entry.tensor.copy_(noise.exp());
    else
      entry.tensor.add_(noise.to(entry.tensor.options()));
  }
}

std::vector<std::int64_t> shuffled(std::int64_t n, std::uint64_t seed) {
  std::vector<std::int64_t> order(static_cast<std::size_t>(n));
  std::iota(order.begin(), order.end(), 0);
  std::mt19937_64 engine(seed);
  for (std::size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[engine() % i]);
  return order;
}

}  // namespace erwin::test
