#include "core/engine/engine.h"

#include <algorithm>
#include <chrono>
#include <functional>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include "core/base/memory.h"
#include "core/engine/matrix_window.h"
#include "core/engine/publisher.h"
#include "core/engine/record_view.h"
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

// Tasks that a query comes before.
const std::vector<std::string> patient{"summary", "heads",  "who looks", "matrix",      "rollout", "receptive",
                                       "what if", "missed", "recall",    "attribution", "set",     "compare"};

constexpr std::size_t kept_matrices = 16;  // at most 2^24 cells each, as a rule a hundredth of it

// What is to be predicted.
struct Subject {
  PointCloudPtr cloud;
  std::int64_t frame = 0;
  bool operator==(const Subject&) const = default;
};

}  // namespace

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

struct Engine::Impl {
  // Touched by the worker's thread only.
  Publisher<EngineSnapshot> publisher;
  std::optional<Predictor> predictor;
  std::string path;
  Subject predicted;  // what `tap` is the record of
  TapPtr tap;
  std::shared_ptr<const ModelSample> sample;  // that `tap` was recorded of
  // The network to compare with, and what it said of `other_of`, with the record of one layer.
  std::optional<Predictor> other;
  std::string other_path;
  Subject other_of;
  std::optional<Predictor::Result> other_result;
  int layer = 0;  // asked for last
  int head = -1;
  std::vector<std::shared_ptr<AttentionMatrix>> matrices;  // of `tap`, the newest last
  std::optional<WhatIfRunner> changed_runs;                // of `predicted`, once it was asked

  RunSettings settings;

  // Touched by every thread.
  std::mutex mutex;
  Subject wanted;            // by the last predict
  std::uint64_t ticket = 0;  // of the newest prediction posted
  bool in_flight = false;    // and whether it waits or runs

  Worker worker;  // last: its thread uses the members above

  void take_record(const AttentionRecord& record, const std::string& from, const Job& job);
  void make_network(Checkpoint checkpoint, const std::string& from, const RunSettings& how);
  void surviving_device(const std::function<void()>& work);
  void forget_answers();
  void post_prediction(const Subject& subject);
  void predict_again();
  void drop_questions();
  void drop_predictions();
  void say_what_is_needed(const Subject& subject);
  void run_prediction(const Subject& subject, int with_layer, const Job& job);
  void answer(const QueryRequest& request, const Job& job);
  void show_gates(const Job& job);
  void work_out(const char* key, const char* what, const std::function<void(const Job&)>& work);
  void need_layer(int wanted_layer, const Job& job);
  TapPtr record_of(const std::vector<int>& layers, const Job& job);
  void sum_up(int of_layer, int of_head, const Job& job);
  void compare(const Against& against, const QueryRequest& shown, const Job& job);
  const Predictor::Result& run_other(int wanted_layer, const Job& job);
  void glance(const Job& job);
  std::shared_ptr<AttentionMatrix> matrix_of(const MatrixRequest& request);
  void fill_matrix(AttentionMatrix& matrix, const Job& job);
  const Predictor& network(const char* what) const;
  void run_changed(const std::vector<WhatIfEntry>& entries, const QueryRequest& request, const Job& job);
};

void Engine::Impl::make_network(Checkpoint checkpoint, const std::string& from, const RunSettings& how) {
  // Before anything is given up: this may fail.
  Predictor made(std::move(checkpoint), how.device, how.precision);
  changed_runs.reset();  // they refer to the network
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
    s.matrix = nullptr;
    s.missed = nullptr;
    s.recall = nullptr;
    s.attribution = nullptr;
    s.what_if = nullptr;
    s.what_if_query = nullptr;
  });
  matrices.clear();
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

void Engine::Impl::work_out(const char* key, const char* what, const std::function<void(const Job&)>& work) {
  worker.post(
      [this, what, work](std::stop_token stop) {
        if (!tap) return;
        publisher.run(what, stop, [&](const Job& job) { surviving_device([&] { work(job); }); });
      },
      key);
}

