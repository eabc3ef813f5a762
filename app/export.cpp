// `erwinscope export`: the files of the window's "Export" without a window.

#include <cstdio>
#include <map>
#include <memory>
#include <string>

#include "app/attribution_options.h"
#include "app/command.h"
#include "app/shown.h"
#include "core/attention/matrix.h"
#include "core/attention/summary.h"
#include "core/base/error.h"
#include "core/train/run_directory.h"
#include "core/train/run_watch.h"
#include "ui/window/offscreen_export.h"

namespace erwin::app {

namespace {

struct ExportOptions : ShownOptions {
  std::string what, out;
  AttributionOptions attributed;
  ui::BallColour balls = ui::BallColour::Radius;
};

ui::ShownThings loss_of(const ExportOptions& options) {
  if (options.files.size() != 1)
    throw Error(ErrorKind::Config, "the loss is one run's", std::to_string(options.files.size()) + " files were given",
                "Give the directory of one training run: export loss RUN --out loss.svg");
  require_run(options.files.front());
  RunWatch watch(options.files.front());
  watch.update();
  ui::ShownThings things;
  ui::LossCurves curves = ui::loss_curves(watch.metrics());
  things.run = watch.run().root().lexically_normal().filename().string();
  things.training = std::move(curves.training);
  things.validation = std::move(curves.validation);
  return things;
}

ui::ShownThings things_of(const ExportOptions& options, const Shown& shown) {
  ui::ShownThings things;
  things.data = shown.data;
  things.state = shown.state;
  things.sample = shown.state.title;
  if (options.what == "heads" && shown.result.tap)
    things.heads = std::make_shared<const std::vector<LayerGlance>>(
        glance_at_heads(*shown.result.tap, shown.data.cloud->positions(shown.state.frame), {}, command_job()));
  const QueryRequest& query = shown.state.query;
  AttributionOptions attributed = options.attributed;
  attributed.component = options.predicted_component.value_or(0);
  if (options.what == "attribution" && shown.predictor && query.point >= 0)
    things.data.attribution = make_attribution_view(*shown.predictor, *shown.result.sample,
                                                    attribution_request(attributed, query.point, query.layer),
                                                    shown.data.prediction->fields.front().unit(), command_job());
  return things;
}

void run(ExportOptions options) {
  (void)ui::require_shown_file(options.what, options.out);  // a misspelt word is told before a long file is read
  const auto write = [&](ui::ShownThings things, const ui::MatrixMaker& matrix) {
    ui::export_offscreen(std::move(things), options.what, options.out, matrix, options.balls, command_job());
    std::printf("%s\n", options.out.c_str());
  };
  if (options.what == "loss") return write(loss_of(options), {});
  if (options.what == "missed") options.scene.try_emplace("misses", "on");
  const Shown shown = load_shown(options, options.what == "heads");
  write(things_of(options, shown),
        [&](const MatrixRequest& request) { return attention_matrix(*shown.result.tap, request, command_job()); });
}

std::string whats() {
  std::string names;
  for (const ui::ShownFile& file : ui::shown_files()) {
    std::string kinds = file.filter;
    names += "  " + std::string(file.name) + std::string(12 - std::string(file.name).size(), ' ') + file.title + "\n" +
             std::string(14, ' ');
    for (std::size_t at = kinds.find(";;"); at != std::string::npos; at = kinds.find(";;", at))
      kinds.replace(at, 2, ", ");
    names += kinds + "\n";
  }
  return names;
}

const CommandRegistration registration{[](CLI::App& app) {
  CLI::App* command =
      app.add_subcommand("export", "write what the window shows, field, chart or table, with or without a display");
  const auto options = std::make_shared<ExportOptions>();
  command->add_option("WHAT", options->what, "what to write: see below")->required();
  add_shown_options(*command, *options);
  add_attribution_options(*command, options->attributed);
  command->add_option("--balls", options->balls, "icicle: what its colours show")
      ->transform(CLI::Transformer(std::map<std::string, ui::BallColour>{
          {"radius", ui::BallColour::Radius}, {"fill", ui::BallColour::Fill}, {"level", ui::BallColour::Level}}))
      ->type_name("radius|fill|level");
  command->add_option("--out", options->out, "the file; its extension says of which kind")->required();
  command->footer(
      [] { return "\nWHAT is one of\n" + whats() + "Of loss FILES is the directory of a training run.\n"; });
  command->callback([options] { run(*options); });
}};

}  // namespace

}  // namespace erwin::app
