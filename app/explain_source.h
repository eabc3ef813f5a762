#pragma once
// What `erwinscope explain` asks its questions of: a network that ran on a cloud, or a record of one.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "app/attribution_options.h"
#include "core/attention/tap.h"
#include "core/data/point_cloud.h"
#include "core/io/open.h"
#include "core/model/predict.h"
#include "core/tree/ball_tree.h"

namespace erwin::app {

struct ExplainOptions {
  std::vector<std::string> files;
  std::optional<std::int64_t> point;
  std::int64_t frame = -1;
  std::string points;  // ids and runs of ids, for questions about several
  std::string sample, layer = "last", head = "mean", branch = "all", device = "auto", out;
  int top = 10;
  bool json = false;
  io::OpenOptions open;
  // The other questions; the plain one where none is asked.
  bool summary = false, heads = false, attended_by = false, recall = false, rollout = false, receptive_field = false,
       attribution = false, attends_to = false;
  std::string against, against_layer, against_head, against_sample;
  std::string matrix;
  std::vector<std::string> what_if;
  // Their details.
  int row_level = 5, column_level = -1, blocks_per_row = 0, unit = 1;
  std::int64_t queries = 512;
  AttributionOptions attributed;
};

struct ExplainSource {
  std::string checkpoint, data, sample_name, model, device;
  PointCloudPtr cloud;
  std::int64_t frame = 0;
  std::optional<Predictor> predictor;  // nothing for a record
  std::shared_ptr<const ModelSample> sample;
  std::vector<Field> fields;  // prediction, target, error
  std::optional<Metrics> metrics;
  TapPtr tap;
  std::vector<int> layers;  // those asked for
  int head = -1;
  const LayerTap& layer() const { return tap->require_layer(layers.front()); }
  // The tree in which a layer ran; of a record without trees its balls, blocks and slots.
  BallTreePtr tree(const LayerTap& layer) const;
};

[[noreturn]] void refuse(const std::string& message, const std::string& detail, const std::string& hint = {});
int whole_number(const std::string& text, const char* option, const std::string& allowed);

// Loads and runs. every_layer: keep what rows need of all layers, not only of those asked for.
ExplainSource load_source(const ExplainOptions& options, bool every_layer);

// The point of the cloud whose id, its row in the file, was asked for. Error{Config} naming the range.
std::int64_t point_of(const PointCloud& cloud, std::int64_t id);
// --point, which the question needs.
std::int64_t asked_point(const ExplainOptions& options, const ExplainSource& source);
// --points, else --point; ascending, each once.
std::vector<std::int64_t> asked_points(const ExplainOptions& options, const ExplainSource& source);

}  // namespace erwin::app
