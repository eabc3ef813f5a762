#include "app/generate_options.h"

#include <cstdio>

#include "app/command.h"
#include "kernels/parallel/parallel.h"

namespace erwin::app {

void add_data_options(CLI::App& command, DataOptions& options, const std::string& samples) {
  command.add_option("OUT", options.out, "file to write, .h5; the manifest beside it ends in .toml")->required();
  command.add_option("--samples", options.samples, "how many " + samples + ", all splits together")
      ->capture_default_str();
  command.add_option("--validation", options.validation, "of them to validate with; without it an eighth")
      ->check(CLI::NonNegativeNumber);
  command.add_option("--test", options.test, "of them to test with; without it a quarter")
      ->check(CLI::NonNegativeNumber);
  command.add_option("--seed", options.seed, "another seed, other samples")->capture_default_str();
  command.add_option("--threads", options.threads, "CPU threads; without it all. The result is the same")
      ->check(CLI::PositiveNumber);
}

std::chrono::steady_clock::time_point begin_generating(const DataOptions& options) {
  if (options.threads > 0) set_parallel_threads(options.threads);
  return std::chrono::steady_clock::now();
}

std::string command_text(const std::string& kind, const DataOptions& options) {
  const generate::SplitCounts counts = options.counts();
  return "erwinscope generate " + kind + " --samples " + std::to_string(counts.total()) + " --validation " +
         std::to_string(counts.validation) + " --test " + std::to_string(counts.test) + " --points " +
         std::to_string(options.points) + " --seed " + std::to_string(options.seed);
}

void print_written(const DataOptions& options, std::int64_t points, std::chrono::steady_clock::time_point begin) {
  const generate::SplitCounts counts = options.counts();
  command_job().progress(1, "done");
  std::printf("%s: %lld samples of %lld points (%lld train, %lld validation, %lld test) in %.1f s\n%s\n",
              options.out.c_str(), static_cast<long long>(counts.total()), static_cast<long long>(points),
              static_cast<long long>(counts.train), static_cast<long long>(counts.validation),
              static_cast<long long>(counts.test),
              std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count(),
              generate::manifest_path(options.out).c_str());
}

}  // namespace erwin::app