// The record with q, k, v of these layers; where the kept one lacks some, one that is made for the occasion.
TapPtr Engine::Impl::record_of(const std::vector<int>& layers, const Job& job) {
  if (std::all_of(layers.begin(), layers.end(), [&](int l) { return tap->require_layer(l).has_qkv(); })) return tap;
  const Predictor& of = network("rows of layers that the record lacks");
  const double share = static_cast<double>(layers.size()) / static_cast<double>(tap->layers.size());
  require_memory(static_cast<std::uint64_t>(share * record_bytes(of.checkpoint().config, predicted.cloud->size())),
                 "the record of " + std::to_string(layers.size()) + " attention layers");
  return of.run(*predicted.cloud, predicted.frame, TapRequest{false, layers}, job).tap;
}

void Engine::Impl::sum_up(int of_layer, int of_head, const Job& job) {
  std::vector<int> layers{of_layer};
  if (of_layer < 0) {
    layers.clear();
    for (const LayerTap& record : tap->layers) layers.push_back(record.layer);
  }
  std::vector<LayerSummary> parts;
  for (const int one : layers)
    parts.push_back(*make_summary_fields(*record_of({one}, job), *predicted.cloud, predicted.frame, one, of_head, job));
  auto made = std::make_shared<const LayerSummary>(of_layer < 0 ? mean_of(parts) : std::move(parts.front()));
  publisher.update([&](EngineSnapshot& s) { s.summary = made; });
}

const Predictor::Result& Engine::Impl::run_other(int wanted_layer, const Job& job) {
  const auto has_layer = [&] {
    for (const LayerTap& record : other_result->tap->layers)
      if (record.layer == wanted_layer) return record.has_qkv();
    return false;
  };
  if (!other_result || !(other_of == predicted) || !has_layer()) {
    other_result.reset();
    other_result = other->run(*predicted.cloud, predicted.frame, TapRequest{false, {wanted_layer}}, job);
    other_of = predicted;
  }
  return *other_result;
}

void Engine::Impl::compare(const Against& against, const QueryRequest& shown, const Job& job) {
  need_layer(shown.layer, job);
  const auto prediction_of = [](const std::vector<Field>& fields) {
    const auto found =
        std::find_if(fields.begin(), fields.end(), [](const Field& f) { return f.name() == "prediction"; });
    return found == fields.end() ? nullptr : &*found;
  };
  const int other_layer = against.layer.value_or(shown.layer);
  const std::shared_ptr<const Prediction> own = publisher.current().prediction;
  std::shared_ptr<const Comparison> made;
  if (against.checkpoint.empty()) {
    const TapPtr record = record_of({shown.layer, other_layer}, job);
    made = make_comparison({record.get(), nullptr}, {record.get(), nullptr}, against, shown, job);
  } else {
    if (!other || other_path != against.checkpoint)
      throw Error(ErrorKind::Config, "the network to compare with is not loaded", against.checkpoint);
    const Predictor::Result& result = run_other(other_layer, job);
    made = make_comparison({tap.get(), own ? own->field("prediction") : nullptr},
                           {result.tap.get(), prediction_of(result.fields)}, against, shown, job);
  }
  publisher.update([&](EngineSnapshot& s) { s.comparison = made; });
}

void Engine::Impl::glance(const Job& job) {
  GlanceRequest request;
  for (const LayerTap& record : tap->layers)
    if (record.has_qkv()) request.layers.push_back(record.layer);
  if (request.layers.empty()) need_layer(request.layers.emplace_back(layer), job);
  const PointCloud& cloud = *predicted.cloud;
  auto made = std::make_shared<const std::vector<LayerGlance>>(
      erwin::glance_at_heads(*tap, cloud.positions(predicted.frame), request, job));
  publisher.update([&](EngineSnapshot& s) { s.heads = made; });
}

