// What is shown beside another layer, head or network.

#include <cmath>

#include "app/command.h"
#include "app/explain_questions.h"
#include "core/data/field_list.h"
#include "core/engine/comparison.h"

namespace erwin::app {

namespace {

Answer side(const std::string& checkpoint, const LayerTap& layer, int head) {
  return {{"checkpoint", checkpoint},
          {"layer", layer.layer},
          {"name", layer.name},
          {"head", head >= 0 ? Answer(head) : Answer("mean")}};
}

}  // namespace

Answer answer_comparison(const ExplainOptions& options, const ExplainSource& source) {
  Against against;
  against.checkpoint = options.against;
  if (!options.against_layer.empty())
    against.layer = whole_number(options.against_layer, "--against-layer", "a layer from 0");
  if (!options.against_head.empty())
    against.head = options.against_head == "mean"
                       ? -1
                       : whole_number(options.against_head, "--against-head", "a head from 0, mean");
  QueryRequest shown;
  shown.layer = source.layers.front();
  shown.head = source.head;
  if (options.point) shown.point = asked_point(options, source);
  std::optional<Predictor::Result> other;
  if (!against.checkpoint.empty()) {
    const Predictor predictor(against.checkpoint, options.device);
    other = predictor.run(*source.cloud, source.frame, TapRequest{false, {against.layer.value_or(shown.layer)}},
                          command_job());
  }
  const ComparedSide ours{source.tap.get(), field_named(source.fields, "prediction")};
  const ComparedSide theirs = other ? ComparedSide{other->tap.get(), field_named(other->fields, "prediction")}
                                    : ComparedSide{source.tap.get(), ours.prediction};
  const auto made = make_comparison(ours, theirs, against, shown, command_job());
  write_fields(options, source, made->fields);
  const Agreement& agreement = made->agreement;
  Answer answer{{"kind", "comparison"},
                {"shown", side(source.checkpoint, ours.tap->require_layer(shown.layer), shown.head)},
                {"other", side(other ? against.checkpoint : source.checkpoint,
                               theirs.tap->require_layer(made->other.layer), made->other.head)}};
  if (options.point) answer["point"] = *options.point;
  answer["divergence"] = number(agreement.divergence);
  answer["overlap"] = number(agreement.overlap);
  answer["selected_in_common"] = number(agreement.selected);
  answer["mean_selected_in_common"] = number(agreement.mean_selected);
  answer["selected_points"] = agreement.selected_points;
  answer["prediction_correlation"] = number(agreement.prediction_correlation);
  answer["prediction_difference"] = number(agreement.prediction_difference);
  return answer;
}

}  // namespace erwin::app
