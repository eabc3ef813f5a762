#include "core/engine/engine.h"

#include <algorithm>
#include <chrono>
#include <functional>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include "core/engine/internal/engine_impl.h"
#include "core/engine/record_view.h"

namespace erwin {

namespace {

// A record with q, k, v of every layer answers any question at once; above this size only the layer asked for is kept
// and another layer costs a new forward pass.
constexpr double record_bytes_limit = 1 << 30;

// Tasks that a query comes before.
const std::vector<std::string> patient{"summary", "heads",  "who looks", "matrix",      "rollout", "receptive",
                                       "what if", "missed", "recall",    "attribution", "set",     "compare",
                                       "ready",   "sample", "fields",    "four heads"};

}  // namespace

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

std::shared_ptr<Prediction> make_prediction(PointCloudPtr cloud, const Predictor::Result& result, const Job& job) {
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
        std::make_shared<const BallTree>(build_ball_tree(positions, tree.dimension, {tree.unit, padding, true}, job));
  }
  if (result.tap) prediction->layers = describe(*result.tap);
  return prediction;
}

void Engine::Impl::make_network(Checkpoint checkpoint, const std::string& from, const RunSettings& how) {
  // Before anything is given up: this may fail.
  Predictor made(std::move(checkpoint), how.device, how.precision);
  changed.reset();
  changed_runs.reset();  // they refer to the network
  beside.reset();        // another one's words
  predictor = std::move(made);
  path = from;
  auto info = std::make_shared<ModelInfo>();
  const Checkpoint& read = predictor->checkpoint();
  info->path = path;
  info->device = resolve_device(how.device);
  info->settings = how;
  info->config = read.config;
  info->target = read.recipe.target;
  info->step = read.step;
  info->parameters = predictor->model().parameter_count();
  publisher.update([&](EngineSnapshot& s) { s.model = info; });
}

void Engine::Impl::take_record(const AttentionRecord& record, const std::string& from, const Job& job) {
  const auto prediction = prediction_of_record(record, job);  // before anything is given up
  auto info = std::make_shared<ModelInfo>();
  info->path = from;
  info->settings = settings;
  info->is_record = true;
  info->generator = record.generator;
  predictor.reset();
  beside.reset();
  forget_answers();
  path = from;
  tap = record.tap;
  predicted = {record.cloud, 0};
  layer = prediction->layers.front().layer;
  head = -1;
  publisher.update([&](EngineSnapshot& s) {
    s.model = info;
    s.prediction = prediction;
  });
  show_gates(job);
}

// A device that failed takes everything on it along, and this process cannot use it again (its errors are sticky): the
// network starts anew on the CPU from the weights that were read.
void Engine::Impl::surviving_device(const std::function<void()>& work) {
  std::optional<Error> failure;
  try {
    work();
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::Device || !predictor || resolve_device(settings.device) == "cpu") throw;
    failure = error;
  }
  if (!failure) return;
  forget_answers();
  settings.device = "cpu";
  make_network(Checkpoint(predictor->checkpoint()), path, settings);
  publisher.update([&](EngineSnapshot& s) { s.settings = settings; });
  throw Error(ErrorKind::Device, failure->message(), failure->detail(),
              "The network has been moved to the CPU and can be used on. For the GPU start the program again");
}

void Engine::Impl::forget_answers() {
  tap = nullptr;
  sample = nullptr;
  predicted = {};
  publisher.update([](EngineSnapshot& s) {
    s.prediction = nullptr;
    s.query = nullptr;
    s.gates = nullptr;
    s.summary = nullptr;
    s.heads = nullptr;
    s.who_looks = nullptr;
    s.rollout = nullptr;
    s.receptive = nullptr;
    s.set_looks = nullptr;
    s.comparison = nullptr;
    s.sample_comparison = nullptr;
    s.head_rows = nullptr;
    s.matrix = nullptr;
    s.missed = nullptr;
    s.recall = nullptr;
    s.attribution = nullptr;
    s.what_if = nullptr;
    s.what_if_query = nullptr;
    s.what_if_rows = nullptr;
  });
  matrices.clear();
  changed.reset();
  changed_runs.reset();
}

void Engine::Impl::post_prediction(const Subject& subject) {
  std::uint64_t own = 0;
  {
    const std::lock_guard lock(mutex);
    wanted = subject;
    in_flight = true;
    own = ++ticket;
  }
  worker.post(
      [this, subject, own](std::stop_token stop) {
        publisher.run("predicting", stop, [&](const Job& job) {
          if (tap && subject == predicted) return;
          const auto& model = publisher.current().model;
          if (!predictor && model && model->is_record) return;
          if (!predictor)
            throw Error(ErrorKind::Config, "there is no network to predict with", {}, "Open a checkpoint first");
          forget_answers();
          say_what_is_needed(subject);
          surviving_device([&] { run_prediction(subject, layer, job); });
          show_gates(job);
        });
        const std::lock_guard lock(mutex);
        if (own == ticket) in_flight = false;
      },
      "predict");
}

// Another network, the same cloud.
void Engine::Impl::predict_again() {
  Subject subject;
  {
    const std::lock_guard lock(mutex);
    subject = wanted;
  }
  if (subject.cloud && predictor) post_prediction(subject);
}

void Engine::Impl::drop_questions() {
  worker.cancel("query");
  for (const std::string& key : patient) worker.cancel(key);
}

void Engine::Impl::drop_predictions() {
  worker.cancel("predict");
  drop_questions();
  const std::lock_guard lock(mutex);
  in_flight = false;
}

