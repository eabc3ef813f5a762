#include "core/generate/beacons.h"

#include <algorithm>
#include <map>
#include <memory>
#include <numeric>
#include <utility>

#include "core/base/error.h"
#include "core/base/memory.h"
#include "core/generate/random.h"
#include "core/generate/vector.h"
#include "core/tree/ball_tree.h"
#include "core/tree/knn.h"

namespace erwin::generate {

namespace {

constexpr double island_radius = 1, island_distance = 4.4;
constexpr double cluster_radius = 0.15;  // over the distance of its neighbours
constexpr int layouts = 8, most_tries = 20;

// Uniform in the unit ball.
Vec3 in_ball(Random& random) {
  for (;;) {
    const Vec3 p{random.uniform(-1, 1), random.uniform(-1, 1), random.uniform(-1, 1)};
    if (dot(p, p) <= 1) return p;
  }
}

// Places in the unit ball that keep a distance from each other, which shrinks until all of them fit.
std::pair<std::vector<Vec3>, double> spread(int count, Random& random) {
  double distance = 2.0 / std::cbrt(static_cast<double>(count));
  std::vector<Vec3> places;
  for (int refused = 0; static_cast<int>(places.size()) < count;) {
    const Vec3 p = in_ball(random);
    const bool free =
        std::none_of(places.begin(), places.end(), [&](const Vec3& other) { return norm(p - other) < distance; });
    if (free) places.push_back(p);
    refused = free ? 0 : refused + 1;
    if (refused > 200) {
      distance *= 0.95;
      refused = 0;
    }
  }
  return {places, distance};
}

template <typename T>
void shuffle(std::vector<T>& values, Random& random) {
  for (std::size_t i = values.size(); i > 1; --i)
    std::swap(values[i - 1], values[static_cast<std::size_t>(random.below(static_cast<std::int64_t>(i)))]);
}

// Who is whose partner: entry c < half is on one island, its partner on the other.
struct Layout {
  std::vector<Vec3> centres;
  double radius = 0;  // of a cluster
  std::vector<std::size_t> partner;
  std::vector<int> label;  // what a cluster is called; says nothing about its place
};

Layout draw_layout(const BeaconsOptions& options, Random& random) {
  const int half = options.clusters / 2;
  Layout layout;
  Vec3 direction = in_ball(random);
  direction = (1 / norm(direction)) * direction;
  layout.radius = 1;
  for (const double side : {-0.5, 0.5}) {
    const auto [places, distance] = spread(half, random);
    layout.radius = std::min(layout.radius, cluster_radius * distance);
    for (const Vec3& place : places)
      layout.centres.push_back(side * island_distance * direction + island_radius * place);
  }
  std::vector<std::size_t> other(static_cast<std::size_t>(half));
  std::iota(other.begin(), other.end(), static_cast<std::size_t>(half));
  shuffle(other, random);
  layout.partner.resize(layout.centres.size());
  for (std::size_t c = 0; c < other.size(); ++c) {
    layout.partner[c] = other[c];
    layout.partner[other[c]] = c;
  }
  layout.label.resize(layout.centres.size());
  std::iota(layout.label.begin(), layout.label.end(), 0);
  shuffle(layout.label, random);
  return layout;
}

PointCloudPtr draw(const BeaconsOptions& options, Random& random) {
  const Layout layout = draw_layout(options, random);
  const std::size_t clusters = layout.centres.size();
  std::vector<std::array<float, beacon_code_size>> code(clusters);
  std::vector<float> own(clusters);
  for (std::size_t c = 0; c < clusters; ++c) {
    own[c] = static_cast<float>(random.normal());
    if (c < clusters / 2)
      for (float& number : code[c]) number = static_cast<float>(random.normal());
    else
      code[c] = code[layout.partner[c]];
  }
  PointCloud::Parts parts;
  std::vector<float> codes, charge, partner_charge, cluster, partner;
  for (std::size_t c = 0; c < clusters; ++c)
    for (int i = 0; i < options.points; ++i) {
      const Vec3 place = layout.centres[c] + layout.radius * in_ball(random);
      for (const double x : place) parts.positions.push_back(static_cast<float>(x));
      codes.insert(codes.end(), code[c].begin(), code[c].end());
      charge.push_back(own[c]);
      partner_charge.push_back(own[layout.partner[c]]);
      cluster.push_back(static_cast<float>(layout.label[c]));
      partner.push_back(static_cast<float>(layout.label[layout.partner[c]]));
    }
  parts.fields.emplace_back("code", FieldKind::Vector, beacon_code_size, std::move(codes));
  parts.fields.emplace_back("charge", FieldKind::Scalar, 1, std::move(charge));
  parts.fields.emplace_back("partner_charge", FieldKind::Scalar, 1, std::move(partner_charge));
  parts.fields.emplace_back("cluster", FieldKind::Label, 1, std::move(cluster));
  parts.fields.emplace_back("partner", FieldKind::Label, 1, std::move(partner));
  parts.source.format = "made by the program";
  return std::make_shared<const PointCloud>(std::move(parts));
}

ModelConfig with_features(ModelConfig model) {
  model.dimension = 3;
  model.input_features = beacon_code_size + 1;
  model.output_features = 1;
  return model;
}

const std::vector<std::string> inputs{"code", "charge"};
const std::string target = "partner_charge";

// Which points can tell each other something: sets that are merged.
class Contacts {
public:
  explicit Contacts(std::int64_t points) : parent_(static_cast<std::size_t>(points)) {
    std::iota(parent_.begin(), parent_.end(), 0);
  }
  std::int32_t find(std::int32_t point) {
    while (parent_[static_cast<std::size_t>(point)] != point) {
      auto& up = parent_[static_cast<std::size_t>(point)];
      up = parent_[static_cast<std::size_t>(up)];
      point = up;
    }
    return point;
  }
  void merge(std::int32_t a, std::int32_t b) { parent_[static_cast<std::size_t>(find(a))] = find(b); }
  void merge_balls(const BallTree& tree, std::int64_t ball) {
    for (std::int64_t begin = 0; begin < tree.slot_count; begin += ball) {
      std::int32_t first = -1;
      for (std::int64_t slot = begin; slot < std::min(begin + ball, tree.slot_count); ++slot) {
        if (!tree.slot_mask[static_cast<std::size_t>(slot)]) continue;
        const std::int32_t point = tree.slot_point[static_cast<std::size_t>(slot)];
        if (first < 0) first = point;
        merge(first, point);
      }
    }
  }

private:
  std::vector<std::int32_t> parent_;
};

// The trees of a cloud as the network will see it, and its graph.
struct Geometry {
  std::vector<BallTree> trees;
  KnnGraph graph;
};

Geometry geometry_of(const PointCloud& cloud, const ModelConfig& model, const Job& job) {
  const std::vector<double> positions(cloud.positions().begin(), cloud.positions().end());
  TreeOptions options;
  options.unit = model.flat.ball_size;
  options.nodes = false;
  Geometry geometry;
  geometry.trees.push_back(build_ball_tree(positions, 3, options, job));
  if (model.rotate_degrees != 0 && model.flat.depth > 1)
    geometry.trees.push_back(build_ball_tree(rotate_positions(positions, 3, model.rotate_degrees), 3, options, job));
  if (model.mp_steps > 0) geometry.graph = build_knn_graph(positions, 3, model.graph.k, model.graph.self_loop, job);
  return geometry;
}

bool out_of_reach(const PointCloud& cloud, const Geometry& geometry) {
  Contacts contacts(cloud.size());
  for (const BallTree& tree : geometry.trees) contacts.merge_balls(tree, tree.unit);
  for (std::size_t edge = 0; edge < geometry.graph.source.size(); ++edge)
    contacts.merge(geometry.graph.source[edge], geometry.graph.receiver[edge]);
  // The set of each point beside the cluster it must not contain.
  const std::span<const float> cluster = cloud.require_field("cluster").values();
  const std::span<const float> partner = cloud.require_field("partner").values();
  std::vector<std::pair<std::int32_t, float>> there, wanted;
  for (std::int32_t point = 0; point < static_cast<std::int32_t>(cloud.size()); ++point) {
    const std::int32_t set = contacts.find(point);
    there.emplace_back(set, cluster[static_cast<std::size_t>(point)]);
    wanted.emplace_back(set, partner[static_cast<std::size_t>(point)]);
  }
  std::sort(there.begin(), there.end());
  return std::none_of(wanted.begin(), wanted.end(),
                      [&](const auto& pair) { return std::binary_search(there.begin(), there.end(), pair); });
}

// How much of a block belongs to one cluster, on average, in the tree where that is less: 1 where no cut goes through a
// cluster.
double clarity(const PointCloud& cloud, const Geometry& geometry, std::int64_t block) {
  const std::span<const float> cluster = cloud.require_field("cluster").values();
  double least = 1;
  for (const BallTree& tree : geometry.trees) {
    double main = 0;
    for (std::int64_t begin = 0; begin < tree.slot_count; begin += block) {
      std::map<float, double> members;
      for (std::int64_t slot = begin; slot < std::min(begin + block, tree.slot_count); ++slot)
        if (tree.slot_mask[static_cast<std::size_t>(slot)])
          members[cluster[static_cast<std::size_t>(tree.slot_point[static_cast<std::size_t>(slot)])]] += 1;
      double most = 0;
      for (const auto& [label, count] : members) most = std::max(most, count);
      main += most;
    }
    least = std::min(least, main / static_cast<double>(cloud.size()));
  }
  return least;
}

}  // namespace

void check(const BeaconsOptions& options) {
  const auto refuse = [](const std::string& what, const std::string& hint) {
    throw Error(ErrorKind::Config, "these beacons cannot be made", what, hint);
  };
  if (options.clusters < 4 || options.clusters > 4096 || options.clusters % 2 != 0)
    refuse("--clusters " + std::to_string(options.clusters), "Choose an even number between 4 and 4096");
  if (options.points < 1 || options.points > 65536)
    refuse("--points " + std::to_string(options.points), "Choose between 1 and 65536 points per cluster");
  const std::int64_t samples = options.counts.total(), points = std::int64_t{options.clusters} * options.points;
  if (samples < 1 || samples > 1'000'000)
    refuse("--samples " + std::to_string(samples), "Choose between 1 and 1,000,000");
  require_memory(static_cast<std::uint64_t>(samples * points) * 64, "the clouds");
  const ModelConfig model = with_features(options.model);
  if (model.kind == ModelKind::Erwin || model.kind == ModelKind::Full)
    refuse(std::string("the configuration is of the network ") + name_of(model.kind),
           "Use one of erwin-nsa or ball: only their balls all have one size");
  if (model.padding != Padding::Masked || model.graph.kind != GraphKind::Knn)
    refuse(std::string("padding ") + name_of(model.padding) + ", graph " + name_of(model.graph.kind),
           "Use a configuration with padding masked and graph knn");
  model.check();
  if (model.kind != ModelKind::ErwinNsa) return;
  const auto blocks =
      (points + model.flat.ball_size - 1) / model.flat.ball_size * model.flat.ball_size / model.flat.block_size;
  const auto others = blocks - model.flat.ball_size / model.flat.block_size;
  if (others < 1 || model.flat.selected_blocks > most_chance * static_cast<double>(others))
    refuse("a query selects " + std::to_string(model.flat.selected_blocks) + " of " + std::to_string(others) +
               " blocks: finding the partner's would prove nothing",
           "Use more points, or a configuration with fewer selected_blocks or smaller blocks");
}

bool partners_out_of_reach(const PointCloud& cloud, const ModelConfig& model, const Job& job) {
  return out_of_reach(cloud, geometry_of(cloud, model, job));
}

PointCloudPtr make_beacons(const BeaconsOptions& options, std::int64_t index, const Job& job) {
  Random random(options.seed, static_cast<std::uint64_t>(index));
  PointCloudPtr best;
  double clearest = 0;
  for (int tries = 0; tries < layouts || (!best && tries < most_tries); ++tries) {
    job.check();
    PointCloudPtr cloud = draw(options, random);
    const Geometry geometry = geometry_of(*cloud, options.model, job);
    const double clear = clarity(*cloud, geometry, options.model.flat.block_size);
    if (clear <= clearest || !out_of_reach(*cloud, geometry)) continue;
    clearest = clear;
    best = std::move(cloud);
  }
  if (best) return best;
  throw Error(ErrorKind::Config, "partners cannot be kept out of reach",
              "ball_size " + std::to_string(options.model.flat.ball_size) + ", graph_k " +
                  std::to_string(options.model.graph.k) + ", " + std::to_string(options.clusters) + " clusters of " +
                  std::to_string(options.points) + " points",
              "Choose sizes so that half of the points are a whole number of balls, and graph_k below the points of a "
              "cluster");
}

void write_beacons(const std::filesystem::path& file, const BeaconsOptions& options, const std::string& command,
                   const Job& job) {
  check_data_set_path(file);
  check(options);
  const auto clouds = make_in_parallel(
      options.counts.total(), "planting beacons", [&](std::int64_t index) { return make_beacons(options, index, job); },
      job);
  write_data_set(file, {"beacons", command, inputs, target, true}, options.counts, clouds, job);
}

}  // namespace erwin::generate
