// The public Model: parameter counts, weights in and out, devices, errors, and the record of a U-net's attention.

#include "core/model/model.h"

#include <c10/util/Exception.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <cstring>
#include <set>
#include <stop_token>

#include "core/base/error.h"
#include "core/model/internal/torch_errors.h"
#include "tests/core/model/unet/random_sample.h"

namespace {

using namespace erwin;

template <typename F>
ErrorKind kind_of(F&& work) {
  try {
    work();
  } catch (const Error& error) {
    EXPECT_FALSE(error.message().empty());
    return error.kind();
  }
  ADD_FAILURE() << "no error was raised";
  return ErrorKind::Internal;
}

ModelConfig backbone(std::vector<int> widths, int channels, std::vector<int> heads, std::vector<int> depths,
                     std::vector<int> decoder_heads, std::vector<int> decoder_depths, std::vector<int> strides) {
  ModelConfig config;
  config.kind = ModelKind::Erwin;
  config.wrapper = false;
  config.input_features = config.embedding_channels = channels;
  config.output_features = widths.front();
  config.unet = {widths, std::vector<int>(widths.size(), 128), heads, depths, decoder_heads, decoder_depths, strides};
  return config;
}

// Method 8.2 and the authors' configurations (2.2).
TEST(ModelParameters, ErwinBackbones) {
  EXPECT_EQ(Model(backbone({64, 64}, 64, {8, 8}, {6, 6}, {8}, {6}, {1}), 1).parameter_count(), 1265680);
  EXPECT_EQ(Model(backbone({32, 64, 128, 256}, 32, {2, 4, 8, 16}, {2, 2, 6, 2}, {2, 4, 8}, {2, 2, 2}, {2, 2, 2}), 1)
                .parameter_count(),
            4752440);
  EXPECT_EQ(Model(backbone({32, 64, 128, 256, 512}, 16, {2, 4, 8, 16, 32}, {2, 2, 2, 6, 2}, {4, 4, 8, 16}, {2, 2, 2, 2},
                           {2, 2, 2, 2}),
                  1)
                .parameter_count(),
            18955452);
}

TEST(ModelParameters, ErwinNsaBackbones) {
  ModelConfig config;
  config.embedding = Embedding::Fourier;
  config.flat.compression = Compression::Mlp;
  for (const auto& [depth, count] : {std::pair{6, 3833984}, std::pair{12, 7612928}}) {
    config.flat.depth = depth;
    const Model model(config, 1);
    std::int64_t outside = 0;
    for (const WeightArray& weight : model.weights())
      if (weight.name.starts_with("features.") || weight.name.starts_with("head."))
        outside += static_cast<std::int64_t>(weight.data.size() / sizeof(float));
    EXPECT_EQ(outside, 96 + 4225);  // method 3.3: the ShapeNet wrapper
    EXPECT_EQ(model.parameter_count() - outside, count);
  }
}

TEST(Model, ASeedMeansTheSameWeights) {
  const auto weights = [](std::uint64_t seed, Precision precision) {
    return Model(test::small_unet(), seed, "cpu", precision).weights();
  };
  const Weights a = weights(3, Precision::Float32), b = weights(3, Precision::Float32),
                c = weights(4, Precision::Float32);
  const Weights wide = weights(3, Precision::Float64);
  ASSERT_EQ(a.size(), b.size());
  bool differs = false;
  for (std::size_t i = 0; i < a.size(); ++i) {
    EXPECT_EQ(a[i].name, b[i].name);
    EXPECT_EQ(a[i].data, b[i].data);
    differs = differs || a[i].data != c[i].data;
    if (a[i].type != ElementType::Float32) continue;
    for (std::size_t k = 0; k < a[i].data.size() / sizeof(float); ++k)
      EXPECT_EQ(static_cast<double>(reinterpret_cast<const float*>(a[i].data.data())[k]),
                reinterpret_cast<const double*>(wide[i].data.data())[k]);
  }
  EXPECT_TRUE(differs);
}

TEST(Model, WeightsTravelThroughFloat64AndBack) {
  const Model from(test::small_unet(), 3);
  Model wide(test::small_unet(), 4, "cpu", Precision::Float64), back(test::small_unet(), 5);
  wide.load_weights(from.weights());
  back.load_weights(wide.weights());
  const Weights a = from.weights(), b = back.weights();
  for (std::size_t i = 0; i < a.size(); ++i) EXPECT_EQ(a[i].data, b[i].data) << a[i].name;
}

TEST(Model, WeightsThatDoNotFitChangeNothing) {
  Model model(test::small_unet(), 3);
  const Weights before = model.weights(), other = Model(test::small_unet(), 4).weights();
  Weights missing = other, surplus = other, twice = other, shape = other, cut = other;
  missing.pop_back();
  surplus.push_back(other.front());
  surplus.back().name = "something.else";
  twice.push_back(other.front());
  shape.back().shape.push_back(2);
  cut.back().data.pop_back();
  for (const Weights& bad : {missing, surplus, twice, shape, cut})
    EXPECT_EQ(kind_of([&] { model.load_weights(bad); }), ErrorKind::Model);
  const Weights after = model.weights();
  for (std::size_t i = 0; i < before.size(); ++i) EXPECT_EQ(before[i].data, after[i].data) << before[i].name;
}

TEST(Model, DevicesAndPrecisionsByName) {
  const ModelConfig config = test::small_unet();
  EXPECT_EQ(kind_of([&] { Model(config, 1, "cuda:99"); }), ErrorKind::Device);
  for (const char* name : {"gpu", "cuda:", "cuda:x", "cuda:-1", ""})
    EXPECT_EQ(kind_of([&] { Model(config, 1, name); }), ErrorKind::Config) << name;
  EXPECT_EQ(all_precisions().size(), 4u);
  for (const Precision precision : all_precisions())
    EXPECT_EQ(precision_from(name_of(precision)), precision);
  EXPECT_EQ(kind_of([] { precision_from("fp8"); }), ErrorKind::Config);
  const auto devices = find_devices();
  ASSERT_FALSE(devices.empty());
  EXPECT_EQ(devices[0].id, "cpu");
  EXPECT_GT(devices[0].memory_bytes, 0U);
  EXPECT_TRUE(torch_version().starts_with("2."));
  EXPECT_FALSE(torch_cuda_version().empty());
  EXPECT_EQ(kind_of([] { set_thread_count(0); }), ErrorKind::Config);
}

TEST(Model, AStoppedJobCancelsAPrediction) {
  const ModelConfig config = test::small_unet();
  const ModelSample sample = test::random_sample(100, config, 1);
  const Model model(config, 1);
  std::stop_source source;
  source.request_stop();
  EXPECT_EQ(kind_of([&] { model.predict(sample, std::nullopt, Job(source.get_token())); }), ErrorKind::Cancelled);
}

TEST(Model, ASmallMachineIsAMemoryError) {
  const ModelConfig config = test::small_unet();
  const ModelSample sample = test::random_sample(100, config, 1);
  const Model model(config, 1);
  ::setenv("ERWINSCOPE_MEMORY_LIMIT", "10000", 1);
  EXPECT_EQ(kind_of([&] { model.predict(sample); }), ErrorKind::Memory);
  EXPECT_EQ(kind_of([&] { Model(config, 1); }), ErrorKind::Memory);
  ::unsetenv("ERWINSCOPE_MEMORY_LIMIT");
}

TEST(Model, TorchFailuresBecomeErrors) {
  const auto translated = [](auto&& work) { return kind_of([&] { model::translating_torch_errors("a test", work); }); };
  EXPECT_EQ(
      translated([] { TORCH_CHECK_WITH(OutOfMemoryError, false, "CUDA out of memory. Tried to allocate 2 GiB"); }),
      ErrorKind::DeviceMemory);
  EXPECT_EQ(translated([] {
              TORCH_CHECK(false, "DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes");
            }),
            ErrorKind::Memory);
  EXPECT_EQ(translated([] { TORCH_CHECK(false, "CUDA error: an illegal memory access was encountered"); }),
            ErrorKind::Device);
  EXPECT_EQ(translated([] { TORCH_CHECK(false, "shapes do not match"); }), ErrorKind::Internal);
  EXPECT_EQ(translated([] { throw std::bad_alloc(); }), ErrorKind::Memory);
  EXPECT_EQ(translated([] { throw Error(ErrorKind::Cancelled, "stop"); }), ErrorKind::Cancelled);
}

TEST(Model, ASampleOfAnotherNetworkIsRefused) {
  ModelConfig config = test::small_unet(), other = config;
  other.unet.ball_sizes = {64, 8};
  const ModelSample sample = test::random_sample(100, config, 1);
  EXPECT_EQ(kind_of([&] { Model(other, 1).predict(sample); }), ErrorKind::Internal);
}

// Every attention layer is there, in order of evaluation, over all points once, and a row of q k^T with the distance
// term gives the recorded log-sum-exp.
TEST(Model, TheRecordOfAUnetHoldsWhatItsLayersDid) {
  const ModelConfig config = test::small_unet();
  const ModelSample sample = test::random_sample(90, config, 1);
  const Model model(config, 1);
  TapRequest request;
  request.all_layers = true;
  const Model::Output output = model.predict(sample, request);
  EXPECT_EQ(output.values, model.predict(sample).values);
  ASSERT_TRUE(output.tap);
  const std::vector<std::string> names{"encoder.0.blocks.0",  "encoder.0.blocks.1", "bottleneck.blocks.0",
                                       "bottleneck.blocks.1", "decoder.0.blocks.0", "decoder.0.blocks.1"};
  ASSERT_EQ(output.tap->layers.size(), names.size());
  EXPECT_EQ(output.tap->point_count, 90);
  for (std::size_t l = 0; l < names.size(); ++l) {
    const LayerTap& layer = output.tap->layers[l];
    EXPECT_EQ(layer.name, names[l]);
    EXPECT_EQ(layer.layer, static_cast<int>(l));
    EXPECT_EQ(layer.rotated, l % 2 == 1);
    EXPECT_EQ(layer.pool_level, l == 2 || l == 3 ? 1 : 0);
    std::multiset<std::int32_t> points(layer.slot_points.begin(), layer.slot_points.end());
    EXPECT_EQ(points.size(), 90U);
    EXPECT_EQ(std::set<std::int32_t>(points.begin(), points.end()).size(), 90U);
    ASSERT_TRUE(layer.has_qkv());
    const std::int64_t query = layer.slot_of_point(17), head = 1, first = query / layer.ball_size * layer.ball_size;
    double sum = 0;
    for (std::int64_t key = first; key < first + layer.ball_size; ++key) {
      if (!layer.real(key)) continue;
      const auto q = layer.local_q.row({query, head}), k = layer.local_k.row({key, head});
      const auto p = layer.positions.row({query}), r = layer.positions.row({key});
      double logit = 0, distance = 0;
      for (std::size_t e = 0; e < q.size(); ++e) logit += static_cast<double>(q[e]) * static_cast<double>(k[e]);
      for (std::size_t a = 0; a < p.size(); ++a)
        distance += std::pow(static_cast<double>(p[a]) - static_cast<double>(r[a]), 2);
      sum += std::exp(logit / std::sqrt(static_cast<double>(q.size())) +
                      static_cast<double>(layer.sigma.values()[1]) * std::sqrt(distance));
    }
    EXPECT_NEAR(layer.lse_local.row({query})[1], std::log(sum), 1e-5) << names[l];
  }
}

}  // namespace
