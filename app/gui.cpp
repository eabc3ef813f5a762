// `erwinscope gui`: the window.

#include <fstream>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "app/command.h"
#include "core/base/error.h"
#include "ui/window/application.h"

namespace erwin::app {

namespace {

struct Options {
  std::vector<std::string> files;
  std::string play;
};

std::vector<std::string> lines_of(std::istream& stream) {
  std::vector<std::string> lines;
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

void run(const Options& options) {
  ui::ApplicationOptions application;
  application.files = options.files;
  application.play = !options.play.empty();
  if (options.play == "-") {
    application.play_lines = lines_of(std::cin);
  } else if (application.play) {
    std::ifstream file(options.play);
    if (!file) throw Error(ErrorKind::Io, "the steps to play cannot be read", options.play);
    application.play_lines = lines_of(file);
  }
  set_exit_code(ui::run_application(application));
}

const CommandRegistration registration{[](CLI::App& app) {
  CLI::App* gui = app.add_subcommand("gui", "open the window");
  auto options = std::make_shared<Options>();
  gui->add_option("FILES", options->files, "clouds, data sets and checkpoints to open; none: a made-up car");
  gui->add_option("--play", options->play, "perform the steps of a file (- for standard input), then quit");
  gui->callback([options] { run(*options); });
}};

}  // namespace

}  // namespace erwin::app
