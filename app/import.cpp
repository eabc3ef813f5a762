// `erwinscope import FILES`: a manifest for a person's own files, and what to look at before training on them.

#include <cstdio>
#include <memory>

#include "app/command.h"
#include "core/import/import.h"
#include "core/import/preset_choice.h"
#include "core/model/predict.h"

namespace erwin::app {

namespace {

struct ImportArguments {
  ImportRequest request;
  std::vector<std::string> files;
  std::string out = "data.toml", task = "regression", frames = "first";
};

std::string joined(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
  return text;
}

void print(const ImportReport& report, const std::string& out) {
  std::string points = std::to_string(report.fewest_points);
  if (report.most_points > report.fewest_points) points += " to " + std::to_string(report.most_points);
  std::printf("%-12s %s points in %d-D\n", "samples of", points.c_str(), report.dimension);
  std::printf("%-12s %s (%d numbers per point)\n", "inputs", joined(report.inputs).c_str(), report.input_components);
  std::printf("%-12s %s%s (%d)\n", "target", report.target.c_str(),
              report.unit.empty() ? "" : (" [" + report.unit + "]").c_str(), report.target_components);
  for (const char* split : {"train", "validation", "test"})
    if (const auto found = report.splits.find(split); found != report.splits.end())
      std::printf("%-12s %lld samples\n", split, static_cast<long long>(found->second));
  for (const std::string& text : report.left_out) std::printf("%-12s %s\n", "left out", text.c_str());
  for (const std::string& text : report.warnings) std::printf("%-12s %s\n", "look at", text.c_str());
  const PresetChoice choice = choose_preset(report.manifest, resolve_device("auto"), command_job());
  std::printf(
      "%s\ntrain with: erwinscope train --data %s\n(%s, for %s; any other: erwinscope train CONFIG --data %s)\n",
      out.c_str(), out.c_str(), choice.preset.c_str(), choice.why.c_str(), out.c_str());
}

void import_files(const ImportArguments& arguments) {
  ImportRequest request = arguments.request;
  request.files.assign(arguments.files.begin(), arguments.files.end());
  request.out = arguments.out;
  request.density = arguments.task == "density";
  request.all_frames = arguments.frames == "all";
  const ImportReport report = import_data(request, command_job());
  command_job().progress(1, "done");
  print(report, arguments.out);
}

const CommandRegistration registration{[](CLI::App& app) {
  CLI::App* command =
      app.add_subcommand("import", "write a manifest for your own files; warns of what would spoil the training");
  const auto arguments = std::make_shared<ImportArguments>();
  ImportRequest& request = arguments->request;
  command->add_option("FILES", arguments->files, "files of one or several samples, or folders of them")->required();
  command->add_option("--out", arguments->out, "manifest to write")->capture_default_str();
  command->add_option("--inputs", request.inputs, "position and fields that go in, as a,b; default: position")
      ->delimiter(',')
      ->allow_extra_args(false);
  command->add_option("--target", request.target, "field to learn; default: the only one that can be meant");
  command->add_option("--task", arguments->task, "regression, or density: learn the target's deviation, too")
      ->check(CLI::IsMember({"regression", "density"}))
      ->capture_default_str();
  command->add_option("--frames", arguments->frames, "of files with several: first, or all (each is a sample)")
      ->check(CLI::IsMember({"first", "all"}))
      ->capture_default_str();
  command->add_option("--positions", request.positions,
                      "path of the N x 3 array in an HDF5 file, its name in an NPZ file; default: found by shape");
  command->add_flag("--drop-nonfinite", request.drop_nonfinite, "leave out points whose position is not finite");
  command->add_flag("--skip-bad", request.skip_bad, "leave out samples that cannot be used, and say which");
  command->add_flag("--overwrite", request.overwrite, "replace the manifest where it exists");
  command->callback([arguments] { import_files(*arguments); });
}};

}  // namespace

}  // namespace erwin::app
