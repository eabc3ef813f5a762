// `erwinscope render`: the window's picture without a window.

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "app/command.h"
#include "app/inputs.h"
#include "app/open_options.h"
#include "core/base/error.h"
#include "core/dataset/dataset.h"
#include "core/engine/cloud_tree.h"
#include "core/engine/engine.h"
#include "core/engine/query_view.h"
#include "core/engine/sample_cloud.h"
#include "core/io/open.h"
#include "core/model/predict.h"
#include "ui/scene/offscreen_scene.h"

namespace erwin::app {

namespace {

using nlohmann::json;

struct Options {
  std::vector<std::string> files;
  std::string out = "erwinscope.png", sample, device = "auto", colour, camera = "iso", size = "1280x800", range;
  std::int64_t point = -1;  // id: row in the file
  std::vector<std::int64_t> locate;
  bool json = false;
  io::OpenOptions open;
  ui::SceneState state;
};

template <typename T>
void add_choice(CLI::App& command, const std::string& name, T& value, std::map<std::string, T> choices,
                const std::string& help) {
  command.add_option(name, value, help)->transform(CLI::CheckedTransformer(std::move(choices), CLI::ignore_case));
}

void parse_size(const std::string& text, ui::SceneState& state) {
  int used = 0;
  if (std::sscanf(text.c_str(), "%dx%d%n", &state.width, &state.height, &used) != 2 ||
      used != static_cast<int>(text.size()))
    throw Error(ErrorKind::Config, "this size is not understood", "size " + text,
                "Write it as WIDTHxHEIGHT, like 1280x800");
}

void parse_range(const std::string& text, ui::SceneState& state) {
  if (text.empty()) return;
  FieldRange range;
  int used = 0;
  if (std::sscanf(text.c_str(), "%lf,%lf%n", &range.minimum, &range.maximum, &used) != 2 ||
      used != static_cast<int>(text.size()) || !(range.minimum < range.maximum))
    throw Error(ErrorKind::Config, "this range is not understood", "range " + text,
                "Write it as LOW,HIGH with LOW < HIGH");
  state.range = range;
}

void choose_colour(const Options& options, bool has_checkpoint, ui::SceneState& state) {
  static const std::map<std::string, ui::ColourBy> names{{"target", ui::ColourBy::Target},
                                                         {"prediction", ui::ColourBy::Prediction},
                                                         {"error", ui::ColourBy::Error},
                                                         {"balls", ui::ColourBy::Balls},
                                                         {"attention", ui::ColourBy::Attention}};
  if (!state.field.empty()) {
    if (!options.colour.empty())
      throw Error(ErrorKind::Config, "--field and --color were both given", {}, "Give one of them");
    state.colour_by = ui::ColourBy::Field;
  } else if (!options.colour.empty()) {
    state.colour_by = names.at(options.colour);
  } else if (has_checkpoint) {
    state.colour_by = options.point >= 0 ? ui::ColourBy::Attention : ui::ColourBy::Prediction;
  }
}

std::int64_t point_of(const PointCloud& cloud, std::int64_t id) {
  const std::int64_t point = cloud.point_of_row(id);
  if (point < 0)
    throw Error(
        ErrorKind::Config, "there is no point with this id", "point " + std::to_string(id),
        "A point's id is its row in the file, from 0; this cloud has " + std::to_string(cloud.size()) + " points");
  return point;
}

void open_cloud(const Options& options, const std::string& path, ui::SceneData& data, ui::SceneState& state) {
  if (path.empty()) {
    data.cloud = make_sample_cloud();
    data.target = "pressure";
    state.title = "made-up car, made-up pressure";
    return;
  }
  const Dataset dataset = Dataset::open(path, options.open);
  const std::int64_t index = options.sample.empty() ? 0 : dataset.index_of(options.sample);
  data.cloud = dataset.load(index, command_job());
  data.target = dataset.target();
  state.title = dataset.samples()[static_cast<std::size_t>(index)].name;
}

void predict(const Options& options, const std::string& checkpoint, ui::SceneData& data, const ui::SceneState& state) {
  const Predictor predictor(checkpoint, resolve_device(options.device));
  TapRequest request;
  request.layers = {state.query.layer};
  const Predictor::Result result = predictor.run(*data.cloud, state.frame, request, command_job());
  data.prediction = make_prediction(data.cloud, result);
  data.tree = data.prediction->tree;
  if (state.query.point >= 0)
    data.query = std::make_shared<QueryView>(make_query_view(*result.tap, state.query, command_job()));
}

// Says what is missing instead of drawing a picture that does not show what was asked for.
void require_what_is_shown(const ui::SceneData& data, const ui::SceneState& state, bool has_checkpoint) {
  if (state.frame < 0 || state.frame >= data.cloud->frames())
    throw Error(ErrorKind::Config, "there is no such frame", "frame " + std::to_string(state.frame),
                "Frames count from 0; this cloud has " + std::to_string(data.cloud->frames()));
  const auto levels = static_cast<int>(data.tree->levels.size());
  if (state.level < 0 || state.level >= levels)
    throw Error(ErrorKind::Config, "the tree has no such level", "level " + std::to_string(state.level),
                "Level 0 is the root; the last one here is " + std::to_string(levels - 1));
  if (state.colour_by == ui::ColourBy::Field) data.cloud->require_field(state.field);
  if (state.colour_by == ui::ColourBy::Balls || ui::shown_field(data, state)) return;
  if (state.colour_by == ui::ColourBy::Target && !has_checkpoint) return;  // points without any field
  throw Error(ErrorKind::Config, std::string("there is no ") + ui::name_of(state.colour_by) + " to show", {},
              !has_checkpoint                              ? "Give a checkpoint"
              : state.colour_by == ui::ColourBy::Attention ? "Give --point ID"
                                                           : "The cloud lacks the field that the network predicts");
}

json report(const Options& options, const ui::Scene& scene) {
  const ui::SceneState& state = scene.state();
  const ui::SceneData& data = scene.data();
  const auto rgb = [](ui::Rgb c) { return json::array({c.r, c.g, c.b}); };
  json result{{"schema", 1},
              {"out", options.out},
              {"size", {state.width, state.height}},
              {"camera", ui::to_string(state.camera)},
              {"color", ui::name_of(state.colour_by)},
              {"background", rgb(ui::palette_of(state.theme).background)},
              {"points", json::array()}};
  if (const auto& scale = scene.colours().legend.scale)
    result["scale"] = {{"title", scale->title},
                       {"unit", scale->unit},
                       {"range", {scale->minimum, scale->maximum}},
                       {"log", scale->logarithmic}};
  if (state.colour_by == ui::ColourBy::Balls) {
    result["level"] = state.level;
    result["balls"] = data.tree->levels[static_cast<std::size_t>(state.level)].size();
  }
  if (data.query) {
    json& query =
        result["query"] = {{"point", options.point}, {"layer", state.query.layer}, {"selected", json::array()}};
    const auto& blocks = data.query->blocks;
    for (const MarkedBlock& block : blocks) {
      json ids = json::array();
      for (const std::int32_t point : block.points) ids.push_back(data.cloud->row_id(point));
      query["selected"].push_back({{"block", block.block},
                                   {"rank", block.rank},
                                   {"score", block.score},
                                   {"points", ids},
                                   {"color", rgb(ui::rank_colour(block.rank, blocks.back().rank + 1, state.theme))}});
    }
  }
  std::vector<std::int64_t> points;
  for (const std::int64_t id : options.locate) points.push_back(point_of(*data.cloud, id));
  const auto located = scene.locate(points);
  for (std::size_t i = 0; i < located.size(); ++i)
    result["points"].push_back({{"id", options.locate[i]},
                                {"x", located[i].x},
                                {"y", located[i].y},
                                {"inside", located[i].inside},
                                {"visible", located[i].visible},
                                {"color", rgb(located[i].colour)}});
  return result;
}

void run(const Options& options) {
  ui::SceneState state = options.state;
  parse_size(options.size, state);
  parse_range(options.range, state);
  const Inputs inputs = tell_apart(options.files);
  if (inputs.data.empty() && !inputs.checkpoint.empty())
    throw Error(ErrorKind::Config, "there is no cloud to draw", inputs.checkpoint.string() + " is a checkpoint",
                "Give a data file too");
  ui::SceneData data;
  open_cloud(options, inputs.data, data, state);
  choose_colour(options, !inputs.checkpoint.empty(), state);
  if (options.point >= 0) state.query.point = point_of(*data.cloud, options.point);
  if (inputs.checkpoint.empty())
    data.tree = cloud_tree(*data.cloud, 0, command_job());
  else
    predict(options, inputs.checkpoint, data, state);
  require_what_is_shown(data, state, !inputs.checkpoint.empty());
  state.camera = ui::camera_from(options.camera, *data.cloud,
                                 static_cast<double>(state.width) / std::max(1, state.height), state.frame);
  if (data.query) state.title += ", point " + std::to_string(options.point) + ", " + caption_of(data.query->layer);

  ui::OffscreenScene offscreen;
  ui::write_png(options.out, offscreen.draw(data, state));
  if (options.json || !options.locate.empty())
    std::printf("%s\n", report(options, offscreen.scene()).dump(2).c_str());
  else
    std::printf("%s\n", options.out.c_str());
}

const CommandRegistration registration{[](CLI::App& app) {
  CLI::App* render = app.add_subcommand("render", "draw a picture of what the window shows, with or without a display");
  auto options = std::make_shared<Options>();
  ui::SceneState& state = options->state;
  render
      ->add_option("FILES", options->files,
                   "DATA and, where wanted, a CHECKPOINT, in either order; none: a made-up car")
      ->expected(0, 2);
  render->add_option("--out", options->out, "PNG file to write")->capture_default_str();
  render->add_option("--sample", options->sample, "which sample of a data set");
  add_open_options(*render, options->open);
  render->add_option("--frame", state.frame, "which frame of a trajectory")->capture_default_str();
  render->add_option("--device", options->device, "cpu, cuda, cuda:1 or auto")->capture_default_str();
  render->add_option("--field", state.field, "colour by a field of the cloud");
  render->add_option("--component", state.component, "of a vector field; -1: its length")->capture_default_str();
  render->add_option("--color,--colour", options->colour, "what the colours show")
      ->check(CLI::IsMember({"target", "prediction", "error", "balls", "attention"}));
  render->add_option("--range", options->range, "LOW,HIGH of the colours; default: the field's own");
  render->add_option("--level", state.level, "level of the tree, 0 is the root")->capture_default_str();
  render->add_option("--point", options->point, "id of the query point: its row in the file, from 0")
      ->check(CLI::NonNegativeNumber);
  render->add_option("--layer", state.query.layer, "attention layer, in order of evaluation from 0")
      ->capture_default_str();
  render->add_option("--head", state.query.head, "query head; -1: mean over the heads")->capture_default_str();
  add_choice(*render, "--branch", state.query.branch,
             {{"all", Branch::All},
              {"local", Branch::Local},
              {"compressed", Branch::Compressed},
              {"selected", Branch::Selected}},
             "branch of the attention: all, local, compressed, selected");
  render
      ->add_option_function<std::string>(
          "--marks",
          [options](const std::string& name) {
            options->state.marks = name == "off"       ? ui::SelectionMarks::Off
                                   : name == "outline" ? ui::SelectionMarks::Outline
                                                       : ui::SelectionMarks::Fill;
          },
          "how selected blocks show: off, outline (boxes), fill (colour of their rank)")
      ->check(CLI::IsMember({"off", "outline", "fill"}));
  render->add_option("--dim", state.dim, "how far everything else fades, 0 to 1")
      ->check(CLI::Range(0.0, 1.0))
      ->capture_default_str();
  add_choice(*render, "--style", state.style,
             {{"auto", ui::PointStyle::Auto}, {"spheres", ui::PointStyle::Spheres}, {"pixels", ui::PointStyle::Pixels}},
             "points as spheres or pixels");
  render->add_option("--point-size", state.point_size, "in multiples of what suits the cloud")
      ->check(CLI::Range(0.05, 20.0))
      ->capture_default_str();
  add_choice(*render, "--theme", state.theme, {{"dark", ui::Theme::Dark}, {"light", ui::Theme::Light}},
             "dark or light");
  render
      ->add_option("--camera", options->camera,
                   "iso, front, back, left, right, top, bottom; AZIMUTH,ELEVATION; or ten numbers")
      ->capture_default_str();
  render->add_option("--size", options->size, "WIDTHxHEIGHT in pixels")->capture_default_str();
  render->add_flag("!--no-legend", state.legend, "leave the legend out");
  render->add_option("--locate", options->locate, "ids of points whose pixels to print as JSON")->delimiter(',');
  render->add_flag("--json", options->json, "print what was drawn as JSON");
  render->callback([options] { run(*options); });
}};

}  // namespace

}  // namespace erwin::app
