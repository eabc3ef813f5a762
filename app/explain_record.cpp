// Questions that a record of attention answers by itself.

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <numeric>

#include "app/command.h"
#include "app/explain_questions.h"
#include "core/attention/direction.h"
#include "core/attention/heads_files.h"
#include "core/attention/matrix.h"
#include "core/attention/recall.h"
#include "core/attention/rollout.h"
#include "core/attention/summary.h"
#include "core/base/atomic_file.h"
#include "core/data/field_list.h"
#include "core/data/result_cloud.h"
#include "core/io/write.h"

namespace erwin::app {

namespace {

Branch branch_of(const std::string& name) {
  for (const Branch branch : {Branch::All, Branch::Local, Branch::Compressed, Branch::Selected})
    if (name == name_of(branch)) return branch;
  refuse("there is no branch of this name", "--branch " + name, "Allowed: all, local, compressed, selected");
}

// Mean, smallest and largest of a field's finite values.
Answer shape_of(const Field& field) {
  double sum = 0, count = 0;
  for (std::int64_t point = 0; point < field.points(); ++point)
    if (const double value = field.value(point); std::isfinite(value)) {
      sum += value;
      ++count;
    }
  const auto range = field.range();
  return {{"mean", number(count > 0 ? sum / count : NAN)},
          {"minimum", range ? number(range->minimum) : Answer(nullptr)},
          {"maximum", range ? number(range->maximum) : Answer(nullptr)},
          {"unit", field.unit()}};
}

// The heaviest points of a field, ids as the file counts.
Answer top_points(const ExplainSource& source, std::span<const float> weights, int count) {
  std::vector<std::int64_t> order(weights.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](auto a, auto b) {
    return weights[static_cast<std::size_t>(a)] > weights[static_cast<std::size_t>(b)];
  });
  if (std::ssize(order) > count) order.resize(static_cast<std::size_t>(count));
  Answer list = Answer::array();
  for (const std::int64_t point : order)
    list.push_back({{"id", source.cloud->row_id(point)},
                    {"weight", number(static_cast<double>(weights[static_cast<std::size_t>(point)]))},
                    {"position", source.cloud->position(point, source.frame)}});
  return list;
}

// Layer, head and branch of a question about rows, put into the query, and what its answer begins with.
template <typename Query>
Answer about_rows(const char* kind, const ExplainOptions& options, const ExplainSource& source, Query& query) {
  query.layer = source.layers.front();
  query.head = source.head;
  query.branch = branch_of(options.branch);
  Answer answer{{"kind", kind},
                {"layer", query.layer},
                {"name", source.layer().name},
                {"head", source.head >= 0 ? Answer(source.head) : Answer("mean")},
                {"branch", name_of(query.branch)}};
  if (options.points.empty())
    answer["point"] = *options.point;
  else
    answer["points"] = query.points.size();
  return answer;
}

Answer concentration(const Concentration& value) {
  return {{"share_50", value.share_50}, {"share_90", value.share_90}, {"share_99", value.share_99}};
}

std::string csv_of(const AttentionMatrix& matrix) {
  const auto& rows = matrix.request.rows.slot_begin;
  const auto& columns = matrix.request.columns.slot_begin;
  std::string text = "first_slot,end_slot,queries,exact,memory";
  for (std::size_t c = 0; c + 1 < columns.size(); ++c)
    text += ",slots_" + std::to_string(columns[c]) + "_" + std::to_string(columns[c + 1]);
  char buffer[40];
  for (std::size_t r = 0; r + 1 < rows.size(); ++r) {
    text += "\n" + std::to_string(rows[r]) + "," + std::to_string(rows[r + 1]) + "," +
            std::to_string(matrix.queries[r]) + "," + (matrix.exact[r] ? "1" : "0");
    const auto add = [&](float value) {
      std::snprintf(buffer, sizeof buffer, ",%.9g", static_cast<double>(value));
      text += buffer;
    };
    add(matrix.memory[r]);
    for (std::size_t c = 0; c + 1 < columns.size(); ++c) add(matrix.cells[r * (columns.size() - 1) + c]);
  }
  return text + "\n";
}

}  // namespace

