// `erwinscope compare`: configurations against each other, with several seeds, on equal terms, and a report of it.

#include <cstdio>
#include <filesystem>
#include <memory>

#include "app/command.h"
#include "core/base/error.h"
#include "core/compare/report.h"
#include "core/compare/study.h"

namespace erwin::app {

namespace {

namespace fs = std::filesystem;

struct CompareArguments {
  std::vector<std::string> configs, settings;
  StudyTerms terms;
  StudyOptions options;
  int seeds = 0;  // 0: not given
};

StudyPlan plan_of(const CompareArguments& arguments) {
  if (arguments.configs.empty()) {
    if (!arguments.settings.empty() || !arguments.terms.data.empty() || arguments.terms.steps >= 0)
      throw Error(ErrorKind::Config, "without configurations a comparison goes on as it was begun",
                  "--data, --steps, --batch and --set go with configurations",
                  "Begin another one: erwinscope compare A.toml B.toml --data DATA --out NEW");
    StudyPlan plan = load_plan(arguments.options.out);
    for (int seed = static_cast<int>(plan.seeds.size()); seed < arguments.seeds; ++seed)
      plan.seeds.push_back(static_cast<std::uint64_t>(seed));
    return plan;
  }
  std::vector<StudyEntry> entries;
  for (const std::string& given : arguments.configs) {
    const fs::path file = find_config(given);
    StudyEntry entry{file.stem().string(), Config::from_toml_file(file)};
    for (const std::string& setting : arguments.settings) entry.config.set(setting);
    entries.push_back(std::move(entry));
  }
  StudyTerms terms = arguments.terms;
  if (arguments.seeds > 0) terms.seeds = arguments.seeds;
  return make_plan(std::move(entries), terms);
}

void print(const StudyResult& result, const fs::path& out) {
  const StudySummary summary = summarise(result);
  for (const EntrySummary& entry : summary.entries)
    for (const auto& [name, error] : entry.errors)
      if (name == summary.main_error)
        std::printf("%-28s %s %.5g%s, %.4g ms per step\n", entry.name.c_str(), name.c_str(), error.mean,
                    error.has_interval() ? (" +- " + std::to_string(error.half_width)).c_str() : "",
                    1e3 * entry.seconds_per_step.mean);
  for (const PairedSummary& pair : summary.pairs)
    std::printf("%-28s %+.1f %% against %s over %d pairs%s\n", pair.name.c_str(), 100 * pair.relative,
                result.plan.entries.front().name.c_str(), pair.difference.count,
                pair.difference.excludes_zero()  ? ", beyond chance"
                : pair.difference.has_interval() ? ", within chance"
                                                 : "");
  std::printf("%s\n", (out / "report.md").c_str());
}

void compare_configurations(const CompareArguments& arguments) {
  StudyOptions options = arguments.options;
  options.program = fs::read_symlink("/proc/self/exe");
  const StudyResult result = run_study(plan_of(arguments), options, command_job());
  print(result, options.out);
  if (!result.failures.empty())
    throw Error(ErrorKind::Model, std::to_string(result.failures.size()) + " runs failed, the others are in the report",
                result.failures.front().first + ": " + result.failures.front().second,
                "Mend the cause and go on with: erwinscope compare --out " + options.out.string());
  command_job().progress(1, "done");
  if (!result.complete())
    std::printf("stopped after %g minutes with %zu of %lld runs finished; go on with: erwinscope compare --out %s\n",
                options.minutes, result.outcomes.size(), static_cast<long long>(result.plan.runs()),
                options.out.c_str());
}

const CommandRegistration registration{[](CLI::App& app) {
  CLI::App* command = app.add_subcommand(
      "compare", "train configurations with several seeds on equal terms; writes a report with intervals");
  const auto arguments = std::make_shared<CompareArguments>();
  command->add_option("CONFIGS", arguments->configs,
                      "configuration files or presets; the first is the one that others are measured against. "
                      "Without them: go on with what lies under --out");
  command->add_option("--data", arguments->terms.data, "data set: manifest, folder or file");
  command->add_option("--out", arguments->options.out, "directory of the comparison: new, or one to go on with")
      ->required();
  command->add_option("--seeds", arguments->seeds, "runs per configuration; without it 3, or as many as there are")
      ->check(CLI::PositiveNumber);
  command->add_option("--steps", arguments->terms.steps, "of every run; default: as the first configuration says")
      ->check(CLI::PositiveNumber);
  command->add_option("--batch", arguments->terms.batch, "of every run; default: as the first configuration says")
      ->check(CLI::PositiveNumber);
  command->add_option("--minutes", arguments->options.minutes, "after which it stops, to be gone on with; 0: never")
      ->check(CLI::NonNegativeNumber);
  command->add_option("--parallel", arguments->options.parallel, "runs at once")
      ->check(CLI::Range(1, 64))
      ->capture_default_str();
  command->add_option("--device", arguments->terms.device, "auto, cpu, cuda or cuda:N");
  command->add_option("--set", arguments->settings, "section.key=value, in every configuration; repeatable")
      ->allow_extra_args(false);
  command->callback([arguments] { compare_configurations(*arguments); });
}};

}  // namespace

}  // namespace erwin::app
