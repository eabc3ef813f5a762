// `erwinscope generate polymer`: accelerations from the past velocities of bead-spring chains.

#include <cstdio>
#include <map>
#include <memory>
#include <string>

#include "app/command.h"
#include "app/generate_data.h"
#include "app/generate_options.h"
#include "core/config/schema.h"
#include "core/generate/polymer.h"

namespace erwin::app {

namespace {

struct PolymerCommand : DataOptions {
  generate::PolymerOptions polymer;
};

void run(PolymerCommand& options) {
  const auto begin = begin_generating(options);
  generate::PolymerOptions& polymer = options.polymer;
  polymer.counts = options.counts();
  polymer.points = options.points;
  polymer.seed = options.seed;
  std::string command = command_text("polymer", options) + " --windows " + std::to_string(polymer.windows) +
                        " --bonds " + generate::name_of(polymer.bonds);
  for (const auto& [option, value] : {std::pair("--interval", polymer.interval),
                                      {"--test-interval", polymer.test_interval},
                                      {"--relax", polymer.relaxation},
                                      {"--dt", polymer.time_step},
                                      {"--friction", polymer.friction}})
    command += std::string(" ") + option + " " + toml_text(value);
  generate::write_polymer(options.out, polymer, command, command_job());
  print_written(options, polymer.points, begin);
  std::printf("%lld windows of each chain; places every %g tau, of the test chains every %g tau\n",
              static_cast<long long>(polymer.windows), polymer.interval, polymer.test_interval);
}

}  // namespace

void add_generate_polymer(CLI::App& generate) {
  const auto options = std::make_shared<PolymerCommand>();
  generate::PolymerOptions& polymer = options->polymer;
  options->samples = polymer.counts.total();
  options->points = polymer.points;
  CLI::App* command = generate.add_subcommand("polymer", "bead-spring chains in a heat bath: the next acceleration");
  add_data_options(*command, *options, "chains");
  command->add_option("--points", options->points, "beads of a chain")->capture_default_str();
  command->add_option("--windows", polymer.windows, "of 17 places, from each chain")->capture_default_str();
  command->add_option("--interval", polymer.interval, "between places, to train and validate with, in tau")
      ->capture_default_str();
  command->add_option("--test-interval", polymer.test_interval, "between places, to test with, in tau")
      ->capture_default_str();
  command->add_option("--relax", polymer.relaxation, "before the first place is kept, in tau")->capture_default_str();
  command->add_option("--dt", polymer.time_step, "time step of the dynamics in tau")->capture_default_str();
  command->add_option("--friction", polymer.friction, "of the heat bath in 1/tau")->capture_default_str();
  const std::map<std::string, generate::BondKind> bonds{{"fene", generate::BondKind::Fene},
                                                        {"harmonic", generate::BondKind::Harmonic}};
  command->add_option("--bonds", polymer.bonds, "fene or harmonic; without it fene")
      ->transform(CLI::CheckedTransformer(bonds).description(""));
  command->callback([options] { run(*options); });
}

}  // namespace erwin::app
