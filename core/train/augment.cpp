#include "core/train/internal/augment.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <numeric>

#include "core/base/error.h"
#include "core/tree/knn.h"

namespace erwin::train {

namespace {

using Matrix = std::array<double, 9>;

[[noreturn]] void cannot_turn(const std::string& about, const std::string& why) {
  throw Error(ErrorKind::Config, "the samples cannot be turned", "train.rotate_points = " + about + ": " + why,
              "Allowed here: none");
}

const Standard& standard_of(const SampleRecipe& recipe, const std::string& name) {
  static const Standard none;
  if (name == "position") return recipe.normalisation.position;
  const auto found = recipe.normalisation.field.find(name);
  return found == recipe.normalisation.field.end() ? none : found->second;
}

// Adds the quantity's columns where it turns; gives the number of its columns.
std::size_t add_columns(std::vector<VectorColumns>& columns, std::size_t first, const std::string& name,
                        const SampleRecipe& recipe, const PointCloud& cloud, int dimension, const std::string& about) {
  const auto width = static_cast<std::size_t>(dimension);
  if (name == "position") {
    columns.push_back({first, standard_of(recipe, name), true});
    return width;
  }
  const Field& field = cloud.require_field(name);
  const auto components = static_cast<std::size_t>(field.components());
  if (field.kind() == FieldKind::Vector && components > 1) {
    if (components != width)
      cannot_turn(about,
                  name + " has " + std::to_string(components) + " components in a space of " + std::to_string(width));
    columns.push_back({first, standard_of(recipe, name), false});
  }
  return components;
}

// Turns columns of [n, stride] rows in raw units.
void turn_columns(std::vector<float>& rows, std::size_t stride, const VectorColumns& columns, const Matrix& rotation,
                  std::array<double, 3> centre, std::size_t dimension) {
  const auto mean = [&](std::size_t c) { return columns.standard.empty() ? 0.0 : columns.standard.mean[c]; };
  const auto deviation = [&](std::size_t c) { return columns.standard.empty() ? 1.0 : columns.standard.deviation[c]; };
  if (!columns.about_centre) centre = {};
  for (std::size_t row = columns.first; row + dimension <= rows.size(); row += stride) {
    std::array<double, 3> raw{};
    for (std::size_t c = 0; c < dimension; ++c)
      raw[c] = static_cast<double>(rows[row + c]) * deviation(c) + mean(c) - centre[c];
    for (std::size_t c = 0; c < dimension; ++c) {
      double value = centre[c];
      for (std::size_t k = 0; k < dimension; ++k) value += rotation[3 * c + k] * raw[k];
      rows[row + c] = static_cast<float>((value - mean(c)) / deviation(c));
    }
  }
}

template <typename T>
std::vector<T> in_order(const std::vector<T>& rows, const std::vector<std::int32_t>& order) {
  const std::size_t stride = rows.size() / order.size();
  std::vector<T> result;
  result.reserve(rows.size());
  for (const std::int32_t old : order) {
    const auto row = rows.begin() + static_cast<std::ptrdiff_t>(static_cast<std::size_t>(old) * stride);
    result.insert(result.end(), row, row + static_cast<std::ptrdiff_t>(stride));
  }
  return result;
}

BallTreePtr relabelled(const BallTreePtr& tree, const std::vector<std::int32_t>& order,
                       const std::vector<std::int32_t>& new_of_old) {
  auto result = std::make_shared<BallTree>(*tree);
  for (std::int32_t& point : result->slot_point) point = new_of_old[static_cast<std::size_t>(point)];
  result->point_slot = in_order(tree->point_slot, order);
  return result;
}

}  // namespace

Augmentation make_augmentation(std::uint64_t seed, bool shuffle_points, const std::string& rotate_points,
                               const SampleRecipe& recipe, const PointCloud& cloud, int dimension) {
  Augmentation result{seed, shuffle_points, rotate_points, {}, {}};
  if (rotate_points == "none") return result;
  if (dimension != 3 && rotate_points != "z") cannot_turn(rotate_points, "plane points turn about z only");
  std::size_t first = 0;
  for (const std::string& input : recipe.inputs)
    first += add_columns(result.features, first, input, recipe, cloud, dimension, rotate_points);
  add_columns(result.targets, 0, recipe.target, recipe, cloud, dimension, rotate_points);
  return result;
}

Matrix random_rotation(const std::string& about, Random& random) {
  if (about == "any") {  // a uniform unit quaternion (Shoemake 1992)
    const double u = random.unit(), a = 2 * std::numbers::pi * random.unit(), b = 2 * std::numbers::pi * random.unit();
    const double x = std::sqrt(1 - u) * std::sin(a), y = std::sqrt(1 - u) * std::cos(a), z = std::sqrt(u) * std::sin(b),
                 w = std::sqrt(u) * std::cos(b);
    return {1 - 2 * (y * y + z * z), 2 * (x * y - z * w),     2 * (x * z + y * w),
            2 * (x * y + z * w),     1 - 2 * (x * x + z * z), 2 * (y * z - x * w),
            2 * (x * z - y * w),     2 * (y * z + x * w),     1 - 2 * (x * x + y * y)};
  }
  const double angle = 2 * std::numbers::pi * random.unit(), c = std::cos(angle), s = std::sin(angle);
  if (about == "x") return {1, 0, 0, 0, c, -s, 0, s, c};
  if (about == "y") return {c, 0, s, 0, 1, 0, -s, 0, c};
  return {c, -s, 0, s, c, 0, 0, 0, 1};
}

ModelSample reordered(const ModelSample& sample, const std::vector<std::int32_t>& order, Padding padding) {
  std::vector<std::int32_t> new_of_old(order.size());
  for (std::size_t i = 0; i < order.size(); ++i)
    new_of_old[static_cast<std::size_t>(order[i])] = static_cast<std::int32_t>(i);
  ModelSample result = sample;
  result.positions = in_order(sample.positions, order);
  result.features = in_order(sample.features, order);
  if (!sample.targets.empty()) result.targets = in_order(sample.targets, order);
  for (auto* points : {&result.edge_source, &result.edge_receiver})
    for (std::int32_t& point : *points) point = new_of_old[static_cast<std::size_t>(point)];
  result.trees.main = relabelled(sample.trees.main, order, new_of_old);
  // Beyond level 0, and with duplicate padding everywhere, a rotated tree's points are slots and keep their numbers.
  if (padding == Padding::Masked && !sample.trees.rotated.empty() && sample.trees.rotated.front())
    result.trees.rotated.front() = relabelled(sample.trees.rotated.front(), order, new_of_old);
  return result;
}

ModelSample turned(const ModelSample& sample, const Matrix& rotation, const Augmentation& augmentation,
                   const SampleRecipe& recipe, const ModelConfig& config, const Job& job) {
  const auto dimension = static_cast<std::size_t>(config.dimension), points = static_cast<std::size_t>(sample.points);
  const VectorColumns places{0, recipe.normalisation.position, true};
  std::array<double, 3> centre{};
  for (std::size_t i = 0; i < sample.positions.size(); ++i)
    centre[i % dimension] += static_cast<double>(sample.positions[i]);
  for (std::size_t c = 0; c < dimension; ++c) {
    centre[c] /= static_cast<double>(points);
    if (!places.standard.empty()) centre[c] = centre[c] * places.standard.deviation[c] + places.standard.mean[c];
  }
  ModelSample result = sample;
  turn_columns(result.positions, dimension, places, rotation, centre, dimension);
  for (const VectorColumns& columns : augmentation.features)
    turn_columns(result.features, result.features.size() / points, columns, rotation, centre, dimension);
  for (const VectorColumns& columns : augmentation.targets)
    turn_columns(result.targets, result.targets.size() / points, columns, rotation, centre, dimension);
  if (config.mp_steps > 0 && config.graph.kind == GraphKind::Knn) {
    const std::vector<double> positions(result.positions.begin(), result.positions.end());
    KnnGraph graph = build_knn_graph(positions, config.dimension, config.graph.k, config.graph.self_loop, job);
    result.edge_source = std::move(graph.source);
    result.edge_receiver = std::move(graph.receiver);
  }
  result.trees = make_sample_trees(result.positions, config, job, /*cached=*/false);
  return result;
}

ModelSample augmented(const ModelSample& sample, const Augmentation& augmentation, const SampleRecipe& recipe,
                      const ModelConfig& config, std::int64_t drawn, const Job& job) {
  // Streams of their own: the sampler's are numbered by epoch.
  Random random(augmentation.seed ^ 0x6175676d656e7400u, static_cast<std::uint64_t>(drawn) + 1);
  ModelSample result =
      augmentation.rotate_points == "none"
          ? sample
          : turned(sample, random_rotation(augmentation.rotate_points, random), augmentation, recipe, config, job);
  if (!augmentation.shuffle_points) return result;
  std::vector<std::int32_t> order(static_cast<std::size_t>(sample.points));
  std::iota(order.begin(), order.end(), 0);
  shuffle(order, random);
  return reordered(result, order, config.padding);
}

}  // namespace erwin::train
