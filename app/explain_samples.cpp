// Another sample beside the explained one, predicted by the same network: how their fields are distributed.

#include "app/command.h"
#include "app/explain_questions.h"
#include "app/other_sample.h"
#include "core/data/distribution.h"
#include "core/data/field_list.h"
#include "core/engine/gate_fields.h"
#include "core/engine/summary_fields.h"

namespace erwin::app {

namespace {

Answer answer_of(const Distribution& values) {
  Answer quantiles = Answer::array();
  for (const double quantile : values.quantiles) quantiles.push_back(number(quantile));
  return {{"count", values.count},
          {"not_finite", values.nonfinite},
          {"mean", number(values.mean)},
          {"deviation", number(values.deviation)},
          {"minimum", number(values.minimum)},
          {"maximum", number(values.maximum)},
          {"quantiles", quantiles}};
}

// Prediction, target, error, and what sums up the layer.
std::vector<Field> fields_of(const std::vector<Field>& predicted, const Tap& tap, const PointCloud& cloud,
                             std::int64_t frame, int layer, int head) {
  std::vector<Field> fields = predicted;
  if (const auto gates = make_gate_fields(tap, layer, head, command_job()))
    fields.insert(fields.end(), gates->fields.begin(), gates->fields.end());
  const auto summary = make_summary_fields(tap, cloud, frame, layer, head, command_job());
  fields.insert(fields.end(), summary->fields.begin(), summary->fields.end());
  return fields;
}

Answer side(const std::string& name, const PointCloud& cloud, const std::optional<Metrics>& metrics) {
  Answer answer{{"sample", name}, {"points", cloud.size()}};
  if (metrics) {
    answer["relative_l2"] = number(metrics->relative_l2);
    answer["mean_absolute_error"] = number(metrics->mae);
  }
  return answer;
}

}  // namespace

Answer answer_samples(const ExplainOptions& options, const ExplainSource& source) {
  if (!options.against.empty() || !options.against_layer.empty() || !options.against_head.empty())
    refuse("another sample is compared by itself", "--against-sample", "Leave --against and its like out");
  if (!source.predictor)
    refuse("a record predicts no other sample", source.data + " is a record", "Give a checkpoint and a data set");
  const OtherSample other = open_other_sample(source.data, options.against_sample, options.open);
  const int layer = source.layers.front();
  const std::int64_t frame = std::min(source.frame, other.cloud->frames() - 1);
  const Predictor::Result result =
      source.predictor->run(*other.cloud, frame, TapRequest{false, {layer}}, command_job());
  const auto own = fields_of(source.fields, *source.tap, *source.cloud, source.frame, layer, source.head);
  const auto theirs = fields_of(result.fields, *result.tap, *other.cloud, frame, layer, source.head);
  Answer fields = Answer::array();
  for (const Field& field : own) {
    const Field* match = field_named(theirs, field.name());
    if (!match || match->components() != field.components()) continue;
    const DistributionPair pair =
        compare_distributions(field, 0, *match, 0, field.components() == 1 ? 0 : -1, command_job());
    fields.push_back({{"name", field.name()},
                      {"unit", field.unit()},
                      {"shown", answer_of(pair.shown)},
                      {"other", answer_of(pair.other)},
                      {"kolmogorov", number(pair.kolmogorov)},
                      {"wasserstein", number(pair.wasserstein)}});
  }
  return {{"kind", "samples"},
          {"layer", layer},
          {"head", source.head >= 0 ? Answer(source.head) : Answer("mean")},
          {"shown", side(source.sample_name, *source.cloud, source.metrics)},
          {"other", side(other.name, *other.cloud, result.metrics)},
          {"fields", fields}};
}

}  // namespace erwin::app