// The window as far as it was filled before, or an empty one.
std::shared_ptr<AttentionMatrix> Engine::Impl::matrix_of(const MatrixRequest& request) {
  const auto found = std::find_if(matrices.begin(), matrices.end(),
                                  [&](const auto& matrix) { return same_window(matrix->request, request); });
  std::shared_ptr<AttentionMatrix> matrix = found == matrices.end() ? std::make_shared<AttentionMatrix>() : *found;
  if (found != matrices.end()) matrices.erase(found);
  if (matrix->done.empty()) matrix->request = request;
  matrices.push_back(matrix);
  if (matrices.size() > kept_matrices) matrices.erase(matrices.begin());
  return matrix;
}

void Engine::Impl::fill_matrix(AttentionMatrix& matrix, const Job& job) {
  auto shown = std::chrono::steady_clock::time_point{};
  const auto show = [&](const AttentionMatrix& so_far) {
    shown = std::chrono::steady_clock::now();
    publisher.update([&](EngineSnapshot& s) { s.matrix = std::make_shared<const AttentionMatrix>(so_far); });
  };
  if (matrix.done.empty()) {
    MatrixRequest coarse = matrix.request;
    coarse.blocks_per_row = 1;
    matrix = attention_matrix(*tap, coarse, job);
  }
  show(matrix);
  if (matrix.is_exact() && matrix.complete()) return;
  refine(*tap, matrix, job, [&](const AttentionMatrix& so_far, std::int64_t, std::int64_t) {
    if (std::chrono::steady_clock::now() - shown > std::chrono::milliseconds(100)) show(so_far);
  });
  show(matrix);
}

// For what a record of attention cannot answer.
const Predictor& Engine::Impl::network(const char* what) const {
  if (predictor) return *predictor;
  throw Error(ErrorKind::Config, std::string(what) + " needs the network itself", path,
              "A record holds what one run saw; open the checkpoint that made it");
}

