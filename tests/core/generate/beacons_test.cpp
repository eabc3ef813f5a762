// Planted truth: what the clouds promise is checked by other means than those they were made with.

#include "core/generate/beacons.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

#include "core/base/error.h"
#include "core/dataset/dataset.h"
#include "core/generate/beacons_truth.h"
#include "core/generate/random.h"
#include "core/tree/ball_tree.h"
#include "kernels/parallel/parallel.h"
#include "tests/support/shared_data.h"

namespace erwin::generate {
namespace {

// 8 clusters of 32 points in balls of 32 and blocks of 16.
BeaconsOptions small() {
  BeaconsOptions options;
  options.counts = {4, 1, 1};
  options.clusters = 8;
  options.points = 32;
  options.seed = 3;
  options.model.graph.k = 4;
  options.model.mp_steps = 2;
  options.model.rotate_degrees = 45;
  options.model.flat.ball_size = 32;
  options.model.flat.block_size = 16;
  options.model.flat.selected_blocks = 2;
  return options;
}

std::vector<double> wide_positions(const PointCloud& cloud) {
  return {cloud.positions().begin(), cloud.positions().end()};
}

TEST(Beacons, TheTargetIsThePartnersCharge) {
  const BeaconsOptions options = small();
  const PointCloudPtr cloud = make_beacons(options, 0);
  ASSERT_EQ(cloud->size(), 8 * 32);
  const Field &code = cloud->require_field("code"), &charge = cloud->require_field("charge"),
              &target = cloud->require_field("partner_charge"), &cluster = cloud->require_field("cluster"),
              &partner = cloud->require_field("partner");
  EXPECT_EQ(code.components(), beacon_code_size);
  EXPECT_EQ(cluster.kind(), FieldKind::Label);
  struct Cluster {
    int points = 0;
    double charge = 0, target = 0, partner = 0;
    std::vector<double> code;
  };
  std::map<double, Cluster> clusters;
  for (std::int64_t p = 0; p < cloud->size(); ++p) {
    Cluster& own = clusters[cluster.value(p)];
    Cluster here{own.points + 1, charge.value(p), target.value(p), partner.value(p), {}};
    for (int c = 0; c < beacon_code_size; ++c) here.code.push_back(code.value(p, c));
    if (own.points > 0) {
      EXPECT_EQ(own.charge, here.charge);
      EXPECT_EQ(own.target, here.target);
      EXPECT_EQ(own.partner, here.partner);
      EXPECT_EQ(own.code, here.code);
    }
    own = here;
  }
  ASSERT_EQ(clusters.size(), 8u);
  std::set<std::vector<double>> codes;
  for (const auto& [label, own] : clusters) {
    EXPECT_EQ(own.points, 32);
    const Cluster& other = clusters.at(own.partner);
    EXPECT_NE(label, own.partner);
    EXPECT_EQ(other.partner, label);
    EXPECT_EQ(own.code, other.code);
    EXPECT_EQ(own.target, other.charge);
    codes.insert(own.code);
  }
  EXPECT_EQ(codes.size(), 4u) << "two clusters share a code, no more";
}

// No point has its partner in a ball of either tree, nor within the hops of the neighbour graph; by brute force.
void expect_hidden(const PointCloud& cloud, const ModelConfig& model) {
  const Field &cluster = cloud.require_field("cluster"), &partner = cloud.require_field("partner");
  const std::vector<double> positions = wide_positions(cloud);
  TreeOptions options;
  options.unit = model.flat.ball_size;
  for (const double degrees : {0.0, model.rotate_degrees}) {
    const std::vector<double> turned = degrees == 0 ? positions : rotate_positions(positions, 3, degrees);
    const BallTree tree = build_ball_tree(turned, 3, options);
    for (std::int64_t a = 0; a < cloud.size(); ++a)
      for (std::int64_t b = 0; b < cloud.size(); ++b)
        if (cluster.value(b) == partner.value(a)) {
          EXPECT_NE(tree.point_slot[static_cast<std::size_t>(a)] / options.unit,
                    tree.point_slot[static_cast<std::size_t>(b)] / options.unit);
        }
  }
  std::vector<std::vector<std::int64_t>> neighbours(static_cast<std::size_t>(cloud.size()));
  for (std::int64_t a = 0; a < cloud.size(); ++a) {
    std::vector<std::pair<double, std::int64_t>> others;
    for (std::int64_t b = 0; b < cloud.size(); ++b) {
      double squared = 0;
      for (std::int64_t k = 0; k < 3; ++k) {
        const double d =
            positions[static_cast<std::size_t>(3 * a + k)] - positions[static_cast<std::size_t>(3 * b + k)];
        squared += d * d;
      }
      others.emplace_back(squared, b);
    }
    std::sort(others.begin(), others.end());
    for (int k = 0; k < model.graph.k; ++k)
      neighbours[static_cast<std::size_t>(a)].push_back(others[static_cast<std::size_t>(k)].second);
  }
  for (std::int64_t a = 0; a < cloud.size(); ++a) {
    std::set<std::int64_t> heard{a};
    for (int hop = 0; hop < model.mp_steps; ++hop) {
      std::set<std::int64_t> next = heard;
      for (const std::int64_t b : heard)
        next.insert(neighbours[static_cast<std::size_t>(b)].begin(), neighbours[static_cast<std::size_t>(b)].end());
      heard = next;
    }
    for (const std::int64_t b : heard) EXPECT_NE(cluster.value(b), partner.value(a));
  }
}

TEST(Beacons, ThePartnerIsHidden) {
  const BeaconsOptions options = small();
  for (std::int64_t index = 0; index < 4; ++index) expect_hidden(*make_beacons(options, index), options.model);
}

TEST(Beacons, TheCheckSeesAPartnerInReach) {
  const BeaconsOptions options = small();
  const PointCloudPtr hidden = make_beacons(options, 0);
  EXPECT_TRUE(partners_out_of_reach(*hidden, options.model));
  ModelConfig model = options.model;
  model.flat.ball_size = 256;
  EXPECT_FALSE(partners_out_of_reach(*hidden, model)) << "one ball holds everything";
  model = options.model;
  model.graph.k = 150;
  EXPECT_FALSE(partners_out_of_reach(*hidden, model)) << "an island has 128 points: edges cross";
  model.mp_steps = 0;
  EXPECT_TRUE(partners_out_of_reach(*hidden, model)) << "edges that nobody uses";
}

TEST(Beacons, RefusesSettingsThatProveNothing) {
  const auto message = [](const BeaconsOptions& options) -> std::string {
    try {
      check(options);
      make_beacons(options, 0);
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::Config) << error.what();
      return error.what();
    }
    return "no error";
  };
  EXPECT_EQ(message(small()), "no error");
  BeaconsOptions options = small();
  options.model.flat.selected_blocks = 4;  // of 14
  EXPECT_NE(message(options).find("prove nothing"), std::string::npos);
  options = small();
  options.clusters = 7;
  EXPECT_NE(message(options).find("--clusters"), std::string::npos);
  options = small();
  options.points = 0;
  EXPECT_NE(message(options).find("--points"), std::string::npos);
  options = small();
  options.model.kind = ModelKind::Erwin;
  EXPECT_NE(message(options).find("erwin"), std::string::npos);
  options = small();
  options.model.kind = ModelKind::Ball;
  options.model.flat.heads = 8;
  options.model.flat.ball_size = 256;
  EXPECT_NE(message(options).find("out of reach"), std::string::npos);
}

TEST(Beacons, IsADataSetThatDependsOnTheSeedAlone) {
  const test::ScratchFolder folder;
  const std::filesystem::path file = folder.path() / "b.h5";
  const int threads = parallel_threads();
  std::vector<std::string> hashes;
  for (const int count : {1, 3}) {
    set_parallel_threads(count);
    write_beacons(file, small(), "");
    hashes.push_back(Dataset::open(folder.path() / "b.toml").content_hash());
  }
  set_parallel_threads(threads);
  EXPECT_EQ(hashes[0], hashes[1]);
  const Dataset dataset = Dataset::open(folder.path() / "b.toml");
  EXPECT_EQ(dataset.inputs(), (std::vector<std::string>{"code", "charge"}));
  EXPECT_EQ(dataset.target(), "partner_charge");
  const Normalisation normalisation = dataset.normalise();
  EXPECT_EQ(normalisation.position.mean, (std::vector<double>{0, 0, 0}));
  EXPECT_EQ(normalisation.position.deviation, (std::vector<double>{1, 1, 1})) << "the trees are those of the check";
}

// Eight points in four blocks of two, one ball each; clusters 0 and 1 are partners, as are 2 and 3.
struct Toy {
  Toy() {
    PointCloud::Parts parts;
    std::vector<float> cluster, partner;
    for (int p = 0; p < 8; ++p) {
      parts.positions.insert(parts.positions.end(), {static_cast<float>(p), 0, 0});
      cluster.push_back(static_cast<float>(p / 2));
      partner.push_back(static_cast<float>((p / 2) ^ 1));
    }
    parts.fields.emplace_back("cluster", FieldKind::Label, 1, cluster);
    parts.fields.emplace_back("partner", FieldKind::Label, 1, partner);
    cloud = std::make_shared<const PointCloud>(std::move(parts));
    LayerTap layer;
    layer.ball_size = layer.block_size = 2;
    layer.name = "block.0";
    for (std::int32_t slot = 0; slot <= 8; ++slot) layer.slot_point_begin.push_back(slot);
    for (std::int32_t slot = 0; slot < 8; ++slot) layer.slot_points.push_back(slot);
    tap.layers = {layer};
  }
  PartnerSelection select(std::vector<std::int32_t> blocks) {
    const auto width = static_cast<std::int64_t>(blocks.size()) / 4;
    tap.layers[0].selected = Array<std::int32_t>({4, 1, width}, std::move(blocks));
    return partner_selection(tap, *cloud, Exclude::Ball).at(0);
  }
  PointCloudPtr cloud;
  Tap tap;
};

TEST(BeaconsTruth, CountsSelectedPartners) {
  Toy toy;
  const PartnerSelection all = toy.select({1, 0, 3, 2});
  EXPECT_DOUBLE_EQ(all.rate, 1);
  EXPECT_DOUBLE_EQ(all.chance, 1.0 / 3) << "one of the three others";
  EXPECT_DOUBLE_EQ(all.ratio(), 3);
  EXPECT_DOUBLE_EQ(toy.select({2, 3, 0, 1}).rate, 0);
  EXPECT_DOUBLE_EQ(toy.select({1, 3, 3, 0}).rate, 0.5) << "blocks 0 and 2 found theirs";
  const PartnerSelection two = toy.select({1, 2, 2, 3, 3, 1, 0, -1});
  EXPECT_DOUBLE_EQ(two.rate, 0.5);
  EXPECT_DOUBLE_EQ(two.chance, (2 + 2 + 2 + 1) / 12.0) << "a missing selection is none";
  EXPECT_DOUBLE_EQ(mean_of({{all}, {two}}).at(0).rate, 0.75);
}

TEST(BeaconsTruth, CountsSharesWhereBlocksAreMixed) {
  Toy toy;
  // Block 0 now holds a point of cluster 0 and one of cluster 2; block 2 the others.
  std::swap(toy.tap.layers[0].slot_points[1], toy.tap.layers[0].slot_points[4]);
  // Block 0 selects block 1: both points of cluster 1, wanted by one of its two points.
  EXPECT_DOUBLE_EQ(toy.select({1, -1, -1, -1}).rate, 2.0 / 16);
  // Block 1 (cluster 1) selects block 0: one of the two points of cluster 0.
  EXPECT_DOUBLE_EQ(toy.select({-1, 0, -1, -1}).rate, 2.0 / 16);
}

TEST(BeaconsTruth, BlindSelectionScoresAsChance) {
  const BeaconsOptions options = small();
  const PointCloudPtr cloud = make_beacons(options, 0);
  TreeOptions tree_options;
  tree_options.unit = 32;
  const BallTree tree = build_ball_tree(wide_positions(*cloud), 3, tree_options);
  LayerTap layer;
  layer.ball_size = 32;
  layer.block_size = 16;
  for (std::int64_t slot = 0; slot <= tree.slot_count; ++slot) layer.slot_point_begin.push_back(slot);
  layer.slot_points = tree.slot_point;
  Random random(1);
  std::vector<std::vector<PartnerSelection>> draws;
  for (int round = 0; round < 400; ++round) {
    std::vector<std::int32_t> selected;
    for (std::int32_t block = 0; block < 16; ++block) {
      std::set<std::int32_t> chosen;
      while (chosen.size() < 2) {
        const auto other = static_cast<std::int32_t>(random.below(16));
        if (other / 2 != block / 2) chosen.insert(other);
      }
      selected.insert(selected.end(), chosen.begin(), chosen.end());
    }
    layer.selected = Array<std::int32_t>({16, 1, 2}, std::move(selected));
    Tap tap;
    tap.layers = {layer};
    draws.push_back(partner_selection(tap, *cloud, Exclude::Ball));
  }
  const PartnerSelection mean = mean_of(draws).at(0);
  EXPECT_NEAR(mean.chance, 2.0 / 14, 1e-12);
  EXPECT_LE(mean.chance, most_chance);
  EXPECT_NEAR(mean.ratio(), 1, 0.05);
}

}  // namespace
}  // namespace erwin::generate
