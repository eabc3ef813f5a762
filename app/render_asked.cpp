#include "app/render_asked.h"

#include "app/command.h"
#include "core/base/error.h"
#include "core/data/field_list.h"
#include "core/engine/attribution_view.h"
#include "core/engine/comparison.h"
#include "core/engine/missed_view.h"
#include "core/engine/reach_fields.h"
#include "core/engine/set_looks.h"
#include "core/engine/summary_fields.h"
#include "core/engine/who_looks.h"
#include "ui/panels/colour_choices.h"

namespace erwin::app {

namespace {

std::shared_ptr<const LayerSummary> summary_of(const ui::SceneData& data, const ui::SceneState& state, const Tap& tap) {
  std::vector<LayerSummary> parts;
  for (const LayerTap& layer : tap.layers)
    if (state.summary == ui::SummaryOf::AllLayers || layer.layer == state.query.layer)
      parts.push_back(
          *make_summary_fields(tap, *data.cloud, state.frame, layer.layer, state.query.head, command_job()));
  return std::make_shared<const LayerSummary>(state.summary == ui::SummaryOf::AllLayers ? mean_of(parts)
                                                                                        : std::move(parts.front()));
}

std::shared_ptr<const Comparison> comparison_of(const ui::SceneData& data, const ui::SceneState& state,
                                                const Predictor* predictor, const Predictor::Result& own,
                                                const std::string& device) {
  const Against against = against_from(state.against);
  if (against.empty())
    throw Error(ErrorKind::Config, "there is nothing to compare with", "field " + state.field,
                "Name it with --against, like layer=2, head=0 or a checkpoint");
  const int other_layer = against.layer.value_or(state.query.layer);
  const auto run = [&](const Predictor& network, std::vector<int> layers) {
    return network.run(*data.cloud, state.frame, TapRequest{false, std::move(layers)}, command_job());
  };
  if (against.checkpoint.empty()) {
    const TapPtr both = !predictor || other_layer == state.query.layer
                            ? own.tap
                            : run(*predictor, {state.query.layer, other_layer}).tap;
    return make_comparison({both.get(), nullptr}, {both.get(), nullptr}, against, state.query, command_job());
  }
  const Predictor::Result other = run(Predictor(against.checkpoint, device), {other_layer});
  return make_comparison({own.tap.get(), field_named(own.fields, "prediction")},
                         {other.tap.get(), field_named(other.fields, "prediction")}, against, state.query,
                         command_job());
}

}  // namespace

void work_out_asked(ui::SceneData& data, const ui::SceneState& state, const Predictor* predictor,
                    const Predictor::Result& result, const std::string& device, int predicted_component) {
  if (state.colour_by != ui::ColourBy::Field) return;
  const std::string& name = state.field;
  const QueryRequest& query = state.query;
  if (name == contribution_field && predictor && query.point >= 0) {
    AttributionRequest request{query.point, predicted_component, query.layer};
    request.most_blocks = 0;  // the field alone
    data.attribution = make_attribution_view(*predictor, *result.sample, request,
                                             data.prediction->fields.front().unit(), command_job());
  } else if (is_compared_field(name)) {
    data.comparison = comparison_of(data, state, predictor, result, device);
  } else if (!ui::is_on_request(data, state, name)) {
    return;
  } else if (is_who_looks_field(name)) {
    data.who_looks = make_who_looks(*result.tap, query, name, command_job());
  } else if (meaning_of_recall_field(name)) {
    data.recall = make_recall_view(*result.tap, query.layer, query.head, command_job());
  } else if (is_set_field(name)) {
    data.set_looks =
        make_set_looks(*result.tap, state.picked, {-1, query.layer, query.head, query.branch}, name, command_job());
  } else if (name == receptive_field_name) {
    if (!predictor)
      throw Error(ErrorKind::Config, "the receptive field needs a network", "field " + name,
                  "Give a checkpoint and the data that the record was made from");
    data.receptive = make_receptive_field(*predictor, *result.sample, query.point, command_job());
  } else {
    TapRequest all;
    all.all_layers = true;
    const bool one = !predictor || (name != rollout_field && state.summary != ui::SummaryOf::AllLayers);
    const TapPtr tap = one ? result.tap : predictor->run(*data.cloud, state.frame, all, command_job()).tap;
    if (name == rollout_field)
      data.rollout = make_rollout(*tap, query.point, query.layer, command_job());
    else
      data.summary = summary_of(data, state, *tap);
  }
}

}  // namespace erwin::app
