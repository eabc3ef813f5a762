#include "app/explain_source.h"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <numeric>

#include "app/command.h"
#include "app/inputs.h"
#include "core/attention/explain.h"
#include "core/base/error.h"
#include "core/data/point_set.h"
#include "core/dataset/dataset.h"
#include "core/model/record.h"
#include "core/model/what_if.h"

namespace erwin::app {

namespace {

std::vector<int> chosen_layers(const std::string& text, const std::vector<int>& all) {
  if (all.empty()) refuse("this network has no attention layer", "0 layers");
  if (text == "last") return {all.back()};
  if (text == "all") return all;
  const std::string range = std::to_string(all.front()) + " to " + std::to_string(all.back());
  const int layer = whole_number(text, "--layer", range + ", last, all");
  if (std::find(all.begin(), all.end(), layer) == all.end())
    refuse("there is no attention layer " + text, "layers go from " + range,
           "Layers count from 0 in order of evaluation");
  return {layer};
}

ExplainSource load_recorded(const ExplainOptions& options) {
  AttentionRecord record = load_record(options.files.front(), command_job());
  ExplainSource source;
  source.data = options.files.front();
  source.sample_name = record.sample;
  source.model = record.generator;
  source.cloud = record.cloud;
  source.tap = record.tap;
  std::vector<int> all;
  for (const LayerTap& layer : record.tap->layers) all.push_back(layer.layer);
  source.layers = chosen_layers(options.layer, all);
  for (const Field& field : record.cloud->fields())
    if (field.name() == "prediction" || field.name() == "target" || field.name() == "error")
      source.fields.push_back(field);
  return source;
}

ExplainSource load_predicted(const ExplainOptions& options, bool every_layer) {
  const Job& job = command_job();
  const auto [data, checkpoint] = checkpoint_and_data(options.files);
  const Dataset dataset = Dataset::open(data, options.open, command_job());
  const std::int64_t index = options.sample.empty() ? 0 : dataset.index_of(options.sample);
  const SampleEntry& entry = dataset.samples().at(static_cast<std::size_t>(index));
  ExplainSource source;
  source.cloud = dataset.load(index, job);
  source.frame = options.frame >= 0 ? options.frame : entry.frame;
  if (source.frame >= source.cloud->frames())
    refuse("there is no frame " + std::to_string(source.frame),
           "frames go from 0 to " + std::to_string(source.cloud->frames() - 1));
  if (options.point) (void)point_of(*source.cloud, *options.point);
  source.checkpoint = checkpoint.string();
  source.data = data.string();
  source.sample_name = entry.name;
  source.predictor.emplace(checkpoint, options.device);
  const ModelConfig& config = source.predictor->checkpoint().config;
  source.model = name_of(config.kind);
  source.device = resolve_device(options.device);
  std::vector<int> all(heads_by_layer(config).size());
  std::iota(all.begin(), all.end(), 0);
  source.layers = chosen_layers(options.layer, all);
  Predictor::Result result =
      source.predictor->run(*source.cloud, source.frame, TapRequest{every_layer, source.layers}, job);
  source.tap = std::move(result.tap);
  source.sample = std::move(result.sample);
  source.metrics = result.metrics;
  source.fields = std::move(result.fields);
  return source;
}

}  // namespace

void refuse(const std::string& message, const std::string& detail, const std::string& hint) {
  throw Error(ErrorKind::Config, message, detail, hint);
}

int whole_number(const std::string& text, const char* option, const std::string& allowed) {
  int value = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (failure != std::errc() || end != text.data() + text.size())
    refuse(std::string(option) + " is not understood", text, "Allowed: " + allowed);
  return value;
}

BallTreePtr ExplainSource::tree(const LayerTap& layer) const {
  if (!predictor) return std::make_shared<const BallTree>(tree_of_runs(layer));
  return tree_of_layer(layer, sample->trees.main, sample->trees.rotated, sample->positions,
                       predictor->checkpoint().config.rotate_degrees, command_job());
}

ExplainSource load_source(const ExplainOptions& options, bool every_layer) {
  ExplainSource source = options.files.size() == 1 ? load_recorded(options) : load_predicted(options, every_layer);
  if (options.head != "mean") {
    source.head = whole_number(options.head, "--head", "a head from 0, mean");
    if (source.head < 0) refuse("there is no head " + options.head, "heads count from 0");
  }
  return source;
}

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

std::int64_t asked_point(const ExplainOptions& options, const ExplainSource& source) {
  if (!options.point) refuse("the question needs a point", "--point ID", "A point's id is its row in the file");
  return point_of(*source.cloud, *options.point);
}

std::vector<std::int64_t> asked_points(const ExplainOptions& options, const ExplainSource& source) {
  if (options.points.empty()) return {asked_point(options, source)};
  std::vector<std::int64_t> points;
  for (const std::int64_t id : ids_in(options.points)) points.push_back(point_of(*source.cloud, id));
  std::sort(points.begin(), points.end());
  points.erase(std::unique(points.begin(), points.end()), points.end());
  return points;
}

}  // namespace erwin::app
