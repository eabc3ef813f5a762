#include "app/generate_data.h"

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>

#include "app/command.h"
#include "core/config/config.h"
#include "core/generate/beacons.h"
#include "core/generate/body.h"
#include "core/generate/flow.h"
#include "kernels/parallel/parallel.h"

namespace erwin::app {

namespace {

// What both data sets are asked for; -1: a share of the samples.
struct DataOptions {
  std::string out, config = "beacons-erwin-nsa";
  std::int64_t samples = 0, validation = -1, test = -1, points = 0;
  int clusters = 32, threads = 0;
  std::uint64_t seed = 1;
  bool free = false;
};

void add_common(CLI::App& command, DataOptions& options) {
  command.add_option("OUT", options.out, "file to write, .h5; the manifest beside it ends in .toml")->required();
  command.add_option("--samples", options.samples, "how many, all splits together")->capture_default_str();
  command.add_option("--validation", options.validation, "of them to validate with; without it an eighth")
      ->check(CLI::NonNegativeNumber);
  command.add_option("--test", options.test, "of them to test with; without it a quarter")
      ->check(CLI::NonNegativeNumber);
  command.add_option("--seed", options.seed, "another seed, other samples")->capture_default_str();
  command.add_option("--threads", options.threads, "CPU threads; without it all. The result is the same")
      ->check(CLI::PositiveNumber);
}

// What went into the samples; neither the file's name nor the threads did.
std::string common_text(const DataOptions& options, const generate::SplitCounts& counts) {
  return " --samples " + std::to_string(counts.total()) + " --validation " + std::to_string(counts.validation) +
         " --test " + std::to_string(counts.test) + " --points " + std::to_string(options.points) + " --seed " +
         std::to_string(options.seed);
}

double seconds_since(std::chrono::steady_clock::time_point begin) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

void print_written(const DataOptions& options, const generate::SplitCounts& counts, std::int64_t points,
                   double seconds) {
  command_job().progress(1, "done");
  std::printf("%s: %lld samples of %lld points (%lld train, %lld validation, %lld test) in %.1f s\n%s\n",
              options.out.c_str(), static_cast<long long>(counts.total()), static_cast<long long>(points),
              static_cast<long long>(counts.train), static_cast<long long>(counts.validation),
              static_cast<long long>(counts.test), seconds, generate::manifest_path(options.out).c_str());
}

void run_flow(const DataOptions& options) {
  if (options.threads > 0) set_parallel_threads(options.threads);
  generate::FlowOptions flow;
  flow.counts = generate::split_counts(options.samples, options.validation, options.test);
  flow.points = options.points;
  flow.seed = options.seed;
  flow.ground = !options.free;
  const std::string command =
      "erwinscope generate flow" + common_text(options, flow.counts) + (options.free ? " --no-ground" : "");
  const auto begin = std::chrono::steady_clock::now();
  generate::write_flow(options.out, flow, command, command_job());
  print_written(options, flow.counts, generate::car_grid(flow.points).vertices(), seconds_since(begin));
  std::printf("pressure is the coefficient Cp of a potential flow along x: no friction, no wake\n");
}

void run_beacons(const DataOptions& options) {
  if (options.threads > 0) set_parallel_threads(options.threads);
  generate::BeaconsOptions beacons;
  beacons.counts = generate::split_counts(options.samples, options.validation, options.test);
  beacons.clusters = options.clusters;
  beacons.points = static_cast<int>(std::min<std::int64_t>(options.points, 1 << 30));
  beacons.seed = options.seed;
  beacons.model = model_config(Config::from_toml_file(find_config(options.config)));
  const std::string command = "erwinscope generate beacons" + common_text(options, beacons.counts) + " --clusters " +
                              std::to_string(options.clusters) + " --config " + options.config;
  const auto begin = std::chrono::steady_clock::now();
  generate::write_beacons(options.out, beacons, command, command_job());
  print_written(options, beacons.counts, std::int64_t{beacons.clusters} * beacons.points, seconds_since(begin));
  std::printf("no chain of balls and graph edges of %s leads from a point to its partner\n", options.config.c_str());
}

}  // namespace

void add_generate_flow(CLI::App& generate) {
  const auto options = std::make_shared<DataOptions>();
  options->samples = 24;
  options->points = 2300;
  CLI::App* command = generate.add_subcommand("flow", "pressure on car-like bodies in a potential flow (panel method)");
  add_common(*command, *options);
  command->add_option("--points", options->points, "of a body, about: what the grid of its surface allows")
      ->capture_default_str();
  command->add_flag("--no-ground", options->free, "without the wall below the bodies");
  command->callback([options] { run_flow(*options); });
}

void add_generate_beacons(CLI::App& generate) {
  const auto options = std::make_shared<DataOptions>();
  options->samples = 400;
  options->points = 64;
  CLI::App* command =
      generate.add_subcommand("beacons", "planted truth: clusters whose target is the charge of a far partner");
  add_common(*command, *options);
  command->add_option("--clusters", options->clusters, "of a cloud, even")->capture_default_str();
  command->add_option("--points", options->points, "of a cluster")->capture_default_str();
  command
      ->add_option("--config", options->config,
                   "configuration or preset whose balls and graph must not lead to a partner")
      ->capture_default_str();
  command->callback([options] { run_beacons(*options); });
}

}  // namespace erwin::app
