#include "app/shown.h"

#include <filesystem>

#include "app/command.h"
#include "app/inputs.h"
#include "app/open_options.h"
#include "app/render_asked.h"
#include "app/render_changes.h"
#include "core/base/error.h"
#include "core/dataset/dataset.h"
#include "core/engine/cloud_tree.h"
#include "core/engine/engine.h"
#include "core/engine/gate_fields.h"
#include "core/engine/query_view.h"
#include "core/engine/record_view.h"
#include "core/engine/sample_cloud.h"
#include "core/model/record.h"
#include "core/session/session_file.h"
#include "ui/scene/arrow_layer.h"
#include "ui/scene/scene_options.h"
#include "ui/scene/tree_nodes.h"

namespace erwin::app {

namespace {

// In the list's order, not the command line's: later ones refine earlier ones.
void apply(const ShownOptions& options, ui::SceneState& state, const PointCloud* cloud) {
  for (const ui::SceneOption& option : ui::scene_options())
    if (const auto given = options.scene.find(option.name); given != options.scene.end())
      option.set(state, given->second, cloud);
}

// Of a record, which need not hold a prediction, what the query sees.
void choose_colour(const ShownOptions& options, const ShownSources& sources, bool is_record, ui::SceneState& state) {
  if (options.given("field") || options.given("color")) return;
  if (!sources.checkpoint.empty() || (is_record && state.query.point >= 0))
    state.colour_by = state.query.point >= 0 ? ui::ColourBy::Attention : ui::ColourBy::Prediction;
}

void require_one_colour(const ShownOptions& options) {
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
void take_options(ShownOptions& options, const std::map<std::string, std::string>& from) {
  const bool other_colours = options.given("field") || options.given("color");
  for (const auto& [name, text] : from)
    if (!(other_colours && (name == "field" || name == "color"))) options.scene.try_emplace(name, text);
}

// A session of the window: its data and checkpoint unless others are given.
void take_session(ShownOptions& options, ShownSources& sources) {
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
  if (!options.what_if.empty()) return;
  for (const SessionChange& change : session.what_if)
    if (change.on) options.what_if.push_back(text_of({change.text, change.layer, change.head, -1, true}, change.point));
}

ShownSources take_sources(ShownOptions& options) {
  const Inputs inputs = tell_apart(options.files);
  ShownSources sources{inputs.data.string(), inputs.checkpoint.string(), {}};
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
  if (options.what_if.empty()) options.what_if = recipe.what_if;
  if (!options.predicted_component) options.predicted_component = recipe.predicted_component;
  return sources;
}

void open_cloud(const ShownOptions& options, const std::string& path, ui::SceneData& data, ui::SceneState& state) {
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
              !data.prediction                             ? "Give a checkpoint"
              : state.colour_by == ui::ColourBy::Attention ? "Give --point ID"
                                                           : "The cloud lacks the field that the network predicts");
}

// A record is read-only: it brings its cloud and its own tap, and no network.
bool is_shown_record(const ShownSources& sources) {
  if (sources.data.empty() || std::filesystem::is_directory(sources.data)) return false;
  return (sources.checkpoint.empty() || sources.checkpoint == sources.data) && is_record(sources.data);
}

void open_record(const std::string& path, Shown& shown) {
  const AttentionRecord record = load_record(path, command_job());
  shown.data.cloud = record.cloud;
  if (record.cloud->field("target")) shown.data.target = "target";
  shown.data.prediction = prediction_of_record(record, command_job());
  shown.data.tree = shown.data.prediction->tree;
  shown.result.tap = record.tap;
  shown.state.title = record.sample;
  shown.state.query.layer = shown.data.prediction->layers.front().layer;
}

// What the tap says of the question.
void ask_tap(const ShownOptions& options, Shown& shown) {
  ui::SceneData& data = shown.data;
  const ui::SceneState& state = shown.state;
  const Tap& tap = *shown.result.tap;
  data.gates = make_gate_fields(tap, state.query.layer, state.query.head, command_job());
  if (state.query.point >= 0)
    data.query = std::make_shared<QueryView>(make_query_view(tap, state.query, command_job()));
  show_changes(shown);
  // What was missed is told of the network as it is: a run with changes selects otherwise.
  const bool changed = data.query && data.query->changed;
  if (state.misses && state.query.point >= 0 && !changed)
    data.missed = make_missed_view(tap, state.query, command_job());
  work_out_asked(data, state, shown.predictor.get(), shown.result, resolve_device(options.device),
                 options.predicted_component.value_or(0));
}

}  // namespace

void predict(const ShownOptions& options, Shown& shown, bool every_layer) {
  if (!shown.sources.checkpoint.empty()) {
    if (shown.loaded != shown.sources.checkpoint)
      shown.predictor = std::make_shared<const Predictor>(shown.sources.checkpoint, resolve_device(options.device));
    shown.loaded = shown.sources.checkpoint;
    shown.result = shown.predictor->run(*shown.data.cloud, shown.state.frame,
                                        TapRequest{every_layer, {shown.state.query.layer}}, command_job());
    shown.data.prediction = make_prediction(shown.data.cloud, shown.result, command_job());
    shown.data.tree = shown.data.prediction->tree;
  }
  ask_tap(options, shown);
}

Shown load_shown(ShownOptions& options, bool every_layer) {
  require_one_colour(options);
  Shown shown;
  ShownSources& sources = shown.sources = take_sources(options);
  ui::SceneState unused;
  apply(options, unused, nullptr);  // a misspelt word is told before a long file is read
  const bool is_record = is_shown_record(sources);
  if (is_record)
    open_record(sources.data, shown);
  else
    open_cloud(options, sources.data, shown.data, shown.state);
  if (is_record) sources.checkpoint.clear();
  if (sources.recipe) shown.step = sources.recipe->step;
  if (sources.recipe) require_same("data", sources.data, sources.recipe->data_hash, shown.data.cloud->content_hash());
  apply(options, shown.state, shown.data.cloud.get());
  require_frame(*shown.data.cloud, shown.state);
  choose_colour(options, sources, is_record, shown.state);
  shown.what_if = changes_from(options.what_if, shown.state, *shown.data.cloud);
  if (sources.checkpoint.empty() && !is_record) {
    show_changes(shown);
    shown.data.tree = cloud_tree(*shown.data.cloud, shown.state.frame, command_job());
  } else {
    if (sources.recipe && !is_record)
      require_same("checkpoint", sources.checkpoint, sources.recipe->checkpoint_hash,
                   hash_file(sources.checkpoint, command_job()));
    predict(options, shown, every_layer);
  }
  require_what_is_shown(shown.data, shown.state, !sources.checkpoint.empty());
  return shown;
}

void add_shown_options(CLI::App& command, ShownOptions& options) {
  command
      .add_option("FILES", options.files, "DATA and, where wanted, a CHECKPOINT, in either order; none: a made-up car")
      ->expected(0, 2);
  command.add_option("--session", options.session,
                     "file that 'Save session' of the window has written: what it shows, but for what else is given");
  command.add_option("--sample", options.sample, "which sample of a data set");
  command
      .add_option("--what-if", options.what_if,
                  "'KEY=VALUE [--layer N|all] [--head N|mean]', may be repeated: a change to the network's run, as "
                  "'explain --what-if' takes it; none: without those of a session")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  command
      .add_option("--predicted-component", options.predicted_component,
                  "component of the prediction that is attributed, and that --field contribution splits")
      ->check(CLI::NonNegativeNumber);
  add_open_options(command, options.open);
  command.add_option("--device", options.device, "cpu, cuda, cuda:1 or auto")->capture_default_str();
  for (const ui::SceneOption& option : ui::scene_options()) {
    const std::string names = option.name == "color" ? "--color,--colour" : "--" + option.name;
    CLI::Option* added = command.add_option_function<std::string>(
        names, [&options, name = option.name](const std::string& text) { options.scene[name] = text; }, option.help);
    added->type_name(option.form)->group("Picture");
  }
}

}  // namespace erwin::app