Answer number(double value) {
  return std::isfinite(value) ? Answer(value) : Answer(nullptr);
}

void write_fields(const ExplainOptions& options, const ExplainSource& source, std::vector<Field> fields) {
  if (options.out.empty()) return;
  io::write(options.out,
            {{source.sample_name.empty() ? "sample" : source.sample_name,
              result_cloud(*source.cloud, source.frame, std::move(fields))}},
            command_job());
}

Answer answer_summary(const ExplainOptions& options, const ExplainSource& source) {
  const std::vector<LayerSummary> layers =
      summarise(*source.tap, source.cloud->positions(source.frame), source.cloud->unit(),
                {.layers = source.layers, .head = source.head}, command_job());
  Answer list = Answer::array();
  std::vector<Field> fields;
  const auto add = [&](const LayerSummary& summary, const std::string& prefix) {
    Answer entry{{"layer", summary.layer >= 0 ? Answer(summary.layer) : Answer("mean")}, {"name", summary.name}};
    Answer shapes = Answer::object();
    for (const Field& field : summary.fields) {
      shapes[field.name()] = shape_of(field);
      fields.push_back(renamed(field, prefix + field.name()));
    }
    entry["fields"] = std::move(shapes);
    list.push_back(std::move(entry));
  };
  for (const LayerSummary& layer : layers)
    add(layer, layers.size() > 1 ? "layer" + std::to_string(layer.layer) + "_" : "");
  if (layers.size() > 1) add(mean_of(layers), "mean_");
  write_fields(options, source, std::move(fields));
  return {{"kind", "summary"}, {"head", source.head >= 0 ? Answer(source.head) : Answer("mean")}, {"layers", list}};
}

Answer answer_heads(const ExplainOptions& options, const ExplainSource& source) {
  const std::string extension = std::filesystem::path(options.out).extension().string();
  if (!options.out.empty() && extension != ".svg" && extension != ".csv")
    refuse("this kind of file is not known", "--out " + options.out, "Name it .svg or .csv");
  const std::vector<LayerGlance> layers =
      glance_at_heads(*source.tap, source.cloud->positions(source.frame),
                      {.layers = source.layers, .most_queries = options.queries}, command_job());
  if (!options.out.empty())
    write_text_atomically(options.out,
                          extension == ".svg" ? heads_svg(layers, source.cloud->unit()) : heads_csv(layers));
  Answer list = Answer::array();
  for (const LayerGlance& layer : layers) {
    Answer heads = Answer::array();
    for (const HeadGlance& head : layer.heads)
      heads.push_back({{"head", head.head},
                       {"gate_local", head.gate_local},
                       {"gate_compressed", head.gate_compressed},
                       {"gate_selected", head.gate_selected},
                       {"entropy", head.entropy},
                       {"effective_keys", head.effective_keys},
                       {"distance", head.distance},
                       {"memory", head.memory},
                       {"agreement", head.agreement}});
    list.push_back({{"layer", layer.layer},
                    {"name", layer.name},
                    {"kind", name_of(layer.kind)},
                    {"queries", layer.queries},
                    {"points", layer.points},
                    {"heads", heads},
                    {"overlap", layer.overlap}});
  }
  return {{"kind", "heads"}, {"unit", source.cloud->unit()}, {"layers", list}};
}

Answer answer_matrix(const ExplainOptions& options, const ExplainSource& source) {
  const LayerTap& layer = source.layer();
  const BallTreePtr tree = source.tree(layer);
  const int levels = level_count(layer, *tree);
  const int rows = std::min(options.row_level, levels - 1);
  const int columns = options.column_level >= 0 ? options.column_level : rows;
  MatrixRequest request;
  request.layer = layer.layer;
  request.head = source.head;
  request.branch = branch_of(options.branch);
  request.rows = axis_of_level(layer, *tree, rows);
  request.columns = axis_of_level(layer, *tree, columns);
  request.blocks_per_row = options.blocks_per_row;
  const AttentionMatrix matrix = attention_matrix(*source.tap, request, command_job());
  write_text_atomically(options.matrix, csv_of(matrix));
  return {{"kind", "matrix"},
          {"file", options.matrix},
          {"layer", layer.layer},
          {"name", layer.name},
          {"head", source.head >= 0 ? Answer(source.head) : Answer("mean")},
          {"branch", name_of(request.branch)},
          {"rows", {{"level", rows}, {"cells", request.rows.cells()}}},
          {"columns", {{"level", columns}, {"cells", request.columns.cells()}}},
          {"levels", levels},
          {"exact", matrix.is_exact()}};
}

