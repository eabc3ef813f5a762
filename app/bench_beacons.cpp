// `erwinscope bench beacons CHECKPOINT DATA`: the error on planted truth, and how often each layer selects it.

#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "app/command.h"
#include "app/generate_data.h"
#include "app/inputs.h"
#include "core/base/atomic_file.h"
#include "core/base/error.h"
#include "core/dataset/dataset.h"
#include "core/generate/beacons_truth.h"
#include "core/model/predict.h"

namespace erwin::app {

namespace {

using generate::PartnerSelection;

struct Arguments {
  std::vector<std::string> paths;
  std::string split = "test", device = "auto", json;
};

struct Result {
  Metrics metrics;
  std::vector<PartnerSelection> layers;
  std::size_t clouds = 0;
};

Result measure(const Predictor& predictor, const Dataset& dataset, const std::string& split) {
  std::vector<Metrics> metrics;
  std::vector<std::vector<PartnerSelection>> selections;
  const std::vector<std::int64_t> samples = dataset.split(split);
  for (const std::int64_t index : samples) {
    command_job().progress(static_cast<double>(metrics.size()) / static_cast<double>(samples.size()), "predicting");
    const PointCloudPtr cloud = dataset.load(index, command_job());
    const Predictor::Result result = predictor.run(*cloud, 0, TapRequest{}, command_job());
    if (!result.metrics)
      throw Error(ErrorKind::Config, "the sample lacks the checkpoint's target",
                  dataset.samples()[static_cast<std::size_t>(index)].name,
                  "Use a data set of 'erwinscope generate beacons'");
    metrics.push_back(*result.metrics);
    selections.push_back(generate::partner_selection(*result.tap, *cloud, predictor.checkpoint().config.flat.exclude));
  }
  if (metrics.empty())
    throw Error(ErrorKind::Config, "the split has no sample", "--split " + split, "Check the manifest's [split]");
  command_job().progress(1, "done");
  return {mean_of(metrics), generate::mean_of(selections), metrics.size()};
}

void print(const Result& result) {
  std::printf("%zu clouds; error %.4g (standardised, predicting the mean scores 1)\n", result.clouds,
              result.metrics.mse_standardised);
  if (result.layers.empty()) return;
  std::printf("how often the partner's block is selected\n%-20s %8s %8s %8s %8s\n", "layer", "tree", "rate", "chance",
              "ratio");
  for (const PartnerSelection& layer : result.layers)
    std::printf("%-20s %8s %8.3f %8.3f %8.2f\n", layer.name.c_str(), layer.rotated ? "rotated" : "main", layer.rate,
                layer.chance, layer.ratio());
}

void write_json(const Result& result, const Predictor& predictor, const std::string& file) {
  nlohmann::ordered_json layers = nlohmann::ordered_json::array();
  for (const PartnerSelection& layer : result.layers)
    layers.push_back({{"layer", layer.layer},
                      {"name", layer.name},
                      {"rotated", layer.rotated},
                      {"rate", layer.rate},
                      {"chance", layer.chance},
                      {"ratio", layer.ratio()}});
  const nlohmann::ordered_json document{{"schema", 1},
                                        {"bench", "beacons"},
                                        {"network", name_of(predictor.checkpoint().config.kind)},
                                        {"step", predictor.checkpoint().step},
                                        {"parameters", predictor.model().parameter_count()},
                                        {"clouds", result.clouds},
                                        {"mse_standardised", result.metrics.mse_standardised},
                                        {"layers", layers}};
  write_text_atomically(file, document.dump(2) + "\n");
}

void run(const Arguments& arguments) {
  const auto [data, checkpoint] = checkpoint_and_data(arguments.paths);
  const Dataset dataset = Dataset::open(data);
  const Predictor predictor(checkpoint, arguments.device);
  const Result result = measure(predictor, dataset, arguments.split);
  print(result);
  if (!arguments.json.empty()) write_json(result, predictor, arguments.json);
}

}  // namespace

void add_bench_beacons(CLI::App& bench) {
  CLI::App* command =
      bench.add_subcommand("beacons", "a trained network's error on planted truth, and how often it selects the truth");
  const auto arguments = std::make_shared<Arguments>();
  command->add_option("FILES", arguments->paths, "checkpoint, and data made by 'generate beacons'")->required();
  command->add_option("--split", arguments->split, "split to predict")->capture_default_str();
  command->add_option("--device", arguments->device, "auto, cpu, cuda or cuda:N")->capture_default_str();
  command->add_option("--json", arguments->json, "also write the numbers to this file as JSON");
  command->callback([arguments] { run(*arguments); });
}

}  // namespace erwin::app
