#include "core/model/sample.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "core/base/error.h"
#include "core/base/memory.h"
#include "core/model/internal/levels.h"
#include "core/tree/cache.h"
#include "core/tree/rotated.h"

namespace erwin {

namespace {

// Columns of one input or target: "position" or a field, standardised.
struct Quantity {
  std::string name;
  const Field* field = nullptr;  // null: the positions
  Standard standard;             // empty: as it is
  int components = 0;
};

void check_standard(const Quantity& quantity) {
  const Standard& standard = quantity.standard;
  if (standard.empty()) return;
  const auto wanted = static_cast<std::size_t>(quantity.components);
  if (standard.mean.size() != wanted || standard.deviation.size() != wanted)
    throw Error(ErrorKind::Config, "the normalisation of a quantity has another number of components than its values",
                quantity.name + ": " + std::to_string(standard.mean.size()) + " and " + std::to_string(wanted),
                "Give a mean and a deviation per component");
  for (std::size_t c = 0; c < wanted; ++c)
    if (!std::isfinite(standard.mean[c]) || !std::isfinite(standard.deviation[c]) || standard.deviation[c] <= 0)
      throw Error(ErrorKind::Config, "a normalisation is not usable",
                  quantity.name + ", component " + std::to_string(c) + ": mean " + std::to_string(standard.mean[c]) +
                      ", deviation " + std::to_string(standard.deviation[c]),
                  "Deviations must be above 0; leave out a constant component or give it a deviation of 1");
}

Quantity quantity_of(const PointCloud& cloud, const std::string& name, const SampleRecipe& recipe, int dimension) {
  Quantity quantity{name, nullptr, {}, dimension};
  if (name == "position") {
    quantity.standard = recipe.normalisation.position;
  } else {
    quantity.field = &cloud.require_field(name);
    quantity.components = quantity.field->components();
    const auto found = recipe.normalisation.field.find(name);
    if (found != recipe.normalisation.field.end()) quantity.standard = found->second;
  }
  check_standard(quantity);
  return quantity;
}

// Writes the quantity's standardised columns into rows of `stride` numbers, from column `first`.
void fill_columns(const PointCloud& cloud, std::int64_t frame, const Quantity& quantity, std::span<float> rows,
                  std::size_t stride, std::size_t first, const Job& job) {
  const std::span<const float> values = quantity.field ? quantity.field->frame(frame) : cloud.positions(frame);
  // Positions always have three numbers.
  const std::size_t width = quantity.field ? static_cast<std::size_t>(quantity.components) : 3;
  for (std::size_t point = 0; point < static_cast<std::size_t>(cloud.size()); ++point) {
    if (point % (1 << 16) == 0) job.check();
    for (std::size_t c = 0; c < static_cast<std::size_t>(quantity.components); ++c) {
      const double offset = quantity.field ? quantity.field->offset() : cloud.origin()[c];
      double value = static_cast<double>(values[point * width + c]);
      // The offset is taken off the mean first: coordinates near 10^6 keep their detail.
      if (quantity.standard.empty())
        value += offset;
      else
        value = (value - (quantity.standard.mean[c] - offset)) / quantity.standard.deviation[c];
      const float standardised = static_cast<float>(value);
      if (!std::isfinite(standardised))
        throw Error(ErrorKind::Format, "an input or target is not finite",
                    quantity.name + ", point " + std::to_string(cloud.row_id(static_cast<std::int64_t>(point))) +
                        ", component " + std::to_string(c),
                    "Leave the point out, or choose other inputs");
      rows[point * stride + first + c] = standardised;
    }
  }
}

std::vector<float> columns_of(const PointCloud& cloud, std::int64_t frame, const std::vector<Quantity>& quantities,
                              const Job& job) {
  std::size_t stride = 0, first = 0;
  for (const Quantity& quantity : quantities) stride += static_cast<std::size_t>(quantity.components);
  std::vector<float> rows(static_cast<std::size_t>(cloud.size()) * stride);
  for (const Quantity& quantity : quantities) {
    fill_columns(cloud, frame, quantity, rows, stride, first, job);
    first += static_cast<std::size_t>(quantity.components);
  }
  return rows;
}

void check_columns(const std::vector<Quantity>& quantities, int wanted, const std::string& what,
                   const std::string& key) {
  int found = 0;
  std::string names;
  for (const Quantity& quantity : quantities) {
    found += quantity.components;
    names += (names.empty() ? "" : ", ") + quantity.name + " (" + std::to_string(quantity.components) + ")";
  }
  if (found != wanted)
    throw Error(
        ErrorKind::Config, "the " + what + " do not fit the network",
        names + " have " + std::to_string(found) + " numbers per point, " + key + " = " + std::to_string(wanted),
        "Choose quantities that fit, or a network with " + key + " = " + std::to_string(found));
}

void check_shape(const PointCloud& cloud, std::int64_t frame, const ModelConfig& config) {
  if (frame < 0 || frame >= cloud.frames())
    throw Error(ErrorKind::Config, "the cloud has no such frame",
                "frame " + std::to_string(frame) + " of " + std::to_string(cloud.frames()), "Frames count from 0");
  if (cloud.dimension() > config.dimension)
    throw Error(ErrorKind::Config, "the cloud has more dimensions than the network",
                std::to_string(cloud.dimension()) + "-D points, model.dimension = " + std::to_string(config.dimension),
                "Use a network with dimension = 3");
}

// Both directions of every line, each once, and the nodes themselves where asked for.
void add_line_edges(const PointCloud& cloud, const GraphConfig& graph, ModelSample& sample) {
  const std::vector<std::uint32_t>& lines = cloud.cells().lines;
  if (lines.empty())
    throw Error(ErrorKind::Config, "the network passes messages along lines, but the cloud has none", sample.name,
                "Use a cloud with lines (bonds), or a network with graph = \"knn\"");
  std::vector<std::pair<std::int32_t, std::int32_t>> edges;  // receiver, source
  edges.reserve(lines.size() + static_cast<std::size_t>(sample.points));
  for (std::size_t i = 0; i + 1 < lines.size(); i += 2) {
    const auto a = static_cast<std::int32_t>(lines[i]), b = static_cast<std::int32_t>(lines[i + 1]);
    if (a == b) continue;
    edges.emplace_back(a, b);
    edges.emplace_back(b, a);
  }
  for (std::int64_t point = 0; graph.self_loop && point < sample.points; ++point)
    edges.emplace_back(static_cast<std::int32_t>(point), static_cast<std::int32_t>(point));
  std::sort(edges.begin(), edges.end());
  edges.erase(std::unique(edges.begin(), edges.end()), edges.end());
  for (const auto& [receiver, source] : edges) {
    sample.edge_receiver.push_back(receiver);
    sample.edge_source.push_back(source);
  }
}

void add_edges(const PointCloud& cloud, const ModelConfig& config, ModelSample& sample, const Job& job, bool cached) {
  if (config.mp_steps == 0) return;
  if (config.graph.kind == GraphKind::Lines) return add_line_edges(cloud, config.graph, sample);
  const std::vector<double> positions(sample.positions.begin(), sample.positions.end());
  GeometryCache uncached(CacheOptions{.enabled = false, .folder = {}});
  GeometryCache& cache = cached ? shared_geometry_cache() : uncached;
  const KnnGraphPtr graph = cache.knn_graph(positions, config.dimension, config.graph.k, config.graph.self_loop, job);
  job.check();
  sample.edge_source = graph->source;
  job.check();
  sample.edge_receiver = graph->receiver;
}

std::uint64_t sample_bytes(std::int64_t points, const ModelConfig& config) {
  const std::int64_t numbers = 3 * config.dimension + config.input_features + config.output_features +
                               (config.mp_steps > 0 ? 4 * config.graph.k : 0) + 8;
  return static_cast<std::uint64_t>(points) * static_cast<std::uint64_t>(numbers) * sizeof(float);
}

}  // namespace

SampleTrees make_sample_trees(std::span<const float> positions, const ModelConfig& config, const Job& job,
                              bool cached) {
  const int dimension = config.dimension;
  const std::vector<double> widened(positions.begin(), positions.end());
  SampleTrees trees;
  GeometryCache uncached(CacheOptions{.enabled = false, .folder = {}});
  GeometryCache& cache = cached ? shared_geometry_cache() : uncached;
  trees.main = cache.ball_tree(widened, dimension, {config.unit(), config.padding, /*nodes=*/true}, job);
  job.check();
  const std::size_t levels = model::level_count(config);
  trees.rotated.resize(levels);
  model::LevelPoints level = model::finest_level(positions, *trees.main, config);
  std::vector<double> slots;  // duplicate padding: the rotated slots of the level
  for (std::size_t l = 0; l < levels && config.rotate_degrees > 0; ++l) {
    job.check();
    if (l > 0) level = model::pooled_level(level, dimension, config.unet.strides[l - 1]);
    const int unit = model::unit_of_level(config, l);
    if (config.padding == Padding::Duplicate) {
      slots = l == 0 ? rotated_slots(*trees.main, widened, config.rotate_degrees)
                     : pool_slots(slots, dimension, config.unet.strides[l - 1]);
      if (model::runs_rotated(config, l))
        trees.rotated[l] = std::make_shared<const BallTree>(partition_slots(slots, dimension, unit, job));
    } else if (model::runs_rotated(config, l)) {
      const std::vector<double> real = l == 0 ? widened : level.real_positions(dimension);
      trees.rotated[l] = cache.ball_tree(rotate_positions(real, dimension, config.rotate_degrees), dimension,
                                         {unit, Padding::Masked, /*nodes=*/false}, job);
    }
  }
  return trees;
}

ModelSample prepare_sample(const PointCloud& cloud, std::int64_t frame, const SampleRecipe& recipe,
                           const ModelConfig& config, const Job& job, bool with_geometry, bool cached) {
  check_shape(cloud, frame, config);
  std::vector<Quantity> inputs, targets;
  for (const std::string& name : recipe.inputs) inputs.push_back(quantity_of(cloud, name, recipe, config.dimension));
  check_columns(inputs, config.input_features, "inputs", "model.input_features");
  if (!recipe.target.empty() && (recipe.target == "position" || cloud.field(recipe.target))) {
    targets.push_back(quantity_of(cloud, recipe.target, recipe, config.dimension));
    check_columns(targets, config.output_features, "targets", "model.output_features");
  }
  require_memory(sample_bytes(cloud.size(), config), "a sample of " + std::to_string(cloud.size()) + " points");
  ModelSample sample;
  sample.name = cloud.source().path;
  sample.points = cloud.size();
  sample.positions = columns_of(cloud, frame, {quantity_of(cloud, "position", recipe, config.dimension)}, job);
  sample.features = columns_of(cloud, frame, inputs, job);
  if (!targets.empty()) sample.targets = columns_of(cloud, frame, targets, job);
  if (with_geometry || config.graph.kind == GraphKind::Lines) {
    job.progress(-1, "finding neighbours");
    add_edges(cloud, config, sample, job, cached);
  }
  if (!with_geometry) return sample;
  job.progress(-1, "building the trees");
  sample.trees = make_sample_trees(sample.positions, config, job, cached);
  return sample;
}

}  // namespace erwin
