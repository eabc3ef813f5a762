// Questions that the network itself has to answer: what if, attribution, receptive field.

#include <charconv>
#include <cmath>
#include <memory>
#include <string>

#include "app/command.h"
#include "app/explain_questions.h"
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

double decimal(const std::string& text, const std::string& option) {
  double value = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (failure != std::errc() || end != text.data() + text.size() || text.empty())
    refuse("a number is not understood", option + ": '" + text + "'");
  return value;
}

std::vector<std::string> parts_of(const std::string& text, char separator) {
  std::vector<std::string> parts{""};
  for (const char c : text)
    if (c == separator)
      parts.emplace_back();
    else
      parts.back() += c;
  return parts;
}

// "12,40-45": ids and runs of ids, both ends included.
std::vector<std::int64_t> points_of(const PointCloud& cloud, const std::string& text, const std::string& option) {
  std::vector<std::int64_t> points;
  for (const std::string& part : parts_of(text, ',')) {
    const std::vector<std::string> ends = parts_of(part, '-');
    const int first = whole_number(ends.front(), option.c_str(), "ids and runs of ids: 3,10-20");
    const int last = whole_number(ends.back(), option.c_str(), "ids and runs of ids: 3,10-20");
    if (ends.size() > 2 || last < first) refuse("ids are not understood", option + ": " + part);
    for (int id = first; id <= last; ++id) points.push_back(point_of(cloud, id));
  }
  return points;
}

// One key=value of --what-if. Blocks are forced for the block of --point in the chosen layer.
class WhatIfParser {
public:
  WhatIfParser(const ExplainOptions& options, const ExplainSource& source) : options_(options), source_(source) {}

  void add(const std::string& text) {
    const std::size_t equals = text.find('=');
    if (equals == std::string::npos) refuse("a what-if is key=value", text, allowed);
    const std::string key = text.substr(0, equals), value = text.substr(equals + 1);
    const int layer = options_.layer == "all" ? -1 : source_.layers.front();
    if (key == "force-in" || key == "force-out" || key == "hide-block")
      add_block(key, value, layer);
    else if (key == "head-off")
      result_.attention.gates.push_back({.layer = layer, .head = whole_number(value, "head-off", "a head from 0")});
    else if (key == "branch-off" || key.starts_with("gate."))
      add_gate(key, value, layer);
    else if (key == "S")
      result_.attention.selections.push_back(
          {.layer = layer, .selected_blocks = whole_number(value, "S", "1 and more"), .exclude = std::nullopt});
    else if (key == "exclude")
      result_.attention.selections.push_back(
          {.layer = layer, .selected_blocks = std::nullopt, .exclude = exclude_of(value)});
    else
      add_cloud_change(key, value);
  }

  const WhatIf& result() const { return result_; }

private:
  static constexpr const char* allowed =
      "Keys: force-in, force-out, hide-block, head-off, branch-off, gate.local, gate.compressed, gate.selected, S, "
      "exclude, hide, move, scale, edit";

  void add_block(const std::string& key, const std::string& value, int layer) {
    ForcedBlock forced;
    forced.layer = layer;
    forced.block = whole_number(value, key.c_str(), "a block from 0");
    forced.in = key == "force-in";
    forced.everywhere = key == "hide-block";
    if (!forced.everywhere) {
      if (layer < 0) refuse(key + " is about one layer", "--layer all", "Give a layer");
      const LayerTap& tap = source_.layer();
      if (tap.block_size < 1) refuse("this layer selects no blocks, so none can be forced", tap.name);
      forced.query_block = tap.slot_of_point(asked_point(options_, source_)) / tap.block_size;
    }
    result_.attention.forced.push_back(forced);
  }

  void add_gate(const std::string& key, const std::string& value, int layer) {
    const bool off = key == "branch-off";
    const std::string name = off ? value : key.substr(5);
    for (const Branch branch : {Branch::Local, Branch::Compressed, Branch::Selected})
      if (name == name_of(branch)) {
        result_.attention.gates.push_back(
            {.layer = layer, .head = source_.head, .branch = branch, .value = off ? 0 : decimal(value, key)});
        return;
      }
    refuse("there is no branch of this name", name, "Allowed: local, compressed, selected");
  }

  static Exclude exclude_of(const std::string& value) {
    for (const Exclude exclude : {Exclude::Ball, Exclude::Block, Exclude::None})
      if (value == name_of(exclude)) return exclude;
    refuse("exclude is not understood", value, "Allowed: ball, block, none");
  }

  void add_cloud_change(const std::string& key, const std::string& value) {
    const PointCloud& cloud = *source_.cloud;
    const std::vector<std::string> parts = parts_of(value, ':');
    const auto need = [&](std::size_t count, const char* form) {
      if (parts.size() != count) refuse("a what-if is not understood", key + "=" + value, form);
    };
    if (key == "hide") {
      for (const std::int64_t point : points_of(cloud, value, key)) result_.cloud.hidden.push_back(point);
    } else if (key == "move") {
      need(2, "move=IDS:dx,dy,dz");
      const std::vector<std::string> axes = parts_of(parts[1], ',');
      if (axes.size() != 3) refuse("a what-if is not understood", key + "=" + value, "move=IDS:dx,dy,dz");
      result_.cloud.movements.push_back(
          {points_of(cloud, parts[0], key), {decimal(axes[0], key), decimal(axes[1], key), decimal(axes[2], key)}, 1});
    } else if (key == "scale") {
      need(2, "scale=IDS:factor");
      result_.cloud.movements.push_back({points_of(cloud, parts[0], key), {}, decimal(parts[1], key)});
    } else if (key == "edit") {
      need(4, "edit=FIELD:IDS:factor:offset");
      result_.cloud.edits.push_back(
          {parts[0], points_of(cloud, parts[1], key), -1, decimal(parts[2], key), decimal(parts[3], key)});
    } else {
      refuse("there is no what-if of this name", key, allowed);
    }
  }

  const ExplainOptions& options_;
  const ExplainSource& source_;
  WhatIf result_;
};

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
  AttributionRequest request;
  request.point = asked_point(options, source);
  request.component = options.component;
  request.layer = source.layers.front();
  request.most_blocks = options.blocks;
  if (options.knock_out != "selection" && options.knock_out != "everywhere")
    refuse("--knock-out is not understood", options.knock_out, "Allowed: selection, everywhere");
  request.knock_out = options.knock_out == "selection" ? KnockOut::Selection : KnockOut::Everywhere;
  request.all_layers = options.all_layers;
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
          {"knock_out", options.knock_out},
          {"contribution_correlation", number(result.contribution_correlation)},
          {"attention_correlation", number(result.attention_correlation)},
          {"blocks", blocks},
          {"curves", curves}};
}

Answer answer_what_if(const ExplainOptions& options, const ExplainSource& source) {
  const Predictor& predictor = require_network(source, "what-if");
  WhatIfParser parser(options, source);
  for (const std::string& text : options.what_if) parser.add(text);
  const WhatIfRunner runner(predictor, source.cloud, source.frame, command_job());
  const WhatIfRunner::Result result = runner.run(parser.result(), std::nullopt, command_job());
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
                {"hidden", std::ssize(parser.result().cloud.hidden)},
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
