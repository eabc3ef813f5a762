// `erwinscope explain`: one query of one layer, or of all layers, as text or JSON; and questions about whole layers
// (explain_record.cpp) and about what the network makes of it (explain_network.cpp).

#include "core/attention/explain.h"

#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "app/command.h"
#include "app/explain_questions.h"
#include "app/open_options.h"

namespace erwin::app {

namespace {

std::vector<ExplanationSource::Value> values_at(const std::vector<Field>& fields, std::int64_t point) {
  std::vector<ExplanationSource::Value> values;
  for (const Field& field : fields) {
    ExplanationSource::Value value{field.name(), field.unit(), {}};
    for (int component = 0; component < field.components(); ++component)
      value.components.push_back(field.value(point, component));
    values.push_back(std::move(value));
  }
  return values;
}

void print(const std::string& text) {
  std::fputs(text.c_str(), stdout);
}

void explain_point(const ExplainOptions& options) {
  const Job& job = command_job();
  const ExplainSource source = load_source(options, false);
  ExplainRequest request;
  request.point = asked_point(options, source);
  request.frame = source.frame;
  request.head = source.head;
  request.top = options.top;
  std::vector<Explanation> explanations;
  for (const int layer : source.layers) {
    request.layer = layer;
    explanations.push_back(
        explain(*source.tap, *source.cloud, *source.tree(source.tap->require_layer(layer)), request, job));
  }
  const ExplanationSource made_from{source.checkpoint,
                                    source.data,
                                    source.sample_name,
                                    source.model,
                                    source.device,
                                    source.cloud->unit(),
                                    values_at(source.fields, request.point)};
  print(options.json ? to_json(explanations, made_from) + "\n" : to_text(explanations, made_from));
}

// An answer for a terminal: a line per number, a table per list of objects.
void add_lines(const Answer& value, const std::string& indent, std::string& text) {
  const auto one = [](const Answer& number) {
    if (!number.is_number_float()) return number.is_string() ? number.get<std::string>() : number.dump();
    char buffer[40];
    std::snprintf(buffer, sizeof buffer, "%.6g", number.get<double>());
    return std::string(buffer);
  };
  for (const auto& [key, part] : value.items()) {
    if (part.is_object()) {
      text += indent + key + "\n";
      add_lines(part, indent + "  ", text);
    } else if (part.is_array() && !part.empty() && part.front().is_object()) {
      text += indent + key + "\n";
      for (const Answer& entry : part) {
        std::string line = indent + "  ", below;
        for (const auto& [name, cell] : entry.items())
          if (cell.is_object() || (cell.is_array() && !cell.empty() && cell.front().is_object()))
            add_lines(Answer{{name, cell}}, indent + "    ", below);
          else if (!cell.is_array() || cell.size() <= 3)
            line += name + " " + (cell.is_array() ? cell.dump() : one(cell)) + "  ";
        text += line + "\n" + below;
      }
    } else {
      text += indent + key + ": " + one(part) + "\n";
    }
  }
}

void ask(const ExplainOptions& options) {
  struct Question {
    bool asked;
    Answer (*answer)(const ExplainOptions&, const ExplainSource&);
    bool every_layer;
  };
  const bool sampling = !options.against_sample.empty();
  const bool comparing =
      !sampling && (!options.against.empty() || !options.against_layer.empty() || !options.against_head.empty());
  const std::vector<Question> questions{{options.summary, answer_summary, false},
                                        {options.heads, answer_heads, false},
                                        {!options.matrix.empty(), answer_matrix, false},
                                        {options.attended_by, answer_attended_by, false},
                                        {options.attends_to, answer_attends_to, false},
                                        {options.recall, answer_recall, false},
                                        {options.rollout, answer_rollout, true},
                                        {options.receptive_field, answer_receptive_field, false},
                                        {options.attribution, answer_attribution, false},
                                        {!options.what_if.empty(), answer_what_if, false},
                                        {comparing, answer_comparison, !options.against_layer.empty()},
                                        {sampling, answer_samples, false}};
  const Question* asked = nullptr;
  for (const Question& question : questions) {
    if (!question.asked) continue;
    if (asked) refuse("one question at a time", "two of the questions were asked");
    asked = &question;
  }
  if (!asked) return explain_point(options);
  const ExplainSource source = load_source(options, asked->every_layer);
  Answer answer{{"schema", 1}};
  answer.update(asked->answer(options, source));
  answer["data"] = source.data;
  answer["sample"] = source.sample_name;
  if (!source.checkpoint.empty()) answer["checkpoint"] = source.checkpoint;
  if (!options.out.empty()) answer["out"] = options.out;
  std::string text;
  if (!options.json) add_lines(answer, "", text);
  print(options.json ? answer.dump(2, ' ', false, Answer::error_handler_t::replace) + "\n" : text);
}

void add_questions(CLI::App& command, ExplainOptions& options) {
  const auto group = command.add_option_group("questions", "one of these instead of the plain explanation");
  group->add_flag("--summary", options.summary,
                  "entropy, reach, received attention, gates ... of every point (fields to --out)");
  group->add_flag("--heads", options.heads, "every head of the layers: distance, entropy, gates, agreement");
  group->add_option("--matrix", options.matrix, "the attention matrix in tree order, to this CSV file");
  group->add_flag("--attended-by", options.attended_by, "who looks at the point, or at --points");
  group->add_flag("--attends-to", options.attends_to, "where --points look: the mean of their rows");
  group->add_option("--against", options.against,
                    "compare with this checkpoint on the same cloud: how much they agree");
  group->add_option("--against-layer", options.against_layer,
                    "compare with this layer, of --against or the same network");
  group->add_option("--against-head", options.against_head, "compare with this head, or mean");
  group->add_option("--against-sample", options.against_sample,
                    "compare with this sample of the data set, or file: how the values of all fields are distributed");
  group->add_flag("--recall", options.recall, "how much of the exact attention the selection catches, everywhere");
  group->add_flag("--rollout", options.rollout, "where the point looks through all layers up to --layer");
  group->add_flag("--receptive-field", options.receptive_field, "which points' features the prediction depends on");
  group->add_flag("--attribution", options.attribution,
                  "the layer's share of the prediction by branch and block, checked by taking blocks away");
  group->add_option(
      "--what-if", options.what_if,
      "'KEY=VALUE [--layer N|all] [--head N|mean]', may be repeated; keys: force-in, force-out, hide-block, head-off, "
      "branch-off, gate.BRANCH, S, exclude, hide, move, scale, edit");
}

void add_details(CLI::App& command, ExplainOptions& options) {
  const auto group = command.add_option_group("details", "of the questions");
  group->add_option("--out", options.out,
                    "write the question's fields: .h5, .vtp or .csv; heads: a chart, .svg, or .csv");
  group->add_option("--branch", options.branch, "all, local, compressed, selected")->capture_default_str();
  group->add_option("--row-level", options.row_level, "matrix: tree level of the rows, 0 is the root")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  group->add_option("--column-level", options.column_level, "matrix: tree level of the columns; as the rows'");
  group
      ->add_option("--blocks-per-row", options.blocks_per_row,
                   "matrix: approximate, from the mean queries of at most this many blocks; 0: exact")
      ->check(CLI::NonNegativeNumber);
  group->add_option("--queries", options.queries, "heads: points to look at, 0: all")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  group->add_option("--unit", options.unit, "rollout: slots of a unit, 0: the layers' blocks")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  group->add_option("--component", options.attributed.component, "attribution: component of the prediction")
      ->check(CLI::NonNegativeNumber);
  add_attribution_options(*group, options.attributed);
}

const CommandRegistration registration{[](CLI::App& app) {
  const auto options = std::make_shared<ExplainOptions>();
  CLI::App* command =
      app.add_subcommand("explain", "where one point looks: ball path, gates, selected blocks, top attended points");
  command
      ->add_option("CHECKPOINT_DATA", options->files,
                   "a checkpoint and a file, folder or manifest of data, in either order; or one attention record")
      ->required()
      ->expected(1, 2);
  command->add_option("--point", options->point,
                      "the query: a row of the file, counted from 0 before anything is dropped");
  command->add_option("--points", options->points, "several points: ids and runs of ids, like 3,10-20");
  command->add_option("--sample", options->sample, "sample of the data set; the first where none is given");
  command->add_option("--frame", options->frame, "frame of the sample, from 0")->check(CLI::NonNegativeNumber);
  command->add_option("--layer", options->layer, "attention layer from 0 in order of evaluation, last, or all")
      ->capture_default_str();
  command->add_option("--head", options->head, "query head from 0, or mean")->capture_default_str();
  command->add_option("--top", options->top, "attended points to list")
      ->check(CLI::Range(0, 1000000))
      ->capture_default_str();
  command->add_option("--device", options->device, "cpu, cuda, cuda:1, auto")->capture_default_str();
  add_open_options(*command, options->open);
  command->add_flag("--json", options->json, "as JSON, see resources/help/explain.md");
  add_questions(*command, *options);
  add_details(*command, *options);
  command->callback([options] { ask(*options); });
}};

}  // namespace

}  // namespace erwin::app