void Engine::Impl::run_changed(const std::vector<WhatIfEntry>& entries, const QueryRequest& request, const Job& job) {
  if (std::none_of(entries.begin(), entries.end(), [](const WhatIfEntry& entry) { return entry.on; })) {
    publisher.update([](EngineSnapshot& s) {
      s.what_if = nullptr;
      s.what_if_query = nullptr;
    });
    return;
  }
  const PointCloud& cloud = *predicted.cloud;
  const std::vector<LayerInfo>& layers = publisher.current().prediction->layers;
  const ModelConfig& config = network("a what-if").checkpoint().config;
  const auto& shown = publisher.current().what_if;
  if (!shown || shown->entries != entries) {
    if (!changed_runs) changed_runs.emplace(*predictor, predicted.cloud, predicted.frame, job);
    const auto made = make_what_if_view(*changed_runs, cloud, layers, config, entries, job);
    publisher.update([&](EngineSnapshot& s) {
      s.what_if = made;
      s.what_if_query = nullptr;
    });
  }
  const auto query = make_changed_query_view(*changed_runs, what_if_of(entries, cloud, layers, config), request, job);
  publisher.update([&](EngineSnapshot& s) { s.what_if_query = query; });
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

void Engine::summarise(int layer, int head) {
  impl_->work_out("summary", "summing up the layer", [impl = impl_.get(), layer, head](const Job& job) {
    if (layer >= 0) impl->need_layer(layer, job);
    impl->sum_up(layer, head, job);
  });
}

void Engine::glance_at_heads() {
  impl_->work_out("heads", "comparing heads", [impl = impl_.get()](const Job& job) { impl->glance(job); });
}

void Engine::ask_who_looks(const QueryRequest& request, const std::string& field) {
  impl_->work_out("who looks", "looking who looks there", [impl = impl_.get(), request, field](const Job& job) {
    impl->need_layer(request.layer, job);
    auto made = make_who_looks(*impl->tap, request, field, job);
    impl->publisher.update([&](EngineSnapshot& s) { s.who_looks = made; });
  });
}

void Engine::ask_reach(std::int64_t point, int layer, const std::string& field) {
  if (field == receptive_field_name)
    impl_->work_out("receptive", "following the prediction back", [impl = impl_.get(), point](const Job& job) {
      auto made = make_receptive_field(impl->network("the receptive field"), *impl->sample, point, job);
      impl->publisher.update([&](EngineSnapshot& s) { s.receptive = made; });
    });
  else
    impl_->work_out("rollout", "rolling attention out", [impl = impl_.get(), point, layer](const Job& job) {
      std::vector<int> layers;
      for (const LayerTap& record : impl->tap->layers)
        if (record.layer <= layer) layers.push_back(record.layer);
      auto made = make_rollout(*impl->record_of(layers, job), point, layer, job);
      impl->publisher.update([&](EngineSnapshot& s) { s.rollout = made; });
    });
}

void Engine::ask_set(const PointSetPtr& points, const QueryRequest& request, const std::string& field) {
  impl_->work_out("set", "looking from and at the selected points",
                  [impl = impl_.get(), points, request, field](const Job& job) {
                    impl->need_layer(request.layer, job);
                    auto made = make_set_looks(*impl->tap, points, request, field, job);
                    impl->publisher.update([&](EngineSnapshot& s) { s.set_looks = made; });
                  });
}

void Engine::compare(const Against& against, const QueryRequest& shown) {
  impl_->work_out("compare", "comparing",
                  [impl = impl_.get(), against, shown](const Job& job) { impl->compare(against, shown, job); });
}

void Engine::load_other(Checkpoint checkpoint, const std::string& path) {
  auto held = std::make_shared<Checkpoint>(std::move(checkpoint));
  impl_->worker.post([impl = impl_.get(), held, path](std::stop_token stop) {
    impl->publisher.run("loading the network to compare with", stop, [&](const Job&) {
      Predictor made(std::move(*held), impl->settings.device, impl->settings.precision);
      impl->other_result.reset();
      impl->other = std::move(made);
      impl->other_path = path;
      impl->publisher.update([&](EngineSnapshot& s) { s.other = path; });
    });
  });
}

void Engine::show_matrix(const MatrixRequest& request) {
  impl_->work_out("matrix", "filling the matrix", [impl = impl_.get(), request](const Job& job) {
    impl->need_layer(request.layer, job);
    impl->fill_matrix(*impl->matrix_of(request), job);
  });
}

void Engine::ask_missed(const QueryRequest& request) {
  impl_->work_out("missed", "looking for missed blocks", [impl = impl_.get(), request](const Job& job) {
    impl->need_layer(request.layer, job);
    auto made = make_missed_view(*impl->tap, request, job);
    impl->publisher.update([&](EngineSnapshot& s) { s.missed = made; });
  });
}

void Engine::recall(int layer, int head) {
  impl_->work_out("recall", "recall of all blocks", [impl = impl_.get(), layer, head](const Job& job) {
    impl->need_layer(layer, job);
    auto made = make_recall_view(*impl->tap, layer, head, job);
    impl->publisher.update([&](EngineSnapshot& s) { s.recall = made; });
  });
}

void Engine::attribute(const AttributionRequest& request) {
  impl_->work_out("attribution", "attributing the prediction", [impl = impl_.get(), request](const Job& job) {
    const Predictor& network = impl->network("attribution");  // a record's prediction may have no field
    const std::string unit = impl->publisher.current().prediction->fields.front().unit();
    auto made = make_attribution_view(network, *impl->sample, request, unit, job);
    impl->publisher.update([&](EngineSnapshot& s) { s.attribution = made; });
  });
}

void Engine::what_if(const std::vector<WhatIfEntry>& entries, const QueryRequest& request) {
  impl_->work_out("what if", "predicting with changes",
                  [impl = impl_.get(), entries, request](const Job& job) { impl->run_changed(entries, request, job); });
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
