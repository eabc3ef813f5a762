// Chains as samples: sequences, walks, windows, and the data set.

#include "core/generate/polymer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <numeric>

#include "core/dataset/dataset.h"
#include "tests/core/generate/checks.h"
#include "tests/support/shared_data.h"

namespace erwin::generate {
namespace {

TEST(Polymer, SequencesDifferInCompositionAndBlocks) {
  double total[4] = {}, least_repeats = 1, most_repeats = 0, most_share = 0;
  constexpr int chains = 200, beads = 200;
  for (std::uint64_t i = 0; i < chains; ++i) {
    Random random(1, i);
    const std::vector<int> sequence = draw_sequence(beads, random);
    ASSERT_EQ(sequence.size(), static_cast<std::size_t>(beads));
    double share[4] = {}, repeats = 0;
    for (std::size_t bead = 0; bead < sequence.size(); ++bead) {
      share[sequence.at(bead)] += 1.0 / beads;
      if (bead > 0) repeats += (sequence[bead] == sequence[bead - 1]) / (beads - 1.0);
    }
    for (std::size_t t = 0; t < 4; ++t) {
      total[t] += share[t] / chains;
      most_share = std::max(most_share, share[t]);
    }
    least_repeats = std::min(least_repeats, repeats);
    most_repeats = std::max(most_repeats, repeats);
  }
  for (const double mean : total) EXPECT_NEAR(mean, 0.25, 0.06) << "no type is preferred";
  EXPECT_GT(most_share, 0.6);
  EXPECT_LT(least_repeats, 0.35);
  EXPECT_GT(most_repeats, 0.85);
}

TEST(Polymer, WalksKeepBeadsApart) {
  Random random(3);
  const Chain chain{draw_sequence(300, random), BondKind::Fene};
  const std::vector<Vec3> walk = draw_walk(chain, random);
  ASSERT_EQ(walk.size(), 300u);
  for (std::size_t i = 0; i < walk.size(); ++i)
    for (std::size_t j = i + 1; j < walk.size(); ++j) {
      const double distance = norm(walk[j] - walk[i]), d = chain.pair_diameter(i, j);
      if (j == i + 1)
        EXPECT_NEAR(distance, d, 1e-9);
      else
        EXPECT_GT(distance, d);
    }
}

TEST(Polymer, WindowsAreHistoriesAndAccelerations) {
  // Bead b at time t is at (t^2 + b, 3 t, b t): velocities and accelerations are known.
  const Chain chain{{2, 0}, BondKind::Fene};
  std::vector<std::vector<Vec3>> places;
  constexpr int times = 19;
  for (int t = 0; t < times; ++t) places.push_back({{1.0 * t * t, 3.0 * t, 0}, {1.0 * t * t + 1, 3.0 * t, 1.0 * t}});
  const PointCloudPtr cloud = windows_of(places, chain);
  ASSERT_EQ(cloud->frames(), 3);
  ASSERT_EQ(cloud->size(), 2);
  double mean_square = 0;
  for (int t = 0; t < times; ++t) mean_square += 1.0 * t * t / times;
  const Field &history = cloud->require_field("velocity_history"), &acceleration = cloud->require_field("acceleration");
  ASSERT_EQ(history.components(), 45);
  for (std::int64_t w = 0; w < 3; ++w) {
    const auto now = static_cast<double>(w + 15);
    EXPECT_NEAR(cloud->position(1, w)[0], now * now + 1 - mean_square - 0.5, 1e-3);
    EXPECT_NEAR(cloud->position(1, w)[1], 3 * now - 3 * (times - 1) / 2.0, 1e-4);
    for (int i = 0; i < 15; ++i) {
      const auto t = static_cast<double>(w + i);
      EXPECT_FLOAT_EQ(history.value(1, 3 * i, w), 2 * t + 1);
      EXPECT_FLOAT_EQ(history.value(1, 3 * i + 1, w), 3);
      EXPECT_FLOAT_EQ(history.value(1, 3 * i + 2, w), 1);
      EXPECT_FLOAT_EQ(history.value(0, 3 * i + 2, w), 0);
    }
    EXPECT_FLOAT_EQ(acceleration.value(0, 0, w), 2);
    EXPECT_NEAR(acceleration.value(1, 2, w), 0, 1e-6);
  }
  EXPECT_EQ(cloud->cells().lines, (std::vector<std::uint32_t>{0, 1}));
  EXPECT_EQ(cloud->require_field("bead_type").value(0), 2);
  const Field& code = cloud->require_field("type_code");
  for (int t = 0; t < 4; ++t) {
    EXPECT_EQ(code.value(0, t, 2), t == 2);
    EXPECT_EQ(code.value(1, t, 2), t == 0);
  }
  places.resize(16);
  EXPECT_EQ(error_kind([&] { windows_of(places, chain); }), ErrorKind::Internal);
}

PolymerOptions small() {
  PolymerOptions options;
  options.counts = {3, 1, 2};
  options.points = 12;
  options.windows = 2;
  options.interval = 0.5;
  options.test_interval = 2;
  options.relaxation = 5;
  options.seed = 5;
  return options;
}

class PolymerData : public testing::Test {
protected:
  std::filesystem::path path(const char* name) const { return folder_.path() / name; }
  test::ScratchFolder folder_;
};

TEST_F(PolymerData, IsADataSet) {
  write_polymer(path("chains.h5"), small(), "the command");
  const Dataset dataset = Dataset::open(path("chains.toml"));
  EXPECT_EQ(dataset.samples().size(), 12u) << "every window is a sample";
  EXPECT_EQ(dataset.inputs(), (std::vector<std::string>{"velocity_history", "type_code"}));
  EXPECT_EQ(dataset.target(), "acceleration");
  EXPECT_EQ(dataset.split("train").size(), 6u);
  EXPECT_EQ(dataset.split("validation").size(), 2u);
  EXPECT_EQ(dataset.split("test").size(), 4u);
  const PointCloudPtr chain = dataset.load(0);
  EXPECT_EQ(chain->size(), 12);
  EXPECT_EQ(chain->cells().lines.size(), 22u);
  // The second window goes on where the first was.
  const Field& history = chain->require_field("velocity_history");
  for (int i = 0; i < 42; ++i) EXPECT_EQ(history.value(4, i, 1), history.value(4, i + 3, 0));
  // Beads go further in a longer interval.
  const auto speed = [&](const std::string& split) {
    double square = 0;
    for (const std::int64_t index : dataset.split(split)) {
      const PointCloudPtr window = dataset.load(index);
      const auto values = window->require_field("velocity_history").values();
      square += std::inner_product(values.begin(), values.end(), values.begin(), 0.0) /
                static_cast<double>(values.size() * dataset.split(split).size());
    }
    return std::sqrt(square);
  };
  EXPECT_GT(speed("test"), 1.5 * speed("train"));
  std::ifstream in(path("chains.toml"));
  const std::string manifest{std::istreambuf_iterator<char>(in), {}};
  EXPECT_NE(manifest.find("the command"), std::string::npos);
}

TEST_F(PolymerData, DependsOnTheSeedAloneAndNotOnThreads) {
  expect_threads_do_not_matter(path("chains.toml"), [&] { write_polymer(path("chains.h5"), small(), ""); });
  const auto hash = [](const PolymerOptions& options, std::int64_t index) {
    return make_polymer(options, index, 0.5)->content_hash();
  };
  PolymerOptions other = small();
  other.counts.train = 100;
  EXPECT_EQ(hash(other, 2), hash(small(), 2));
  EXPECT_NE(hash(other, 3), hash(small(), 2));
  other.bonds = BondKind::Harmonic;
  EXPECT_NE(hash(other, 2), hash(small(), 2));
  other = small();
  other.seed = 6;
  EXPECT_NE(hash(other, 2), hash(small(), 2));
}

TEST_F(PolymerData, RefusesWhatItCannotDo) {
  const auto refused = [&](const auto& change) {
    PolymerOptions options = small();
    change(options);
    return error_kind([&] { write_polymer(path("x.h5"), options, ""); });
  };
  EXPECT_EQ(refused([](PolymerOptions& o) { o.points = 1; }), ErrorKind::Config);
  EXPECT_EQ(refused([](PolymerOptions& o) { o.windows = 0; }), ErrorKind::Config);
  EXPECT_EQ(refused([](PolymerOptions& o) { o.time_step = 0; }), ErrorKind::Config);
  EXPECT_EQ(refused([](PolymerOptions& o) { o.time_step = 0.3; }), ErrorKind::Config) << "bonds would break";
  EXPECT_EQ(refused([](PolymerOptions& o) { o.interval = 0.105; }), ErrorKind::Config) << "no multiple of the step";
  EXPECT_EQ(refused([](PolymerOptions& o) { o.test_interval = std::nan(""); }), ErrorKind::Config);
  EXPECT_EQ(refused([](PolymerOptions& o) { o.friction = -1; }), ErrorKind::Config);
  EXPECT_EQ(error_kind([&] { write_polymer(path("x.csv"), small(), ""); }), ErrorKind::Config);
  setenv("ERWINSCOPE_MEMORY_LIMIT", "1000000", 1);
  EXPECT_EQ(refused([](PolymerOptions& o) { o.windows = 1000; }), ErrorKind::Memory);
  unsetenv("ERWINSCOPE_MEMORY_LIMIT");
  EXPECT_TRUE(std::filesystem::is_empty(folder_.path())) << "nothing is left behind";
}

TEST_F(PolymerData, StopsSoonAfterItIsAskedTo) {
  PolymerOptions options = small();
  options.points = 1000;
  options.relaxation = 1e6;
  expect_stops_soon([&](const Job& job) { write_polymer(path("x.h5"), options, "", job); });
}

}  // namespace
}  // namespace erwin::generate
