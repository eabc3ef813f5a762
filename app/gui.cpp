// `erwinscope gui`: the window.

#include <unistd.h>

#include <fstream>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "app/command.h"
#include "core/base/error.h"
#include "ui/scene/scene_options.h"
#include "ui/window/action_table.h"
#include "ui/window/application.h"
#include "ui/window/play_steps.h"

namespace erwin::app {

namespace {

struct Options {
  std::vector<std::string> files;
  std::string play, settings;
};

std::vector<std::string> lines_of(std::istream& stream) {
  std::vector<std::string> lines;
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

void run(const Options& options) {
  ui::ApplicationOptions application;
  application.files = options.files;
  application.settings_file = options.settings;
  application.stop = command_job().stop_token();
  application.play = !options.play.empty();
  if (options.play == "-") {
    application.play_source = "standard input";
    application.play_descriptor = STDIN_FILENO;
  } else if (application.play) {
    std::ifstream file(options.play);
    if (!file) throw Error(ErrorKind::Io, "the steps to play cannot be read", options.play);
    application.play_source = options.play;
    application.play_lines = lines_of(file);
  }
  set_exit_code(ui::run_application(application));
}

std::string scene_options_text() {
  std::string text;
  for (const ui::SceneOption& option : ui::scene_options())
    text += "  " + option.name + " " + option.form + "\n      " + option.help + "\n";
  return text;
}

const CommandRegistration registration{[](CLI::App& app) {
  CLI::App* gui = app.add_subcommand("gui", "open the window");
  auto options = std::make_shared<Options>();
  gui->add_option("FILES", options->files, "clouds, data sets and checkpoints to open; none: the samples are offered");
  gui->add_option("--play", options->play, "perform the steps of a file (- for standard input), then quit");
  gui->add_option("--settings", options->settings,
                  "file in which the window remembers its options; default: erwinscope/window.ini in the user's "
                  "folder of settings, and none with --play");
  gui->footer([] {
    return "\nSteps to play, one a line; lines that start with # are skipped:\n" + ui::play_steps_text() +
           "\nActions (action NAME) and their keys:\n" + ui::actions_text() +
           "\nOptions of the picture (set NAME VALUE):\n" + scene_options_text();
  });
  gui->callback([options] { run(*options); });
}};

}  // namespace

}  // namespace erwin::app
