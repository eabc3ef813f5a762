// What the engine works out of a prediction's record when somebody asks.

#include <algorithm>
#include <chrono>
#include <utility>

#include "core/base/memory.h"
#include "core/data/field_list.h"
#include "core/engine/internal/engine_impl.h"
#include "core/engine/matrix_window.h"

namespace erwin {

namespace {
constexpr std::size_t kept_matrices = 16;  // at most 2^24 cells each, as a rule a hundredth of it
}  // namespace

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
                           {result.tap.get(), field_named(result.fields, "prediction")}, against, shown, job);
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

void Engine::Impl::make_ready_for_changes(const Job& job) {
  const Predictor& of = network("a what-if");
  if (!changed_runs) changed_runs.emplace(of, predicted.cloud, predicted.frame, job);
}

void Engine::Impl::run_changed(const std::vector<WhatIfEntry>& entries, const QueryRequest& request,
                               const std::vector<int>& heads, const Job& job) {
  if (std::none_of(entries.begin(), entries.end(), [](const WhatIfEntry& entry) { return entry.on; })) {
    changed.reset();
    publisher.update([](EngineSnapshot& s) {
      s.what_if = nullptr;
      s.what_if_query = nullptr;
      s.what_if_rows = nullptr;
    });
    return;
  }
  const auto& shown = publisher.current().what_if;
  if (!changed || !shown || shown->entries != entries) {
    const WhatIf what_if = what_if_of(entries, *predicted.cloud, publisher.current().prediction->layers,
                                      network("a what-if").checkpoint().config);
    make_ready_for_changes(job);
    changed = erwin::run_changed(*changed_runs, what_if, job);
    const auto made = make_what_if_view(*changed_runs, *changed, entries);
    publisher.update([&](EngineSnapshot& s) {
      s.what_if = made;
      s.what_if_query = nullptr;
      s.what_if_rows = nullptr;
    });
  }
  std::vector<int> all{request.head};
  all.insert(all.end(), heads.begin(), heads.end());
  auto views = make_changed_query_views(*changed_runs, *changed, request, all, job);
  const auto query = views.empty() ? nullptr : views.front();
  std::shared_ptr<const HeadRows> rows;
  if (!views.empty() && !heads.empty()) {
    views.erase(views.begin());
    rows = std::make_shared<const HeadRows>(HeadRows{request, heads, std::move(views), true});
  }
  publisher.update([&](EngineSnapshot& s) {
    s.what_if_query = query;
    s.what_if_rows = rows;
  });
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
      const Predictor& network = impl->network("the receptive field");  // before the sample, which a record lacks
      auto made = make_receptive_field(network, *impl->sample, point, job);
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

void Engine::ask_head_rows(const QueryRequest& request, const std::vector<int>& heads) {
  impl_->work_out("four heads", "looking where its heads look", [impl = impl_.get(), request, heads](const Job& job) {
    impl->need_layer(request.layer, job);
    const auto made =
        std::make_shared<const HeadRows>(HeadRows{request, heads, make_query_views(*impl->tap, request, heads, job)});
    impl->publisher.update([&](EngineSnapshot& s) { s.head_rows = made; });
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

void Engine::what_if(const std::vector<WhatIfEntry>& entries, const QueryRequest& request, bool live,
                     const std::vector<int>& heads) {
  impl_->work_out(
      "what if", "predicting with changes",
      [impl = impl_.get(), entries, request, heads](const Job& job) {
        impl->run_changed(entries, request, heads, job);
      },
      live);
}

void Engine::prepare_what_if() {
  impl_->work_out("ready", "getting ready for changes",
                  [impl = impl_.get()](const Job& job) { impl->make_ready_for_changes(job); });
}

}  // namespace erwin
