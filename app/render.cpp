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
#include "app/render_asked.h"
#include "app/render_frames.h"
#include "app/render_recipe.h"
#include "core/base/error.h"
#include "core/base/version.h"
#include "core/dataset/dataset.h"
#include "core/engine/cloud_tree.h"
#include "core/engine/engine.h"
#include "core/engine/gate_fields.h"
#include "core/engine/query_view.h"
#include "core/engine/sample_cloud.h"
#include "core/io/open.h"
#include "core/model/predict.h"
#include "core/session/session_file.h"
#include "ui/scene/arrow_layer.h"
#include "ui/scene/offscreen_scene.h"
#include "ui/scene/scene_options.h"
#include "ui/scene/tree_nodes.h"

namespace erwin::app {

namespace {

using nlohmann::json;

struct Options {
  std::vector<std::string> files;
  std::string out = "erwinscope.png", sample, device = "auto", recipe, session;
  std::map<std::string, std::string> scene;  // options of the picture that were given, by name
  std::vector<std::int64_t> locate;
  int turntable = 0;  // pictures of a turn; 0: one picture
  std::string sweep;
  bool json = false;
  io::OpenOptions open;
  bool given(const char* name) const { return scene.contains(name); }
};

// What a picture is made from, as far as it can be told apart.
struct Sources {
  std::string data, checkpoint;
  std::optional<RenderRecipe> recipe;
};

// In the list's order, not the command line's: later ones refine earlier ones.
void apply(const Options& options, ui::SceneState& state, const PointCloud* cloud) {
  for (const ui::SceneOption& option : ui::scene_options())
    if (const auto given = options.scene.find(option.name); given != options.scene.end())
      option.set(state, given->second, cloud);
}

void choose_colour(const Options& options, const Sources& sources, ui::SceneState& state) {
  if (!options.given("field") && !options.given("color") && !sources.checkpoint.empty())
    state.colour_by = state.query.point >= 0 ? ui::ColourBy::Attention : ui::ColourBy::Prediction;
}

void require_one_colour(const Options& options) {
  if (options.given("field") && options.given("color"))
    throw Error(ErrorKind::Config, "--field and --color were both given", {}, "Give one of them");
}

// A recipe's own file, or the one of that name beside the picture, which may have moved with it.
std::string found_file(const std::string& path, const std::string& picture) {
  namespace fs = std::filesystem;
  std::error_code none;
  if (path.empty() || fs::exists(path, none)) return path;
  const fs::path beside = fs::path(picture).parent_path() / fs::path(path).filename();
  return fs::exists(beside, none) ? beside.string() : path;
}

// Options that were given go before those of a file.
void take_options(Options& options, const std::map<std::string, std::string>& from) {
  const bool other_colours = options.given("field") || options.given("color");
  for (const auto& [name, text] : from)
    if (!(other_colours && (name == "field" || name == "color"))) options.scene.try_emplace(name, text);
}

// A session of the window: its data and checkpoint unless others are given.
void take_session(Options& options, Sources& sources) {
  const SessionFile session = load_session(options.session);
  const auto fill = [&](std::string& path, const SessionPlace& place) {
    if (!path.empty() || place.path.empty()) return;
    path = find_place(place, options.session, command_job()).path;
    if (path.empty())
      throw Error(ErrorKind::Io, "a file of the session is not where it was", place.path,
                  "Put it beside the session file, or name it: render --session FILE.ewsession DATA CHECKPOINT");
  };
  fill(sources.data, session.data);
  fill(sources.checkpoint, session.model);
  if (options.sample.empty() && !sources.data.empty()) options.sample = session.sample;
  if (options.device == "auto") options.device = session.device;
  take_options(options, session.picture);
}

Sources take_recipe(Options& options) {
  const Inputs inputs = tell_apart(options.files);
  Sources sources{inputs.data.string(), inputs.checkpoint.string(), {}};
  if (!options.session.empty()) {
    if (!options.recipe.empty())
      throw Error(ErrorKind::Config, "--session and --recipe were both given", {}, "Give one of them");
    take_session(options, sources);
  }
  if (options.recipe.empty()) {
    if (sources.data.empty() && !sources.checkpoint.empty())
      throw Error(ErrorKind::Config, "there is no cloud to draw", sources.checkpoint + " is a checkpoint",
                  "Give a data file too");
    return sources;
  }
  sources.recipe = read_recipe(options.recipe);
  const RenderRecipe& recipe = *sources.recipe;
  if (sources.data.empty()) sources.data = found_file(recipe.data, options.recipe);
  if (sources.checkpoint.empty()) sources.checkpoint = found_file(recipe.checkpoint, options.recipe);
  if (options.sample.empty()) options.sample = recipe.sample;
  if (options.open.positions.empty()) options.open.positions = recipe.positions;
  options.open.drop_nonfinite |= recipe.drop_nonfinite;
  if (options.device == "auto") options.device = recipe.device;
  take_options(options, recipe.options);
  return sources;
}

RenderRecipe recipe_of(const Options& options, const Sources& sources, const ui::Scene& scene) {
  const auto absolute = [](const std::string& path) {
    return path.empty() ? path : std::filesystem::absolute(path).lexically_normal().string();
  };
  RenderRecipe recipe;
  recipe.program = ERWINSCOPE_VERSION;
  recipe.data = absolute(sources.data);
  recipe.sample = options.sample;
  recipe.data_hash = scene.data().cloud->content_hash();
  recipe.positions = options.open.positions;
  recipe.drop_nonfinite = options.open.drop_nonfinite;
  recipe.checkpoint = absolute(sources.checkpoint);
  if (!sources.checkpoint.empty()) recipe.checkpoint_hash = hash_file(sources.checkpoint, command_job());
  recipe.device = resolve_device(options.device);
  for (const ui::SceneOption& option : ui::scene_options())
    recipe.options[option.name] = option.print(scene.state(), scene.data().cloud.get());
  recipe.options["camera"] = ui::to_string(scene.state().camera);
  recipe.options.erase("target");  // the camera is there already
  recipe.camera_matrix = scene.world_to_clip();
  return recipe;
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
  const Dataset dataset = Dataset::open(path, options.open, command_job());
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
  data.prediction = make_prediction(data.cloud, result, command_job());
  data.tree = data.prediction->tree;
  data.gates = make_gate_fields(*result.tap, state.query.layer, state.query.head, command_job());
  if (state.query.point >= 0)
    data.query = std::make_shared<QueryView>(make_query_view(*result.tap, state.query, command_job()));
  if (state.misses && state.query.point >= 0) data.missed = make_missed_view(*result.tap, state.query, command_job());
  work_out_asked(data, state, predictor, result, resolve_device(options.device));
}

void require_frame(const PointCloud& cloud, const ui::SceneState& state) {
  if (state.frame >= cloud.frames())
    throw Error(ErrorKind::Config, "there is no such frame", "frame " + std::to_string(state.frame),
                "Frames count from 0; this cloud has " + std::to_string(cloud.frames()));
}

// Says what is missing instead of drawing a picture that does not show what was asked for.
void require_what_is_shown(const ui::SceneData& data, const ui::SceneState& state, bool has_checkpoint) {
  const int levels = ui::shown_level_count(data, state);
  if (state.level >= levels && state.level != ui::SceneState{}.level)  // the default fits every cloud
    throw Error(ErrorKind::Config, "the tree has no such level", "level " + std::to_string(state.level),
                "Level 0 is the root; the last one here is " + std::to_string(levels - 1));
  if (!state.arrows.empty() && !ui::arrow_field(data, state)) {
    data.cloud->require_field(state.arrows);
    throw Error(ErrorKind::Config, "arrows need a field of two or three components", "arrows " + state.arrows);
  }
  if (state.colour_by == ui::ColourBy::Field && !ui::shown_field(data, state)) data.cloud->require_field(state.field);
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
    json& query = result["query"] = {
        {"point", data.cloud->row_id(state.query.point)}, {"layer", state.query.layer}, {"selected", json::array()}};
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

// From the direction that was asked for, at the cloud or at one ball.
ui::Camera camera_for(const ui::SceneData& data, const ui::SceneState& state) {
  const ui::Camera camera =
      ui::camera_from(state.look, *data.cloud, static_cast<double>(state.width) / state.height, state.frame);
  if (state.target == ui::LookTarget::Cloud) return camera;
  const std::vector<std::int32_t> points = ui::target_points(data, state);
  if (points.empty())
    throw Error(ErrorKind::Config, "there is no ball to look at", "target ball",
                "Name a query with --point, or one ball with --only");
  return ui::aim_at(camera, *data.cloud, points, 0, state.frame);
}

void write_picture(const Options& options, const Sources& sources, ui::OffscreenScene& offscreen,
                   const ui::SceneData& data, const ui::SceneState& state) {
  const ui::Picture picture = offscreen.draw(data, state);
  ui::write_png(options.out, picture,
                {{"Software", std::string("ErwinScope ") + ERWINSCOPE_VERSION},
                 {recipe_keyword, to_text(recipe_of(options, sources, offscreen.scene()))}});
}

void name_query(const ui::SceneData& data, ui::SceneState& state) {
  if (data.query)
    state.title +=
        ", point " + std::to_string(data.cloud->row_id(state.query.point)) + ", " + caption_of(data.query->layer);
}

// A picture for every step around the cloud, or for every layer, each with its own recipe.
void draw_frames(Options options, const Sources& sources, ui::SceneData data, const ui::SceneState& state) {
  const bool turns = options.turntable > 0;
  if (turns == !options.sweep.empty())
    throw Error(ErrorKind::Config, "--turntable and --sweep were both given", {}, "Give one of them");
  if (!turns && !data.prediction)
    throw Error(ErrorKind::Config, "there are no layers to sweep", "--sweep layer", "Give a checkpoint");
  const std::string pattern = options.out;
  const std::vector<LayerInfo> layers = turns ? std::vector<LayerInfo>{} : data.prediction->layers;
  const int count = turns ? options.turntable : static_cast<int>(layers.size());
  ui::OffscreenScene offscreen;
  for (int frame = 0; frame < count; ++frame) {
    command_job().progress(static_cast<double>(frame) / count, "drawing frames");
    command_job().check();
    options.out = frame_name(pattern, frame);
    ui::SceneState shown = state;
    if (turns) {
      shown.camera = ui::orbit(state.camera, 360.0 * frame / count, 0);
    } else {
      shown.query.layer = layers[static_cast<std::size_t>(frame)].layer;
      predict(options, sources.checkpoint, data, shown);
    }
    name_query(data, shown);
    write_picture(options, sources, offscreen, data, shown);
    std::printf("%s\n", options.out.c_str());
  }
}

void run(Options options) {
  require_one_colour(options);
  const Sources sources = take_recipe(options);
  ui::SceneState unused;
  apply(options, unused, nullptr);  // a misspelt word is told before a long file is read
  ui::SceneData data;
  ui::SceneState state;
  open_cloud(options, sources.data, data, state);
  if (sources.recipe) require_same("data", sources.data, sources.recipe->data_hash, data.cloud->content_hash());
  apply(options, state, data.cloud.get());
  require_frame(*data.cloud, state);
  choose_colour(options, sources, state);
  if (sources.checkpoint.empty()) {
    data.tree = cloud_tree(*data.cloud, state.frame, command_job());
  } else {
    if (sources.recipe)
      require_same("checkpoint", sources.checkpoint, sources.recipe->checkpoint_hash,
                   hash_file(sources.checkpoint, command_job()));
    predict(options, sources.checkpoint, data, state);
  }
  require_what_is_shown(data, state, !sources.checkpoint.empty());
  state.camera = camera_for(data, state);
  if (options.turntable > 0 || !options.sweep.empty()) return draw_frames(options, sources, data, state);
  name_query(data, state);

  ui::OffscreenScene offscreen;
  write_picture(options, sources, offscreen, data, state);
  if (options.json || !options.locate.empty())
    std::printf("%s\n", report(options, offscreen.scene()).dump(2).c_str());
  else
    std::printf("%s\n", options.out.c_str());
}

const CommandRegistration registration{[](CLI::App& app) {
  CLI::App* render = app.add_subcommand("render", "draw a picture of what the window shows, with or without a display");
  auto options = std::make_shared<Options>();
  render
      ->add_option("FILES", options->files,
                   "DATA and, where wanted, a CHECKPOINT, in either order; none: a made-up car")
      ->expected(0, 2);
  render->add_option("--out", options->out, "PNG file to write")->capture_default_str();
  render->add_option("--recipe", options->recipe,
                     "PNG file that render has written: the same picture again, but for what else is given");
  render->add_option("--session", options->session,
                     "file that 'Save session' of the window has written: the picture that it shows, but for what else "
                     "is given");
  render->add_option("--sample", options->sample, "which sample of a data set");
  add_open_options(*render, options->open);
  render->add_option("--device", options->device, "cpu, cuda, cuda:1 or auto")->capture_default_str();
  for (const ui::SceneOption& option : ui::scene_options()) {
    const std::string names = option.name == "color" ? "--color,--colour" : "--" + option.name;
    CLI::Option* added = render->add_option_function<std::string>(
        names, [options, name = option.name](const std::string& text) { options->scene[name] = text; }, option.help);
    added->type_name(option.form)->group("Picture");
  }
  render->add_flag_callback(
      "--no-legend", [options] { options->scene["legend"] = "off"; }, "the same as --legend off");
  render->add_option("--turntable", options->turntable, "so many pictures all around; --out frame_%03d.png names them")
      ->check(CLI::Range(1, 100000));
  render->add_option("--sweep", options->sweep, "layer: a picture for every attention layer; --out layer_%02d.png")
      ->check(CLI::IsMember({"layer"}));
  render->add_option("--locate", options->locate, "ids of points whose pixels to print as JSON")->delimiter(',');
  render->add_flag("--json", options->json, "print what was drawn as JSON");
  render->callback([options] { run(*options); });
}};

}  // namespace

}  // namespace erwin::app
