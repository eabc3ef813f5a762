// Halo-like tracers: that peaks are peaks, that tracers flow as linear theory says, and the data set.

#include "core/generate/halos.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <numbers>

#include "core/dataset/dataset.h"
#include "tests/core/generate/checks.h"
#include "tests/support/shared_data.h"

namespace erwin::generate {
namespace {

TEST(Peaks, AreFoundBetweenMeshPointsAndAcrossTheBorder) {
  constexpr int n = 24;
  const std::array<double, 3> centres[] = {{5.3, 11.8, 17.1}, {0.2, 23.7, 12}, {15.6, 4.4, 2.9}};
  const double heights[] = {1, 3, 2};
  std::vector<float> density;
  for (int i = 0; i < n; ++i)
    for (int j = 0; j < n; ++j)
      for (int k = 0; k < n; ++k) {
        double sum = 0;
        for (std::size_t p = 0; p < 3; ++p) {
          double distance = 0;
          const int here[3] = {i, j, k};
          for (std::size_t c = 0; c < 3; ++c) distance += std::pow(std::remainder(here[c] - centres[p][c], n), 2);
          sum += heights[p] * std::exp(-distance / (2 * 1.5 * 1.5));
        }
        density.push_back(static_cast<float>(sum));
      }
  const std::vector<Peak> peaks = highest_peaks(density, n, 3);
  ASSERT_EQ(peaks.size(), 3u);
  const std::size_t order[] = {1, 2, 0};
  for (std::size_t p = 0; p < 3; ++p)
    for (std::size_t c = 0; c < 3; ++c)
      EXPECT_NEAR(std::remainder(peaks[p].place[c] - centres[order[p]][c], n), 0, 0.05);
  EXPECT_EQ(highest_peaks(density, n, 1).size(), 1u);
  EXPECT_EQ(highest_peaks(std::vector<float>(density.size(), 1.0F), n, 5).size(), 0u) << "a plain has no peaks";
}

HalosOptions small() {
  HalosOptions options;
  options.counts = {3, 1, 2};
  options.points = 60;
  options.mesh = 24;
  options.box = 300;
  options.smoothing = 8;
  options.seed = 5;
  return options;
}

// The linear displacement at a place in mesh units, from all waves.
std::array<double, 3> linear_displacement(const LinearField& field, const std::array<double, 3>& place) {
  const auto side = static_cast<std::size_t>(field.n);
  std::vector<Complex> turn[3];
  for (std::size_t c = 0; c < 3; ++c)
    for (int i = 0; i < field.n; ++i)
      turn[c].push_back(std::polar(1.0, 2 * std::numbers::pi * wave_number(i, field.n) * place[c] / field.n));
  std::array<double, 3> sum{};
  for_waves(field.n, {}, [&](std::size_t entry, const int(&m)[3]) {
    const double unit = 2 * std::numbers::pi / field.box, m2 = m[0] * m[0] + m[1] * m[1] + m[2] * m[2];
    if (m2 == 0) return;
    const Complex wave = Complex(0, 1) / (unit * m2) * field.waves[entry] * turn[0][entry / (side * side)] *
                         turn[1][entry / side % side] * turn[2][entry % side];
    for (std::size_t c = 0; c < 3; ++c) sum[c] += m[c] * wave.real();
  });
  return sum;
}

TEST(Halos, MoveAsLinearTheorySays) {
  HalosOptions options;
  options.mesh = 64;
  options.points = 30;
  options.smoothing = 10;
  double products = 0, squares = 0, firsts = 0, speeds = 0, own = 0;
  constexpr std::int64_t boxes = 3;
  for (std::int64_t index = 0; index < boxes; ++index) {
    const PointCloudPtr cloud = make_halos(options, index);
    // The same field, drawn again.
    Random random(options.seed, static_cast<std::uint64_t>(index));
    const Cosmology cosmology = draw_cosmology(random);
    const LinearField field =
        draw_linear_field(PowerSpectrum(cosmology), options.mesh, options.box, options.smoothing, random);
    const std::vector<Peak> peaks = highest_peaks(displacement(field).density, options.mesh, options.points);
    const double rate = 100 * growth(cosmology.omega_m).first_rate;
    const Field& velocity = cloud->require_field("velocity");
    for (std::int64_t point = 0; point < cloud->size(); ++point) {
      const auto& place = peaks[static_cast<std::size_t>(point)].place;
      const std::array<double, 3> linear = linear_displacement(field, place);
      for (std::size_t c = 0; c < 3; ++c) {
        const double found = velocity.value(point, static_cast<int>(c));
        const double way =
            std::remainder(cloud->position(point)[c] - place[c] * options.box / options.mesh, options.box);
        // The second order grows twice as fast as the first, so that here it is not.
        const double first = 2 * way - found / rate;
        products += first * linear[c];
        squares += linear[c] * linear[c];
        firsts += first * first;
        speeds += found / rate * linear[c];
        own += found * found;
      }
    }
  }
  EXPECT_GT(products / std::sqrt(squares * firsts), 0.99) << "correlation";
  EXPECT_NEAR(products / squares, 1, 0.02) << "first order over linear theory";
  EXPECT_GT(speeds, 1.02 * squares) << "the second order makes matter fall faster onto peaks";
  EXPECT_LT(speeds, 1.15 * squares);
  const double rms = std::sqrt(own / static_cast<double>(3 * boxes * options.points));
  EXPECT_GT(rms, 100) << "km/s of an axis";
  EXPECT_LT(rms, 450);
}

TEST(Halos, AreHighAndClustered) {
  const HalosOptions options = small();
  const PointCloudPtr cloud = make_halos(options, 0);
  ASSERT_EQ(cloud->size(), options.points);
  EXPECT_EQ(cloud->unit(), "Mpc/h");
  EXPECT_EQ(cloud->require_field("velocity").unit(), "km/s");
  const auto heights = cloud->require_field("height").values();
  EXPECT_TRUE(std::is_sorted(heights.rbegin(), heights.rend())) << "highest first";
  EXPECT_GT(heights.back(), 0);
  for (const float x : cloud->positions()) {
    EXPECT_GE(x, 0);
    EXPECT_LT(x, 300);
  }
  const Cosmology expected = cosmology_of(options, 0);
  const Field& cosmology = cloud->require_field("cosmology");
  EXPECT_FLOAT_EQ(cosmology.value(7, 0), expected.omega_m);
  EXPECT_FLOAT_EQ(cosmology.value(7, 1), expected.omega_b);
  EXPECT_FLOAT_EQ(cosmology.value(7, 2), expected.h);
  EXPECT_FLOAT_EQ(cosmology.value(7, 3), expected.n_s);
  EXPECT_FLOAT_EQ(cosmology.value(7, 4), expected.sigma_8);
}

class HalosData : public testing::Test {
protected:
  std::filesystem::path path(const char* name) const { return folder_.path() / name; }
  test::ScratchFolder folder_;
};

TEST_F(HalosData, IsADataSet) {
  write_halos(path("halos.h5"), small(), "the command");
  const Dataset dataset = Dataset::open(path("halos.toml"));
  EXPECT_EQ(dataset.samples().size(), 6u);
  EXPECT_EQ(dataset.inputs(), std::vector<std::string>{"position"});
  EXPECT_EQ(dataset.target(), "velocity");
  EXPECT_EQ(dataset.split("train").size(), 3u);
  EXPECT_EQ(dataset.split("test").size(), 2u);
  const Normalisation normalisation = dataset.normalise();
  for (std::size_t c = 0; c < 3; ++c) {
    EXPECT_NEAR(normalisation.position.mean[c], 150, 30);
    EXPECT_NEAR(normalisation.position.deviation[c], 300 / std::sqrt(12.0), 15);
  }
  std::ifstream in(path("halos.toml"));
  const std::string manifest{std::istreambuf_iterator<char>(in), {}};
  EXPECT_NE(manifest.find("the command"), std::string::npos);
}

TEST_F(HalosData, DependsOnTheSeedAloneAndNotOnThreads) {
  expect_threads_do_not_matter(path("halos.toml"), [&] { write_halos(path("halos.h5"), small(), ""); });
  HalosOptions other = small();
  other.counts.train = 100;
  EXPECT_EQ(make_halos(other, 2)->content_hash(), make_halos(small(), 2)->content_hash());
  EXPECT_NE(make_halos(other, 3)->content_hash(), make_halos(small(), 2)->content_hash());
  other.seed = 6;
  EXPECT_NE(make_halos(other, 2)->content_hash(), make_halos(small(), 2)->content_hash());
}

TEST_F(HalosData, RefusesWhatItCannotDo) {
  const auto refused = [&](const auto& change) {
    HalosOptions options = small();
    change(options);
    return error_kind([&] { write_halos(path("x.h5"), options, ""); });
  };
  EXPECT_EQ(refused([](HalosOptions& o) { o.points = 2; }), ErrorKind::Config);
  EXPECT_EQ(refused([](HalosOptions& o) { o.points = 20'000; }), ErrorKind::Config) << "more than there are peaks";
  EXPECT_EQ(refused([](HalosOptions& o) { o.mesh = 34; }), ErrorKind::Config);
  EXPECT_EQ(refused([](HalosOptions& o) { o.mesh = 4096; }), ErrorKind::Config);
  EXPECT_EQ(refused([](HalosOptions& o) { o.box = 0; }), ErrorKind::Config);
  EXPECT_EQ(refused([](HalosOptions& o) { o.smoothing = -1; }), ErrorKind::Config);
  EXPECT_EQ(refused([](HalosOptions& o) { o.smoothing = std::nan(""); }), ErrorKind::Config);
  EXPECT_EQ(error_kind([&] { write_halos(path("x.csv"), small(), ""); }), ErrorKind::Config);
  setenv("ERWINSCOPE_MEMORY_LIMIT", "1000000", 1);
  EXPECT_EQ(refused([](HalosOptions& o) { o.mesh = 64; }), ErrorKind::Memory);
  unsetenv("ERWINSCOPE_MEMORY_LIMIT");
  EXPECT_TRUE(std::filesystem::is_empty(folder_.path())) << "nothing is left behind";
}

TEST_F(HalosData, StopsSoonAfterItIsAskedTo) {
  HalosOptions options = small();
  options.counts.train = 1000;
  options.mesh = 96;
  expect_stops_soon([&](const Job& job) { write_halos(path("x.h5"), options, "", job); });
  EXPECT_TRUE(std::filesystem::is_empty(folder_.path()));
}

}  // namespace
}  // namespace erwin::generate
