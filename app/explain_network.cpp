// Questions that the network itself has to answer: what if, attribution, receptive field.

#include <cmath>
#include <memory>
#include <string>
#include <vector>

#include "app/command.h"
#include "app/explain_questions.h"
#include "core/data/point_set.h"
#include "core/engine/what_if_entries.h"
#include "core/model/attribution.h"
#include "core/model/receptive_field.h"
#include "core/model/what_if.h"

namespace erwin::app {

namespace {

const Predictor& require_network(const ExplainSource& source, const char* question) {
  if (!source.predictor)
    refuse(std::string(question) + " needs a network", source.data + " is a record",
           "Give a checkpoint and the data that the record was made from");
  return *source.predictor;
}

// The changes, each beside the layer, head and point that were asked for.
WhatIf what_if_of(const ExplainOptions& options, const ExplainSource& source, const ModelConfig& config) {
  WhatIfEntry entry;
  entry.layer = options.layer == "all" ? -1 : source.layers.front();
  entry.head = source.head;
  if (options.point) entry.point = asked_point(options, source);
  std::vector<WhatIfEntry> entries;
  for (const std::string& text : options.what_if) {
    entries.push_back(entry_from(text, entry, *source.cloud));
    entries.back().text = with_selection(entries.back().text, options.points);
  }
  return erwin::what_if_of(entries, *source.cloud, describe(*source.tap), config);
}

Answer value_at(const Field& field, std::int64_t point) {
  Answer values = Answer::array();
  for (int c = 0; c < field.components(); ++c) values.push_back(number(field.value(point, c)));
  return values.size() == 1 ? values[0] : values;
}

}  // namespace

Answer answer_receptive_field(const ExplainOptions& options, const ExplainSource& source) {
  const Predictor& predictor = require_network(source, "the receptive field");
  const ReceptiveField field =
      receptive_field(predictor, *source.sample, asked_point(options, source), -1, command_job());
  write_fields(options, source, {field.influence});
  return {{"kind", "receptive_field"},
          {"point", *options.point},
          {"points", source.cloud->size()},
          {"share_50", field.concentration.share_50},
          {"share_90", field.concentration.share_90},
          {"share_99", field.concentration.share_99},
          {"above_1e-10", field.above_threshold},
          {"above_0", field.above_zero}};
}

Answer answer_attribution(const ExplainOptions& options, const ExplainSource& source) {
  const Predictor& predictor = require_network(source, "attribution");
  const AttributionRequest request =
      attribution_request(options.attributed, asked_point(options, source), source.layers.front());
  const Attribution result = attribute(predictor, *source.sample, request, command_job());
  const Contribution& parts = result.contribution;
  Answer blocks = Answer::array(), curves = Answer::array();
  for (const AttributedBlock& block : result.blocks)
    blocks.push_back({{"block", block.block},
                      {"contribution", block.contribution},
                      {"measured", block.measured},
                      {"attention", block.attention},
                      {"distance", block.distance}});
  for (const DeletionCurve& curve : result.curves)
    curves.push_back(
        {{"order", curve.order}, {"removed", curve.removed}, {"change", curve.change}, {"area", curve.area}});
  write_fields(options, source,
               {Field("contribution", FieldKind::Scalar, 1, parts.points,
                      source.fields.empty() ? "" : source.fields.front().unit())});
  return {{"kind", "attribution"},
          {"layer", request.layer},
          {"name", result.layer_name},
          {"point", *options.point},
          {"component", request.component},
          {"prediction", number(result.prediction)},
          {"share", number(result.share)},
          {"remainder", number(result.remainder)},
          {"parts",
           {{"local", parts.local_sum},
            {"compressed", parts.compressed_sum},
            {"selected", parts.selected_sum},
            {"memory", parts.memory},
            {"bias", parts.bias},
            {"sum", parts.sum()},
            {"magnitude", parts.magnitude}}},
          {"knock_out", options.attributed.knock_out},
          {"contribution_correlation", number(result.contribution_correlation)},
          {"attention_correlation", number(result.attention_correlation)},
          {"blocks", blocks},
          {"curves", curves}};
}

Answer answer_what_if(const ExplainOptions& options, const ExplainSource& source) {
  const Predictor& predictor = require_network(source, "what-if");
  const WhatIf what_if = what_if_of(options, source, predictor.checkpoint().config);
  const WhatIfRunner runner(predictor, source.cloud, source.frame, command_job());
  const WhatIfRunner::Result result = runner.run(what_if, command_job());
  double square = 0, count = 0;
  for (std::int64_t point = 0; point < result.difference.points(); ++point)
    for (int c = 0; c < result.difference.components(); ++c)
      if (const double value = result.difference.value(point, c); value == value) {
        square += value * value;
        ++count;
      }
  Answer answer{{"kind", "what_if"},
                {"changes", options.what_if},
                {"unit", result.prediction.unit()},
                {"hidden", std::ssize(what_if.cloud.hidden)},
                {"largest_difference", number(result.largest_difference)},
                {"root_mean_square_difference", count > 0 ? number(std::sqrt(square / count)) : Answer(nullptr)}};
  if (options.point) {
    const std::int64_t point = asked_point(options, source);
    answer["point"] = {{"id", *options.point},
                       {"before", value_at(runner.baseline(), point)},
                       {"after", value_at(result.prediction, point)},
                       {"difference", value_at(result.difference, point)}};
  }
  write_fields(options, source, {result.prediction, result.difference});
  return answer;
}

}  // namespace erwin::app
