// `erwinscope explain`: one query of one layer, or of all layers, as text or JSON.

#include "core/attention/explain.h"

#include <charconv>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <numeric>
#include <string>
#include <vector>

#include "app/command.h"
#include "app/inputs.h"
#include "app/open_options.h"
#include "core/base/error.h"
#include "core/dataset/dataset.h"
#include "core/io/open.h"
#include "core/model/predict.h"

namespace erwin::app {

namespace {

namespace fs = std::filesystem;

struct Options {
  std::vector<std::string> files;
  std::int64_t point = 0, frame = -1;
  std::string sample, layer = "last", head = "mean", device = "auto";
  int top = 10;
  bool json = false;
  io::OpenOptions open;
};

[[noreturn]] void refuse(const std::string& message, const std::string& detail, const std::string& hint = {}) {
  throw Error(ErrorKind::Config, message, detail, hint);
}

int whole_number(const std::string& text, const char* option, const std::string& allowed) {
  int value = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (failure != std::errc() || end != text.data() + text.size())
    refuse(std::string(option) + " is not understood", text, "Allowed: " + allowed);
  return value;
}

int layer_count(const ModelConfig& config) {
  if (config.kind != ModelKind::Erwin) return config.flat.depth;
  const auto& encoder = config.unet.encoder_depths;
  const auto& decoder = config.unet.decoder_depths;
  return std::accumulate(encoder.begin(), encoder.end(), std::accumulate(decoder.begin(), decoder.end(), 0));
}

std::vector<int> chosen_layers(const std::string& text, int count) {
  if (count < 1) refuse("this network has no attention layer", "0 layers");
  if (text == "last") return {count - 1};
  if (text == "all") {
    std::vector<int> all(static_cast<std::size_t>(count));
    std::iota(all.begin(), all.end(), 0);
    return all;
  }
  const int layer = whole_number(text, "--layer", "0 to " + std::to_string(count - 1) + ", last, all");
  if (layer < 0 || layer >= count)
    refuse("there is no attention layer " + text, "layers go from 0 to " + std::to_string(count - 1),
           "Layers count from 0 in order of evaluation");
  return {layer};
}

// The point of the cloud whose id, its row in the file, was asked for.
std::int64_t point_of(const PointCloud& cloud, std::int64_t id) {
  const std::int64_t point = cloud.point_of_row(id);
  if (point >= 0) return point;
  const std::int64_t rows = cloud.row_id(cloud.size() - 1) + 1;
  if (id >= 0 && id < rows)
    refuse("point " + std::to_string(id) + " was left out when the file was opened", "its position is not finite",
           "Choose another point; ids are rows of the file, counted from 0");
  refuse("there is no point " + std::to_string(id), "ids go from 0 to " + std::to_string(rows - 1),
         "A point's id is its row in the file, counted from 0");
}

std::vector<ExplanationSource::Value> values_at(const std::vector<Field>& fields, std::int64_t point) {
  std::vector<ExplanationSource::Value> values;
  for (const Field& field : fields) {
    ExplanationSource::Value value{field.name(), field.unit(), {}};
    for (int component = 0; component < field.components(); ++component)
      value.components.push_back(field.value(point, component));
    values.push_back(std::move(value));
  }
  return values;
}

void explain_point(const Options& options) {
  const Job& job = command_job();
  const auto [data, checkpoint] = checkpoint_and_data(options.files);
  const Dataset dataset = Dataset::open(data, options.open, command_job());
  const std::int64_t index = options.sample.empty() ? 0 : dataset.index_of(options.sample);
  const SampleEntry& entry = dataset.samples().at(static_cast<std::size_t>(index));
  const PointCloudPtr cloud = dataset.load(index, job);
  const std::int64_t frame = options.frame >= 0 ? options.frame : entry.frame;
  if (frame >= cloud->frames())
    refuse("there is no frame " + std::to_string(frame), "frames go from 0 to " + std::to_string(cloud->frames() - 1));

  ExplainRequest request;
  request.point = point_of(*cloud, options.point);
  request.frame = frame;
  request.head = options.head == "mean" ? -1 : whole_number(options.head, "--head", "a head from 0, mean");
  if (options.head != "mean" && request.head < 0) refuse("there is no head " + options.head, "heads count from 0");
  request.top = options.top;

  const Predictor predictor(checkpoint, options.device);
  const ModelConfig& config = predictor.checkpoint().config;
  const std::vector<int> layers = chosen_layers(options.layer, layer_count(config));
  const Predictor::Result result = predictor.run(*cloud, frame, TapRequest{false, layers}, job);

  std::vector<Explanation> explanations;
  for (const int layer : layers) {
    request.layer = layer;
    const BallTreePtr tree =
        tree_of_layer(result.tap->require_layer(layer), result.sample->trees.main, result.sample->trees.rotated,
                      result.sample->positions, config.rotate_degrees, job);
    explanations.push_back(explain(*result.tap, *cloud, *tree, request, job));
  }
  const ExplanationSource source{checkpoint.string(),
                                 data.string(),
                                 entry.name,
                                 name_of(config.kind),
                                 resolve_device(options.device),
                                 cloud->unit(),
                                 values_at(result.fields, request.point)};
  const std::string text = options.json ? to_json(explanations, source) + "\n" : to_text(explanations, source);
  std::fputs(text.c_str(), stdout);
}

const CommandRegistration registration{[](CLI::App& app) {
  const auto options = std::make_shared<Options>();
  CLI::App* command =
      app.add_subcommand("explain", "where one point looks: ball path, gates, selected blocks, top attended points");
  command
      ->add_option("CHECKPOINT_DATA", options->files,
                   "a checkpoint and a file, folder or manifest of data, in either order")
      ->required()
      ->expected(2);
  command
      ->add_option("--point", options->point, "the query: a row of the file, counted from 0 before anything is dropped")
      ->required();
  command->add_option("--sample", options->sample, "sample of the data set; the first where none is given");
  command->add_option("--frame", options->frame, "frame of the sample, from 0")->check(CLI::NonNegativeNumber);
  command->add_option("--layer", options->layer, "attention layer from 0 in order of evaluation, last, or all")
      ->capture_default_str();
  command->add_option("--head", options->head, "query head from 0, or mean")->capture_default_str();
  command->add_option("--top", options->top, "attended points to list")
      ->check(CLI::Range(0, 1000000))
      ->capture_default_str();
  command->add_option("--device", options->device, "cpu, cuda, cuda:1, auto")->capture_default_str();
  add_open_options(*command, options->open);
  command->add_flag("--json", options->json, "as JSON, see resources/help/explain.md");
  command->callback([options] { explain_point(*options); });
}};

}  // namespace

}  // namespace erwin::app
