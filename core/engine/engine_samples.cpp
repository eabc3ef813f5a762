// Another sample beside the predicted one: the same network runs on it, and answers of it what is shown of the other.

#include <algorithm>
#include <utility>

#include "core/base/memory.h"
#include "core/engine/internal/engine_impl.h"

namespace erwin {

namespace {

constexpr double record_limit = 1 << 29;  // beside the shown sample's record

std::vector<int> layers_of(const Tap& tap, int up_to) {
  std::vector<int> layers;
  for (const LayerTap& layer : tap.layers)
    if (layer.layer <= up_to) layers.push_back(layer.layer);
  return layers;
}

}  // namespace

// The record of the other sample with q, k, v of these layers; it is run again where the kept one lacks some.
TapPtr Engine::Impl::record_beside(const Subject& subject, const std::vector<int>& layers, const Job& job) {
  const Predictor& of = network("a prediction of another sample");
  const auto has = [&](int wanted_layer) {
    const auto& taps = beside->run.tap->layers;
    const auto found =
        std::find_if(taps.begin(), taps.end(), [&](const LayerTap& one) { return one.layer == wanted_layer; });
    return found == taps.end() || found->has_qkv();  // one that is not there is told by whoever asks it
  };
  if (beside && beside->of == subject && std::all_of(layers.begin(), layers.end(), has)) return beside->run.tap;
  beside.reset();
  const double bytes = record_bytes(of.checkpoint().config, subject.cloud->size());
  TapRequest request;
  request.all_layers = bytes < record_limit;
  request.layers = layers;
  Beside made{subject, of.run(*subject.cloud, subject.frame, request, job), {}};
  const auto prediction = make_prediction(subject.cloud, made.run, job);
  prediction->frame = subject.frame;
  made.prediction = prediction;
  beside = std::move(made);
  return beside->run.tap;
}

void Engine::Impl::answer_beside(SampleComparison& made, const Subject& subject, const Job& job) {
  const QueryRequest& query = made.query;
  const std::string& name = made.request.field;
  const TapPtr record = record_beside(subject, {query.layer}, job);
  made.prediction = beside->prediction;
  record->require_layer(query.layer);
  made.gates = make_gate_fields(*record, query.layer, query.head, job);
  if (query.point >= 0) made.view = std::make_shared<const QueryView>(make_query_view(*record, query, job));
  if (find_summary_field(name)) {
    std::vector<LayerSummary> parts;
    for (const int one :
         made.request.all_layers ? layers_of(*record, record->layers.back().layer) : std::vector<int>{query.layer})
      parts.push_back(*make_summary_fields(*record_beside(subject, {one}, job), *subject.cloud, subject.frame, one,
                                           query.head, job));
    made.summary = std::make_shared<const LayerSummary>(made.request.all_layers ? mean_of(parts) : parts.front());
  } else if (meaning_of_recall_field(name)) {
    made.recall = make_recall_view(*record, query.layer, query.head, job);
  } else if (query.point >= 0 && is_who_looks_field(name)) {
    made.who_looks = make_who_looks(*record, query, name, job);
  } else if (query.point >= 0 && name == receptive_field_name) {
    made.receptive = make_receptive_field(*predictor, *beside->run.sample, query.point, job);
  } else if (query.point >= 0 && name == rollout_field) {
    const TapPtr deep = record_beside(subject, layers_of(*record, query.layer), job);
    made.rollout = make_rollout(*deep, query.point, query.layer, job);
  }
}

void Engine::compare_sample(const SampleRequest& request, PointCloudPtr cloud) {
  impl_->work_out("sample", "predicting the other sample", [impl = impl_.get(), request, cloud](const Job& job) {
    if (!cloud) {
      impl->beside.reset();
      impl->publisher.update([](EngineSnapshot& s) { s.sample_comparison = nullptr; });
      return;
    }
    const Subject& own = impl->predicted;
    auto made = std::make_shared<SampleComparison>();
    made->request = request;
    made->shown_cloud = own.cloud;
    made->cloud = cloud;
    made->frame = std::min(own.frame, cloud->frames() - 1);
    made->query = other_side(request.against, request.shown);
    made->query.point = -1;
    if (request.against.point >= 0)
      made->query.point = cloud->point_of_row(request.against.point);
    else if (request.shown.point >= 0)
      made->query.point = corresponding_point(*own.cloud, own.frame, request.shown.point, *cloud, made->frame);
    impl->answer_beside(*made, {cloud, made->frame}, job);
    impl->publisher.update([&](EngineSnapshot& s) { s.sample_comparison = made; });
  });
}

// Needs no network: fields of the clouds have numbers, too.
void Engine::compare_fields(const FieldPair& pair) {
  impl_->worker.post(
      [impl = impl_.get(), pair](std::stop_token stop) {
        impl->publisher.run("comparing distributions", stop, [&](const Job& job) {
          auto made = std::make_shared<const ComparedFields>(
              ComparedFields{pair, compare_distributions(*pair.shown, pair.shown_frame, *pair.other, pair.other_frame,
                                                         pair.component, job)});
          impl->publisher.update([&](EngineSnapshot& s) { s.compared_fields = made; });
        });
      },
      "fields");
}

}  // namespace erwin