Answer answer_attended_by(const ExplainOptions& options, const ExplainSource& source) {
  AttendedByQuery query;
  query.points = asked_points(options, source);
  Answer answer = about_rows("attended_by", options, source, query);
  const AttendedBy result = attended_by(*source.tap, query, command_job());
  Answer selectors = Answer::array();
  for (const auto& selector : result.selectors)
    selectors.push_back({{"block", selector.query_block}, {"rank", selector.rank}});
  write_fields(options, source, {Field("attended_by", FieldKind::Scalar, 1, result.points)});
  answer["received"] = result.received;
  answer["from_itself"] = result.from_itself;
  answer["top"] = top_points(source, result.points, options.top);
  answer["selectors"] = selectors;
  return answer;
}

Answer answer_attends_to(const ExplainOptions& options, const ExplainSource& source) {
  AttentionQuery query;
  query.points = asked_points(options, source);
  Answer answer = about_rows("attends_to", options, source, query);
  const AttentionRow row = attention_row(*source.tap, query, command_job());
  double inside = 0;
  for (const std::int64_t point : query.points)
    inside += static_cast<double>(row.points[static_cast<std::size_t>(point)]);
  write_fields(options, source, {Field("attends_to", FieldKind::Scalar, 1, row.points)});
  answer["sum"] = row.local + row.compressed + row.selected_sum;
  answer["on_itself"] = inside;
  answer["memory"] = row.memory;
  answer["top"] = top_points(source, row.points, options.top);
  return answer;
}

Answer answer_recall(const ExplainOptions& options, const ExplainSource& source) {
  Answer list = Answer::array();
  std::vector<Field> fields;
  for (const int number_of_layer : source.layers) {
    const LayerTap& layer = source.tap->require_layer(number_of_layer);
    const RecallField result =
        recall_field(*source.tap, {.layer = number_of_layer, .head = source.head}, command_job());
    list.push_back({{"layer", layer.layer},
                    {"name", layer.name},
                    {"recall", number(result.mean_recall)},
                    {"rank_correlation", number(result.mean_rank_correlation)},
                    {"queries", result.queries},
                    {"blocks", layer.blocks()}});
    const std::string prefix = source.layers.size() > 1 ? "layer" + std::to_string(number_of_layer) + "_" : "";
    for (const Field& field : result.fields) fields.push_back(renamed(field, prefix + field.name()));
  }
  write_fields(options, source, std::move(fields));
  return {{"kind", "recall"}, {"layers", list}};
}

Answer answer_rollout(const ExplainOptions& options, const ExplainSource& source) {
  RolloutRequest request;
  request.point = asked_point(options, source);
  request.last_layer = source.layers.back();
  request.unit_slots = options.unit;
  const std::vector<RolloutStep> steps = rollout(*source.tap, request, command_job());
  Answer list = Answer::array();
  std::vector<Field> fields;
  for (const RolloutStep& step : steps) {
    list.push_back({{"layer", step.layer},
                    {"name", step.name},
                    {"sink", step.sink},
                    {"concentration", concentration(step.concentration)}});
    fields.emplace_back("rollout_layer" + std::to_string(step.layer), FieldKind::Scalar, 1, step.points);
  }
  write_fields(options, source, std::move(fields));
  return {{"kind", "rollout"},
          {"point", *options.point},
          {"unit_slots", options.unit},
          {"steps", list},
          {"top", top_points(source, steps.back().points, options.top)}};
}

}  // namespace erwin::app
