// `erwinscope generate halos`: velocities from the places of halo-like tracers.

#include <cstdio>
#include <memory>
#include <string>

#include "app/command.h"
#include "app/generate_data.h"
#include "app/generate_options.h"
#include "core/config/schema.h"
#include "core/generate/halos.h"

namespace erwin::app {

namespace {

struct HalosCommand : DataOptions {
  generate::HalosOptions halos;
};

void run(HalosCommand& options) {
  const auto begin = begin_generating(options);
  generate::HalosOptions& halos = options.halos;
  halos.counts = options.counts();
  halos.points = options.points;
  halos.seed = options.seed;
  const std::string command = command_text("halos", options) + " --mesh " + std::to_string(halos.mesh) + " --box " +
                              toml_text(halos.box) + " --smoothing " + toml_text(halos.smoothing);
  generate::write_halos(options.out, halos, command, command_job());
  print_written(options, halos.points, begin);
  std::printf("tracers are peaks of the linear density moved by second-order perturbation theory: no halo finder\n");
}

}  // namespace

void add_generate_halos(CLI::App& generate) {
  const auto options = std::make_shared<HalosCommand>();
  options->samples = options->halos.counts.total();
  options->points = options->halos.points;
  CLI::App* command = generate.add_subcommand("halos", "halo-like tracers with velocities, a cosmology for every box");
  add_data_options(*command, *options, "boxes");
  command->add_option("--points", options->points, "the highest peaks of a box")->capture_default_str();
  command->add_option("--mesh", options->halos.mesh, "mesh points of an axis: even, of the factors 2, 3 and 5")
      ->capture_default_str();
  command->add_option("--box", options->halos.box, "side of the periodic box in Mpc/h")->capture_default_str();
  command->add_option("--smoothing", options->halos.smoothing, "Gaussian radius of the density in Mpc/h")
      ->capture_default_str();
  command->callback([options] { run(*options); });
}

}  // namespace erwin::app