// The record of attention comes on top.
void Engine::Impl::say_what_is_needed(const Subject& subject) {
  const ModelConfig& config = predictor->checkpoint().config;
  const std::int64_t points = subject.cloud->size();
  MemoryNeed need = prediction_need(config, settings.precision, points, resolve_device(settings.device));
  need.needed += static_cast<std::uint64_t>(std::min(record_bytes(config, points), record_bytes_limit));
  publisher.update([&](EngineSnapshot& s) { s.memory = need; });
}

void Engine::Impl::run_prediction(const Subject& subject, int with_layer, const Job& job) {
  const ModelConfig& config = predictor->checkpoint().config;
  TapRequest request;
  request.all_layers = record_bytes(config, subject.cloud->size()) < record_bytes_limit;
  request.layers = {with_layer};
  const auto start = std::chrono::steady_clock::now();
  const Predictor::Result result = predictor->run(*subject.cloud, subject.frame, request, job);
  const auto prediction = make_prediction(subject.cloud, result, job);
  prediction->frame = subject.frame;
  prediction->seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  tap = result.tap;
  sample = result.sample;
  predicted = subject;
  publisher.update([&](EngineSnapshot& s) {
    s.prediction = prediction;
    s.query = nullptr;
  });
}

void Engine::Impl::answer(const QueryRequest& request, const Job& job) {
  if (request.point >= 0) {
    need_layer(request.layer, job);
    auto view = std::make_shared<const QueryView>(make_query_view(*tap, request, job));
    publisher.update([&](EngineSnapshot& s) { s.query = view; });
  }
  layer = request.layer;
  head = request.head;
  show_gates(job);
}

// A record without q, k, v of the layer is made again with them.
void Engine::Impl::need_layer(int wanted_layer, const Job& job) {
  if (tap->require_layer(wanted_layer).has_qkv()) return;
  if (!predictor)
    throw Error(ErrorKind::Config, "the record keeps no rows of this layer", "layer " + std::to_string(wanted_layer),
                "Choose another layer; resources/help/record.md says what a record may hold");
  run_prediction(predicted, wanted_layer, job);
}

void Engine::Impl::show_gates(const Job& job) {
  const auto& shown = publisher.current().gates;
  if (shown && shown->layer == layer && shown->head == head) return;
  auto gates = make_gate_fields(*tap, layer, head, job);
  if (gates || shown) publisher.update([&](EngineSnapshot& s) { s.gates = gates; });
}

void Engine::Impl::work_out(const char* key, const char* what, const std::function<void(const Job&)>& work,
                            bool finish_running) {
  worker.post(
      [this, what, work](std::stop_token stop) {
        if (!tap) return;
        publisher.run(what, stop, [&](const Job& job) { surviving_device([&] { work(job); }); });
      },
      key, finish_running);
}

Engine::Engine() : impl_(std::make_unique<Impl>()) {}
Engine::~Engine() = default;

void Engine::load(Checkpoint checkpoint, const std::string& path) {
  impl_->drop_predictions();
  // std::function wants copyable tasks.
  auto held = std::make_shared<Checkpoint>(std::move(checkpoint));
  impl_->worker.post([impl = impl_.get(), held, path](std::stop_token stop) {
    impl->publisher.run("loading the network", stop, [&](const Job&) {
      impl->make_network(std::move(*held), path, impl->settings);
      impl->layer = 0;
      impl->head = -1;
      impl->forget_answers();
    });
    impl->predict_again();
  });
}

void Engine::show_record(AttentionRecord record, const std::string& path) {
  impl_->drop_predictions();
  impl_->worker.post([impl = impl_.get(), record = std::move(record), path](std::stop_token stop) {
    impl->publisher.run("opening the record", stop, [&](const Job& job) { impl->take_record(record, path, job); });
  });
}

void Engine::configure(const RunSettings& settings) {
  impl_->drop_predictions();
  impl_->worker.post(
      [impl = impl_.get(), settings](std::stop_token stop) {
        impl->publisher.run("loading the network", stop, [&](const Job&) {
          if (settings == impl->settings) return;
          if (impl->predictor) {
            impl->make_network(Checkpoint(impl->predictor->checkpoint()), impl->path, settings);
            impl->forget_answers();
          }
          impl->settings = settings;
          impl->publisher.update([&](EngineSnapshot& s) { s.settings = settings; });
        });
        impl->predict_again();
      },
      "configure");
}

void Engine::predict(PointCloudPtr cloud, std::int64_t frame) {
  const Subject subject{std::move(cloud), frame};
  {
    const std::lock_guard lock(impl_->mutex);
    if (impl_->in_flight && subject == impl_->wanted) return;
  }
  impl_->drop_questions();
  impl_->post_prediction(subject);
}

void Engine::query(const QueryRequest& request) {
  impl_->worker.post_ahead(
      [impl = impl_.get(), request](std::stop_token stop) {
        // A click without a prediction is no mistake: there is just nothing to ask.
        if (request.point < 0 || !impl->tap) impl->publisher.update([](EngineSnapshot& s) { s.query = nullptr; });
        if (!impl->tap) return;
        impl->publisher.run("looking where the point looks", stop,
                            [&](const Job& job) { impl->surviving_device([&] { impl->answer(request, job); }); });
      },
      "query", patient);
}

void Engine::cancel() {
  impl_->worker.cancel();
  const std::lock_guard lock(impl_->mutex);
  impl_->in_flight = false;
}
bool Engine::idle() const {
  return impl_->worker.idle();
}
Mailbox<EngineSnapshot>& Engine::mailbox() {
  return impl_->publisher.mailbox();
}

}  // namespace erwin
