// `erwinscope generate`: data that the program makes itself.

#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>

#include "app/command.h"
#include "app/generate_data.h"
#include "core/engine/sample_cloud.h"
#include "core/io/write.h"

namespace erwin::app {

namespace {

struct Options {
  std::string out;
  std::int64_t points = 4096;
  std::uint64_t seed = 1;
};

void run(const Options& options) {
  const PointCloudPtr cloud = make_sample_cloud(options.points, options.seed);
  io::write(options.out, {{"sample", cloud}}, command_job());
  std::printf("%s: %lld points; pressure is a made-up smooth field, for trying the program out\n", options.out.c_str(),
              static_cast<long long>(cloud->size()));
}

void add_generate_sample(CLI::App& generate) {
  auto options = std::make_shared<Options>();
  CLI::App* sample = generate.add_subcommand("sample", "a car-like body with a made-up smooth pressure field");
  sample->add_option("OUT", options->out, "file to write: .h5, .vtp or .csv")->required();
  sample->add_option("--points", options->points, "how many")->capture_default_str();
  sample->add_option("--seed", options->seed, "another seed, other points")->capture_default_str();
  sample->callback([options] { run(*options); });
}

const CommandRegistration registration{[](CLI::App& app) {
  CLI::App* generate =
      app.add_subcommand("generate", "make data: to try the program out, to train on, to test models with");
  generate->require_subcommand(1);
  add_generate_sample(*generate);
  add_generate_flow(*generate);
  add_generate_beacons(*generate);
  add_generate_halos(*generate);
  add_generate_polymer(*generate);
}};

}  // namespace

}  // namespace erwin::app
