// `erwinscope infer CHECKPOINT DATA`: predictions and how good they are, for one sample, a split or everything.

#include <cstdio>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>

#include "app/command.h"
#include "app/inputs.h"
#include "app/left_out.h"
#include "app/open_options.h"
#include "core/base/error.h"
#include "core/data/result_cloud.h"
#include "core/dataset/dataset.h"
#include "core/io/open.h"
#include "core/io/write.h"
#include "core/model/predict.h"
#include "core/model/prediction_memory.h"
#include "core/model/record.h"

namespace erwin::app {

namespace {

namespace fs = std::filesystem;

struct InferArguments {
  std::vector<std::string> paths;
  std::string out, device = "auto", precision = "float32", sample, split, record;
  bool json = false;
  io::OpenOptions open;
};

struct SampleResult {
  std::string name;
  std::int64_t points = 0;
  FieldRange range;  // of the prediction
  std::optional<Metrics> metrics;
};

std::vector<std::int64_t> chosen_samples(const Dataset& dataset, const InferArguments& arguments) {
  if (!arguments.sample.empty()) return {dataset.index_of(arguments.sample)};
  if (!arguments.split.empty() && !dataset.has_split(arguments.split))
    throw Error(ErrorKind::Config, "the data set has no such split", "--split " + arguments.split,
                "Leave --split away for all samples");
  const std::string split = arguments.split.empty() && dataset.has_split("test") ? "test" : arguments.split;
  if (!split.empty()) return dataset.split(split);
  std::vector<std::int64_t> all(dataset.samples().size());
  for (std::size_t i = 0; i < all.size(); ++i) all[i] = static_cast<std::int64_t>(i);
  return all;
}

nlohmann::ordered_json as_json(const Metrics& metrics) {
  nlohmann::ordered_json json{{"mse_standardised", metrics.mse_standardised},
                              {"mse", metrics.mse},
                              {"mae", metrics.mae},
                              {"relative_l2", metrics.relative_l2}};
  if (metrics.nll) json.update({{"nll_standardised", metrics.nll->standardised}, {"nll", metrics.nll->real}});
  return json;
}

void print_json(const std::vector<SampleResult>& results, const std::optional<Metrics>& mean,
                const Checkpoint& checkpoint, const std::vector<LeftOut>& left_out) {
  nlohmann::ordered_json samples = nlohmann::ordered_json::array();
  for (const SampleResult& result : results) {
    nlohmann::ordered_json entry{
        {"name", result.name},
        {"points", result.points},
        {"prediction", {{"minimum", result.range.minimum}, {"maximum", result.range.maximum}}}};
    if (result.metrics) entry["metrics"] = as_json(*result.metrics);
    samples.push_back(std::move(entry));
  }
  nlohmann::ordered_json root{
      {"schema", 1}, {"target", checkpoint.recipe.target}, {"step", checkpoint.step}, {"samples", samples}};
  if (mean) root["mean"] = as_json(*mean);
  root["left_out"] = json_of(left_out);
  std::printf("%s\n", root.dump(2).c_str());
}

void say_what_is_needed(const Predictor& predictor, const InferArguments& arguments, std::int64_t points) {
  const MemoryNeed need = prediction_need(predictor.checkpoint().config, precision_from(arguments.precision), points,
                                          resolve_device(arguments.device));
  std::fprintf(stderr, "%s\n", need.text().c_str());
}

void print_row(const std::string& name, const std::string& points, const std::optional<Metrics>& m) {
  std::printf("%-24s %9s", name.c_str(), points.c_str());
  if (m) std::printf(" %12.6g %12.6g %12.6g %12.6g", m->mse_standardised, m->mse, m->mae, m->relative_l2);
  if (m && m->nll) std::printf(" %12.6g %12.6g", m->nll->standardised, m->nll->real);
  std::printf("\n");
}

void print_table(const std::vector<SampleResult>& results, const std::optional<Metrics>& mean,
                 const std::string& target) {
  std::printf("%-24s %9s", "sample", "points");
  if (mean) std::printf(" %12s %12s %12s %12s", "mse (std.)", "mse", "mae", "relative L2");
  if (mean && mean->nll) std::printf(" %12s %12s", "nll (std.)", "nll");
  std::printf("\n");
  for (const SampleResult& result : results) {
    print_row(result.name, std::to_string(result.points), result.metrics);
    if (!result.metrics) std::printf("  prediction from %.6g to %.6g\n", result.range.minimum, result.range.maximum);
  }
  if (mean) print_row("mean", "", mean);
  if (mean)
    std::printf("target: %s; %s (std.) is what the network is trained on, the others are in the target's unit\n",
                target.c_str(), mean->nll ? "nll" : "mse");
}

void infer(const InferArguments& arguments) {
  const auto [data_path, checkpoint_path] = checkpoint_and_data(arguments.paths);
  const Dataset dataset = Dataset::open(data_path, arguments.open, command_job());
  const std::vector<std::int64_t> chosen = chosen_samples(dataset, arguments);
  if (chosen.empty()) throw Error(ErrorKind::Config, "there is no sample to predict", data_path.string());
  const std::string extension = fs::path(arguments.out).extension().string();
  if (!arguments.out.empty() && chosen.size() > 1 && extension != ".h5" && extension != ".hdf5")
    throw Error(ErrorKind::Config, "several samples go into an HDF5 file only", "--out " + arguments.out,
                "Choose one with --sample, or write .h5");
  if (!arguments.record.empty() && chosen.size() > 1)
    throw Error(ErrorKind::Config, "an attention record is of one sample", "--record " + arguments.record,
                "Choose one with --sample");
  const std::optional<TapRequest> recorded =
      arguments.record.empty() ? std::nullopt : std::optional(TapRequest{.all_layers = true, .layers = {}});
  const Predictor predictor(checkpoint_path, arguments.device, precision_from(arguments.precision));

  std::vector<SampleResult> results;
  std::vector<Metrics> known;
  std::vector<LeftOut> left_out = dataset.left_out();
  io::NamedClouds written;
  double done = 0;
  std::int64_t largest = 0;
  for (const std::int64_t index : chosen) {
    const SampleEntry& entry = dataset.samples()[static_cast<std::size_t>(index)];
    command_job().progress(done++ / static_cast<double>(chosen.size()), entry.name);
    PointCloudPtr cloud;
    Predictor::Result result;
    try {
      cloud = dataset.load(index, command_job());
      if (cloud->size() > largest) {
        largest = cloud->size();
        say_what_is_needed(predictor, arguments, largest);
      }
      result = predictor.run(*cloud, entry.frame, recorded, command_job());
    } catch (const Error& error) {
      const Error named = error.at(entry.name);
      if (!arguments.open.skip_bad || !is_of_the_data(error) || (results.empty() && done == chosen.size())) throw named;
      left_out.push_back({entry.name, why_of(named)});
      continue;
    }
    const bool vector = result.fields.front().components() > 1;
    results.push_back({entry.name, cloud->size(), result.fields.front().range(vector ? -1 : 0).value_or(FieldRange{}),
                       result.metrics});
    if (result.metrics) known.push_back(*result.metrics);
    if (arguments.out.empty() && arguments.record.empty()) continue;
    written.emplace_back(entry.name, result_cloud(*cloud, entry.frame, std::move(result.fields)));
    if (recorded) save_record(arguments.record, entry.name, written.back().second, *result.tap, command_job());
  }
  if (!arguments.out.empty()) io::write(arguments.out, written, command_job());
  const std::optional<Metrics> mean = known.empty() ? std::nullopt : std::optional(mean_of(known));
  command_job().progress(1, "done");
  if (arguments.json)
    print_json(results, mean, predictor.checkpoint(), left_out);
  else
    print_table(results, mean, predictor.checkpoint().recipe.target);
  if (left_out.size() > dataset.left_out().size()) std::fprintf(stderr, "%s\n", text_of(left_out).c_str());
}

const CommandRegistration registration{[](CLI::App& app) {
  CLI::App* command = app.add_subcommand("infer", "predict with a checkpoint: metrics, and fields in a file");
  const auto arguments = std::make_shared<InferArguments>();
  command
      ->add_option("CHECKPOINT DATA", arguments->paths, "a checkpoint and a file, folder or manifest, in either order")
      ->required()
      ->expected(2);
  command->add_option("--out", arguments->out, "write prediction, target and error: .h5, .vtp or .csv");
  command->add_option("--record", arguments->record,
                      "write an attention record of one sample, see resources/help/record.md: .h5");
  command->add_option("--device", arguments->device, "auto, cpu, cuda or cuda:N");
  command->add_option("--precision", arguments->precision, "float32, tf32 (on a GPU), bf16 or float64");
  command->add_option("--sample", arguments->sample, "one sample by name");
  command->add_option("--split", arguments->split,
                      "a split of the manifest; default: test where there is one, else everything");
  command->add_flag("--json", arguments->json, "print JSON (schema 1)");
  add_open_options(*command, arguments->open);
  add_skip_option(*command, arguments->open);
  command->callback([arguments] { infer(*arguments); });
}};

}  // namespace

}  // namespace erwin::app
