// `erwinscope train CONFIG --data DATA --steps N --out RUN`: a run directory from a configuration and a data set.

#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <memory>

#include "app/command.h"
#include "core/base/error.h"
#include "core/train/run.h"

namespace erwin::app {

namespace {

struct TrainArguments {
  std::string config, data, out, device;
  std::vector<std::string> settings;
  std::int64_t steps = -1, seed = -1;
};

Config configured(const TrainArguments& arguments) {
  Config config = Config::from_toml_file(find_config(arguments.config));
  for (const std::string& setting : arguments.settings) config.set(setting);
  if (!arguments.data.empty()) config.assign("data.path", arguments.data);
  if (!arguments.device.empty()) config.assign("train.device", arguments.device);
  if (arguments.steps >= 0) config.assign("train.steps", arguments.steps);
  if (arguments.seed >= 0) config.assign("train.seed", arguments.seed);
  if (config.text("data.path").empty())
    throw Error(ErrorKind::Config, "nothing to train on", "data.path is empty",
                "Give a manifest, folder or file with --data");
  return config;
}

// Where stderr is no terminal, progress is a line now and then instead of one line rewritten.
class PlainProgress {
public:
  explicit PlainProgress(std::int64_t steps) : steps_(steps), silent_(::isatty(STDERR_FILENO)) {}
  void operator()(const StepRecord& record) {
    const auto now = std::chrono::steady_clock::now();
    if (silent_ || (record.step != 1 && record.step != steps_ && now - last_ < std::chrono::seconds(10))) return;
    last_ = now;
    std::fprintf(stderr, "step %lld of %lld, loss %.5g, %.2f s per step\n", static_cast<long long>(record.step),
                 static_cast<long long>(steps_), record.loss, record.seconds);
  }

private:
  std::int64_t steps_;
  bool silent_;
  std::chrono::steady_clock::time_point last_{};
};

void train(const TrainArguments& arguments) {
  RunRequest request{configured(arguments), arguments.out, "erwinscope train " + arguments.config};
  for (const std::string& setting : arguments.settings) request.command += " --set " + setting;
  PlainProgress progress(request.config.integer("train.steps"));
  const RunResult result = run_training(request, command_job(), std::ref(progress));
  std::printf("%lld steps in %.1f s (%.2f per second), %lld parameters, loss %.5g -> %.5g\n%s\n",
              static_cast<long long>(result.steps), result.seconds, static_cast<double>(result.steps) / result.seconds,
              static_cast<long long>(result.parameters), result.first_loss, result.last_loss,
              result.checkpoint.c_str());
}

const CommandRegistration registration{[](CLI::App& app) {
  CLI::App* command = app.add_subcommand("train", "train a network; writes a run directory with a checkpoint");
  const auto arguments = std::make_shared<TrainArguments>();
  command->add_option("CONFIG", arguments->config, "configuration file, or a preset's name")->required();
  command->add_option("--data", arguments->data, "data set: manifest, folder or file");
  command->add_option("--steps", arguments->steps, "optimiser steps")->check(CLI::PositiveNumber);
  command->add_option("--out", arguments->out, "directory of the run, new or empty")->required();
  command->add_option("--set", arguments->settings, "section.key=value, before what the file says; repeatable")
      ->allow_extra_args(false);
  command->add_option("--seed", arguments->seed, "of weights and order of samples")->check(CLI::NonNegativeNumber);
  command->add_option("--device", arguments->device, "auto, cpu, cuda or cuda:N");
  std::string presets;
  for (const std::string& name : preset_names()) presets += "\n  " + name;
  command->footer("Presets:" + presets + "\n\n" + options_text());
  command->callback([arguments] { train(*arguments); });
}};

}  // namespace

}  // namespace erwin::app
