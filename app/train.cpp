// `erwinscope train`: a run directory from a configuration and a data set, gone on with, or branched from a checkpoint.

#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdio>
#include <memory>
#include <optional>
#include <stop_token>

#include "app/command.h"
#include "core/base/error.h"
#include "core/import/preset_choice.h"
#include "core/model/checkpoint.h"
#include "core/model/predict.h"
#include "core/train/run.h"

namespace erwin::app {

namespace {

namespace fs = std::filesystem;

struct TrainArguments {
  std::string config, data, out, device, resume, from;
  std::vector<std::string> settings;
  std::int64_t steps = -1, seed = -1;
  bool skip_bad = false;
};

[[noreturn]] void refuse(const std::string& what, const std::string& hint) {
  throw Error(ErrorKind::Config, what, {}, hint);
}

Config configured(const TrainArguments& arguments) {
  Config config;
  if (!arguments.config.empty()) {
    config = Config::from_toml_file(find_config(arguments.config));
  } else if (arguments.from.empty()) {
    const PresetChoice choice =
        choose_preset(arguments.data, resolve_device(arguments.device.empty() ? "auto" : arguments.device));
    std::fprintf(stderr, "no configuration given: %s, for %s\n", choice.preset.c_str(), choice.why.c_str());
    config = choice.config;
  } else {
    const std::string of_run = load_checkpoint(arguments.from).run_config;
    if (of_run.empty()) refuse("the checkpoint says nothing about training", "Give a configuration beside --from");
    config = Config::from_toml_text(of_run, arguments.from);
  }
  for (const std::string& setting : arguments.settings) config.set(setting);
  if (!arguments.data.empty()) config.assign("data.path", arguments.data);
  if (!arguments.device.empty()) config.assign("train.device", arguments.device);
  if (arguments.skip_bad) config.assign("data.skip_bad", true);
  if (arguments.steps >= 0) config.assign("train.steps", arguments.steps);
  if (arguments.seed >= 0) config.assign("train.seed", arguments.seed);
  if (config.text("data.path").empty())
    throw Error(ErrorKind::Config, "nothing to train on", "data.path is empty",
                "Give a manifest, folder or file with --data");
  return config;
}

// The new directory's name where --out gives none: after the configuration, else the data, or the run that is branched.
fs::path chosen_out(const TrainArguments& arguments) {
  if (!arguments.out.empty()) return arguments.out;
  if (!arguments.config.empty()) return fresh_run_path(fs::path(arguments.config).stem().string());
  if (arguments.from.empty()) return fresh_run_path(fs::path(arguments.data).stem().string());
  const fs::path run = fs::absolute(arguments.from).parent_path().parent_path();
  return fresh_run_path(run.filename().string() + "-branch", run.parent_path());
}

// A line that is rewritten where stderr is a terminal, else one now and then.
class ProgressLine {
public:
  void operator()(const RunProgress& progress) {
    const auto now = std::chrono::steady_clock::now();
    const bool last = progress.step == progress.steps;
    const auto wait = terminal_ ? std::chrono::milliseconds(100) : std::chrono::milliseconds(10000);
    if (shown_ && !last && now - *shown_ < wait) return;
    shown_ = now;
    std::fprintf(stderr, terminal_ ? "\r\033[K%s%s" : "%s%s", progress.text().c_str(), terminal_ && !last ? "" : "\n");
  }

private:
  const bool terminal_ = ::isatty(STDERR_FILENO);
  std::optional<std::chrono::steady_clock::time_point> shown_;
};

void print(const RunResult& result) {
  const std::int64_t steps = result.steps - result.first_step;
  std::printf("%lld steps in %.1f s (%.3g per second), %lld parameters, loss %.5g -> %.5g\n",
              static_cast<long long>(steps), result.seconds,
              result.seconds > 0 ? static_cast<double>(steps) / result.seconds : 0.0,
              static_cast<long long>(result.parameters), result.first_loss, result.last_loss);
  if (result.best)
    std::printf("best validation %.5g at step %lld\n", result.best->score(), static_cast<long long>(result.best->step));
  if (result.stopped) std::printf("stopped on request; go on with: erwinscope train --resume %s\n", result.run.c_str());
  std::printf("%s\n", result.checkpoint.c_str());
}

std::string command_line(const TrainArguments& arguments) {
  std::string command = "erwinscope train";
  const auto add = [&](const char* name, const std::string& value) {
    if (!value.empty()) command += std::string(" ") + name + (*name ? " " : "") + value;
  };
  add("", arguments.config);
  add("--resume", arguments.resume);
  add("--from", arguments.from);
  add("--data", arguments.data);
  if (arguments.steps >= 0) add("--steps", std::to_string(arguments.steps));
  if (arguments.seed >= 0) add("--seed", std::to_string(arguments.seed));
  add("--device", arguments.device);
  if (arguments.skip_bad) command += " --skip-bad";
  for (const std::string& setting : arguments.settings) add("--set", setting);
  return command;
}

void train(const TrainArguments& arguments) {
  // Where a file must not grow further, writing fails and says so; the signal would end the process in the middle.
  std::signal(SIGXFSZ, SIG_IGN);
  const Job& job = command_job();
  const std::stop_callback told(
      job.stop_token(), [] { std::fputs("\nfinishing the step and saving; once more to stop at once\n", stderr); });
  ProgressLine progress;
  const auto say = [](const std::string& line) { std::fprintf(stderr, "%s\n", line.c_str()); };
  if (!arguments.resume.empty()) {
    if (!arguments.config.empty() || !arguments.from.empty() || !arguments.out.empty() || !arguments.settings.empty() ||
        arguments.seed >= 0 || arguments.skip_bad)
      refuse("--resume goes on with a run as it is; only --steps, --data and --device go with it",
             "For other settings make a new run: erwinscope train --from " + arguments.resume +
                 "/checkpoints/last.h5 --set ...");
    ResumeRequest request{arguments.resume,        std::nullopt, arguments.data, arguments.device,
                          command_line(arguments), say};
    if (arguments.steps >= 0) request.steps = arguments.steps;
    return print(resume_training(request, job, std::ref(progress)));
  }
  if (arguments.config.empty() && arguments.from.empty() && arguments.data.empty())
    refuse("nothing says what to train",
           "Give --data DATA, a configuration or a preset's name, --resume RUN or --from CHECKPOINT");
  RunRequest request{configured(arguments), chosen_out(arguments), command_line(arguments), arguments.from, say};
  print(run_training(request, job, std::ref(progress)));
}

const CommandRegistration registration{[](CLI::App& app) {
  CLI::App* command = app.add_subcommand("train", "train a network; writes a run directory that can be resumed");
  const auto arguments = std::make_shared<TrainArguments>();
  command->add_option("CONFIG", arguments->config,
                      "configuration file, or a preset's name; without it one is chosen by the size of DATA");
  command->add_option("--data", arguments->data, "data set: manifest, folder or file");
  command->add_flag("--skip-bad", arguments->skip_bad,
                    "check all samples first and go on without damaged and incomplete ones (data.skip_bad)");
  command->add_option("--steps", arguments->steps, "at which the run ends; with --resume: extends it")
      ->check(CLI::PositiveNumber);
  command->add_option("--out", arguments->out, "directory of the run, new or empty; default: runs/ and a fresh name");
  command->add_option("--resume", arguments->resume, "go on with the run in this directory");
  command->add_option("--from", arguments->from, "a new run that begins with this checkpoint");
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
