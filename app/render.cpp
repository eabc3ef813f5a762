// `erwinscope render`: the window's picture without a window.

#include <cstdint>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "app/command.h"
#include "app/explain_source.h"
#include "app/inputs.h"
#include "app/render_picture.h"
#include "app/render_several.h"
#include "core/base/error.h"
#include "core/train/kept_checkpoints.h"

namespace erwin::app {

namespace {

using nlohmann::json;

json report(const RenderOptions& options, const ui::Scene& scene, const ui::SceneState& state) {
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
  if (data.what_if) result["what_if"] = {{"changes", data.what_if->changes}, {"largest", data.what_if->largest}};
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

// The network that the picture is judged by before the run is walked along: the run's newest, unless one is given.
void complete_from_run(RenderOptions& options) {
  if (options.run.empty())
    throw Error(ErrorKind::Config, "there is no run to sweep", "--sweep training", "Name its directory with --run");
  const std::vector<KeptCheckpoint> kept = kept_checkpoints(options.run);
  if (tell_apart(options.files).checkpoint.empty()) options.files.push_back(kept.back().path.string());
}

void run(RenderOptions options) {
  if (options.sweep == "training") complete_from_run(options);
  Shown shown = load_shown(options);
  shown.state.camera = camera_for(shown.data, shown.state);
  const bool several = is_several(shown.state);
  if (several && options.is_film())
    throw Error(ErrorKind::Config, "films show one picture", "--heads or another sample", "Leave one of them out");
  if (options.is_film()) return draw_film(std::move(options), std::move(shown));
  ui::OffscreenScene offscreen;
  if (several)
    write_several(options, shown, offscreen);
  else
    write_picture(options, shown, offscreen);
  if (options.json || !options.locate.empty())
    std::printf("%s\n", report(options, offscreen.scene(), shown.state).dump(2).c_str());
  else
    std::printf("%s\n", options.out.c_str());
}

const CommandRegistration registration{[](CLI::App& app) {
  CLI::App* render = app.add_subcommand("render", "draw a picture of what the window shows, with or without a display");
  auto options = std::make_shared<RenderOptions>();
  add_shown_options(*render, *options);
  render->add_option("--out", options->out, "PNG file to write")->capture_default_str();
  render->add_option("--recipe", options->recipe,
                     "PNG file that render has written: the same picture again, but for what else is given");
  render->add_flag_callback(
      "--no-legend", [options] { options->scene["legend"] = "off"; }, "the same as --legend off");
  render->add_option("--turntable", options->turntable, "so many pictures all around; --out frame_%03d.png names them")
      ->check(CLI::Range(1, 100000));
  render
      ->add_option("--sweep", options->sweep,
                   "layer: a picture for every attention layer; training: for every checkpoint that --run has kept; "
                   "--out layer_%02d.png")
      ->check(CLI::IsMember({"layer", "training"}));
  render->add_option("--run", options->run, "directory of a training run, for --sweep training");
  render
      ->add_option(
          "--keep-mib", options->keep_mib,
          "memory for what the checkpoints of --sweep training predict, in MiB; where it does not suffice each "
          "predicts twice")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  render->add_option("--locate", options->locate, "ids of points whose pixels to print as JSON")->delimiter(',');
  render->add_flag("--json", options->json, "print what was drawn as JSON");
  render->callback([options] { run(*options); });
}};

}  // namespace

}  // namespace erwin::app
