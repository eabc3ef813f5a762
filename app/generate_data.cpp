#include "app/generate_data.h"

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>

#include "app/command.h"
#include "app/generate_options.h"
#include "core/config/config.h"
#include "core/generate/beacons.h"
#include "core/generate/body.h"
#include "core/generate/flow.h"

namespace erwin::app {

namespace {

struct FlowCommand : DataOptions {
  bool free = false;
};

struct BeaconsCommand : DataOptions {
  std::string config = "beacons-erwin-nsa";
  int clusters = 32;
};

void run_flow(const FlowCommand& options) {
  const auto begin = begin_generating(options);
  generate::FlowOptions flow;
  flow.counts = options.counts();
  flow.points = options.points;
  flow.seed = options.seed;
  flow.ground = !options.free;
  generate::write_flow(options.out, flow, command_text("flow", options) + (options.free ? " --no-ground" : ""),
                       command_job());
  print_written(options, generate::car_grid(flow.points).vertices(), begin);
  std::printf("pressure is the coefficient Cp of a potential flow along x: no friction, no wake\n");
}

void run_beacons(const BeaconsCommand& options) {
  const auto begin = begin_generating(options);
  generate::BeaconsOptions beacons;
  beacons.counts = options.counts();
  beacons.clusters = options.clusters;
  beacons.points = static_cast<int>(std::min<std::int64_t>(options.points, 1 << 30));
  beacons.seed = options.seed;
  beacons.model = model_config(Config::from_toml_file(find_config(options.config)));
  const std::string command = command_text("beacons", options) + " --clusters " + std::to_string(options.clusters) +
                              " --config " + options.config;
  generate::write_beacons(options.out, beacons, command, command_job());
  print_written(options, std::int64_t{beacons.clusters} * beacons.points, begin);
  std::printf("no chain of balls and graph edges of %s leads from a point to its partner\n", options.config.c_str());
}

}  // namespace

void add_generate_flow(CLI::App& generate) {
  const auto options = std::make_shared<FlowCommand>();
  options->samples = 24;
  options->points = 2300;
  CLI::App* command = generate.add_subcommand("flow", "pressure on car-like bodies in a potential flow (panel method)");
  add_data_options(*command, *options);
  command->add_option("--points", options->points, "of a body, about: what the grid of its surface allows")
      ->capture_default_str();
  command->add_flag("--no-ground", options->free, "without the wall below the bodies");
  command->callback([options] { run_flow(*options); });
}

void add_generate_beacons(CLI::App& generate) {
  const auto options = std::make_shared<BeaconsCommand>();
  options->samples = 400;
  options->points = 64;
  CLI::App* command =
      generate.add_subcommand("beacons", "planted truth: clusters whose target is the charge of a far partner");
  add_data_options(*command, *options);
  command->add_option("--clusters", options->clusters, "of a cloud, even")->capture_default_str();
  command->add_option("--points", options->points, "of a cluster")->capture_default_str();
  command
      ->add_option("--config", options->config,
                   "configuration or preset whose balls and graph must not lead to a partner")
      ->capture_default_str();
  command->callback([options] { run_beacons(*options); });
}

}  // namespace erwin::app
