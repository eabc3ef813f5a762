#include "core/engine/engine.h"

#include <chrono>
#include <optional>
#include <utility>
#include <vector>

#include "core/engine/publisher.h"
#include "core/engine/worker.h"

namespace erwin {

namespace {

// A record with q, k, v of every layer answers any question at once; above this size only the layer asked for is kept
// and another layer costs a new forward pass.
constexpr double record_bytes_limit = 1 << 30;

double record_bytes(const ModelConfig& config, std::int64_t points) {
  const auto n = static_cast<double>(points);
  if (config.kind == ModelKind::Erwin) {
    double per_point = 0;
    for (std::size_t level = 0; level < config.unet.widths.size(); ++level) {
      const int blocks = config.unet.encoder_depths[level] +
                         (level < config.unet.decoder_depths.size() ? config.unet.decoder_depths[level] : 0);
      per_point += 3.0 * config.unet.widths[level] * blocks;
    }
    return 4 * n * per_point;
  }
  const FlatConfig& flat = config.flat;
  const double per_layer =
      config.kind == ModelKind::ErwinNsa ? 2.0 * (flat.heads + 2 * flat.kv_heads) * flat.head_dim : 3.0 * flat.width;
  return 4 * n * per_layer * flat.depth;
}

}  // namespace

std::shared_ptr<Prediction> make_prediction(PointCloudPtr cloud, const Predictor::Result& result) {
  auto prediction = std::make_shared<Prediction>();
  prediction->cloud = std::move(cloud);
  prediction->fields = result.fields;
  prediction->metrics = result.metrics;
  prediction->tree = result.sample->trees.main;
  if (prediction->tree->levels.empty()) {
    // The network needs no node data; the same build with it gives the same slots.
    const ModelSample& sample = *result.sample;
    const std::vector<double> positions(sample.positions.begin(), sample.positions.end());
    const BallTree& tree = *prediction->tree;
    const std::int64_t units_tight = (tree.point_count + tree.unit - 1) / tree.unit;
    const Padding padding = tree.unit_count == units_tight ? Padding::Masked : Padding::Duplicate;
    prediction->tree =
        std::make_shared<const BallTree>(build_ball_tree(positions, tree.dimension, {tree.unit, padding, true}));
  }
  if (result.tap)
    for (const LayerTap& tapped : result.tap->layers) prediction->layers.push_back(describe(tapped));
  return prediction;
}

struct Engine::Impl {
  // Touched by the worker's thread only.
  Publisher<EngineSnapshot> publisher;
  std::optional<Predictor> predictor;
  PointCloudPtr cloud;
  std::int64_t frame = 0;
  TapPtr tap;

  Worker worker;  // last: its thread uses the members above

  void run_prediction(int layer, const Job& job);
  void answer(const QueryRequest& request, const Job& job);
};

void Engine::Impl::run_prediction(int layer, const Job& job) {
  const ModelConfig& config = predictor->checkpoint().config;
  TapRequest request;
  request.all_layers = record_bytes(config, cloud->size()) < record_bytes_limit;
  request.layers = {layer};
  const auto start = std::chrono::steady_clock::now();
  const Predictor::Result result = predictor->run(*cloud, frame, request, job);
  const auto prediction = make_prediction(cloud, result);
  prediction->seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  tap = result.tap;
  publisher.update([&](EngineSnapshot& s) {
    s.prediction = prediction;
    s.query = nullptr;
  });
}

void Engine::Impl::answer(const QueryRequest& request, const Job& job) {
  for (const LayerTap& layer : tap->layers)
    if (layer.layer == request.layer && !layer.has_qkv()) {
      run_prediction(request.layer, job);
      break;
    }
  auto view = std::make_shared<const QueryView>(make_query_view(*tap, request, job));
  publisher.update([&](EngineSnapshot& s) { s.query = view; });
}

Engine::Engine() : impl_(std::make_unique<Impl>()) {}
Engine::~Engine() = default;

void Engine::load(Predictor predictor, const std::string& path, const std::string& device) {
  // std::function wants copyable tasks.
  auto held = std::make_shared<Predictor>(std::move(predictor));
  impl_->worker.post([impl = impl_.get(), held, path, device](std::stop_token stop) {
    impl->publisher.run("loading the network", stop, [&](const Job&) {
      impl->predictor = std::move(*held);
      impl->tap = nullptr;
      auto info = std::make_shared<ModelInfo>();
      const Checkpoint& checkpoint = impl->predictor->checkpoint();
      info->path = path;
      info->device = device;
      info->config = checkpoint.config;
      info->target = checkpoint.recipe.target;
      info->step = checkpoint.step;
      info->parameters = impl->predictor->model().parameter_count();
      impl->publisher.update([&](EngineSnapshot& s) {
        s.model = info;
        s.prediction = nullptr;
        s.query = nullptr;
      });
    });
  });
}

void Engine::predict(PointCloudPtr cloud, std::int64_t frame) {
  impl_->worker.post(
      [impl = impl_.get(), cloud = std::move(cloud), frame](std::stop_token stop) {
        impl->publisher.run("predicting", stop, [&](const Job& job) {
          if (!impl->predictor)
            throw Error(ErrorKind::Config, "there is no network to predict with", {}, "Open a checkpoint first");
          impl->cloud = cloud;
          impl->frame = frame;
          impl->tap = nullptr;
          impl->publisher.update([](EngineSnapshot& s) {
            s.prediction = nullptr;
            s.query = nullptr;
          });
          impl->run_prediction(0, job);
        });
      },
      "predict");
}

void Engine::query(const QueryRequest& request) {
  impl_->worker.post(
      [impl = impl_.get(), request](std::stop_token stop) {
        // A click without a prediction is no mistake: there is just nothing to ask.
        if (request.point < 0 || !impl->tap) {
          impl->publisher.update([](EngineSnapshot& s) { s.query = nullptr; });
          return;
        }
        impl->publisher.run("looking where the point looks", stop, [&](const Job& job) { impl->answer(request, job); });
      },
      "query");
}

void Engine::cancel() {
  impl_->worker.cancel();
}
bool Engine::idle() const {
  return impl_->worker.idle();
}
Mailbox<EngineSnapshot>& Engine::mailbox() {
  return impl_->publisher.mailbox();
}

}  // namespace erwin
