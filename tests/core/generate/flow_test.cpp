// The panel method against flows that are known otherwise, and the bodies it is used on.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <iterator>
#include <map>
#include <stop_token>

#include "core/dataset/dataset.h"
#include "core/generate/body.h"
#include "core/generate/flow.h"
#include "core/generate/gmres.h"
#include "core/generate/panel_flow.h"
#include "tests/core/generate/checks.h"
#include "tests/support/shared_data.h"

namespace erwin::generate {
namespace {

struct Errors {
  double rms = 0, most = 0;
};

// Against the exact flow past a sphere: Cp = 1 - 9/4 sin^2 of the angle to the wind.
Errors sphere_errors(int n, double radius) {
  const Surface surface = sphere(n, radius);
  const std::vector<double> pressure = solve_flow(surface, false).vertex_pressure;
  Errors errors;
  for (std::size_t v = 0; v < pressure.size(); ++v) {
    const double cosine = surface.vertices[v][0] / radius;
    const double error = pressure[v] - (1 - 2.25 * (1 - cosine * cosine));
    errors.rms += error * error / static_cast<double>(pressure.size());
    errors.most = std::max(errors.most, std::abs(error));
  }
  errors.rms = std::sqrt(errors.rms);
  return errors;
}

TEST(PanelFlow, MeetsTheSphere) {
  // 2402 vertices, about as many as a generated body has.
  const Errors errors = sphere_errors(20, 0.7);
  RecordProperty("rms", std::to_string(errors.rms));
  RecordProperty("most", std::to_string(errors.most));
  EXPECT_LE(errors.rms, 0.01);
  EXPECT_LE(errors.most, 0.03);
}

TEST(PanelFlow, ConvergesOnTheSphere) {
  const Errors coarse = sphere_errors(6, 1), fine = sphere_errors(12, 1);
  EXPECT_LT(fine.rms, coarse.rms / 2);
  EXPECT_LT(fine.most, coarse.most / 2);
}

TEST(PanelFlow, TheGroundIsAMirror) {
  // A body over the ground, and the same body with its mirror image in free air.
  Surface one = sphere(5, 1);
  for (Vec3& v : one.vertices) v[2] += 1.3;
  Surface both = one;
  const auto count = static_cast<std::uint32_t>(one.vertices.size());
  for (const Vec3& v : one.vertices) both.vertices.push_back({v[0], v[1], -v[2]});
  for (const auto& q : one.quads) both.quads.push_back({q[3] + count, q[2] + count, q[1] + count, q[0] + count});
  const std::vector<double> ground = solve_flow(one, true).panel_pressure, free = solve_flow(one, false).panel_pressure,
                            pair = solve_flow(both, false).panel_pressure;
  double difference = 0;
  for (std::size_t i = 0; i < ground.size(); ++i) {
    EXPECT_NEAR(ground[i], pair[i], 1e-4);
    EXPECT_NEAR(ground[i], pair[i + ground.size()], 1e-4) << "and so has the image";
    difference = std::max(difference, std::abs(ground[i] - free[i]));
  }
  EXPECT_GT(difference, 0.1) << "the ground is felt";
}

// Drag coefficient of the panels' pressures, on the frontal area.
double drag_of(const Surface& surface, const PanelFlow& flow) {
  double drag = 0, frontal = 0;
  for (std::size_t i = 0; i < surface.quads.size(); ++i) {
    const auto& q = surface.quads[i];
    const Vec3 area =
        0.5 * cross(surface.vertices[q[2]] - surface.vertices[q[0]], surface.vertices[q[3]] - surface.vertices[q[1]]);
    drag += flow.panel_pressure[i] * area[0];
    frontal += std::abs(area[0]) / 2;
  }
  return drag / frontal;
}

TEST(PanelFlow, ABodyWithoutWakeHasNoDrag) {
  Random random(7);
  const CarShape shape = random_car(random);
  const Surface coarse = car(shape, car_grid(600)), fine = car(shape, car_grid(2300));
  const PanelFlow flow = solve_flow(fine, true);
  const double drag = std::abs(drag_of(fine, flow));
  // D'Alembert: what is left is the error of flat panels; a car with its wake has about 0.3.
  EXPECT_LT(drag, 0.1);
  EXPECT_LT(drag, 0.85 * std::abs(drag_of(coarse, solve_flow(coarse, true)))) << "and finer panels have less of it";
  const auto [low, high] = std::minmax_element(flow.vertex_pressure.begin(), flow.vertex_pressure.end());
  EXPECT_GT(*high, 0.9) << "air stands still on the nose";
  EXPECT_LE(*high, 1) << "and nowhere more than still";
  EXPECT_LT(*low, -0.5);
}

TEST(PanelFlow, StopsWhenAsked) {
  std::stop_source source;
  source.request_stop();
  EXPECT_EQ(error_kind([&] { solve_flow(sphere(4, 1), false, Job(source.get_token())); }), ErrorKind::Cancelled);
}

TEST(Gmres, SolvesASmallSystem) {
  // 3 x - y = 5, x + 2 y = 4: x = 2, y = 1.
  int iterations = 0;
  const auto apply = [](std::span<const double> x, std::span<double> result) {
    result[0] = 3 * x[0] - x[1];
    result[1] = x[0] + 2 * x[1];
  };
  const std::vector<double> x = gmres(apply, std::vector<double>{5, 4}, 1e-12, 10, iterations);
  EXPECT_NEAR(x[0], 2, 1e-10);
  EXPECT_NEAR(x[1], 1, 1e-10);
  EXPECT_LE(iterations, 2) << "as many steps as unknowns";
  EXPECT_EQ(gmres(apply, std::vector<double>{0, 0}, 1e-12, 10, iterations), (std::vector<double>{0, 0}));
  EXPECT_THROW(gmres([](auto, std::span<double> result) { std::fill(result.begin(), result.end(), 0); },
                     std::vector<double>{1, 1}, 1e-12, 10, iterations),
               Error);
}

// Every edge is used once in each direction, and the corners run so that the normals point out.
void expect_closed(const Surface& surface) {
  std::map<std::pair<std::uint32_t, std::uint32_t>, int> edges;
  double volume = 0;
  for (const auto& q : surface.quads) {
    for (std::size_t k = 0; k < 4; ++k) ++edges[{q[k], q[(k + 1) % 4]}];
    const Vec3 &a = surface.vertices[q[0]], &b = surface.vertices[q[1]], &c = surface.vertices[q[2]],
               &d = surface.vertices[q[3]];
    volume += (dot(a, cross(b, c)) + dot(a, cross(c, d))) / 6;
    EXPECT_GT(norm(cross(c - a, d - b)), 0);
  }
  for (const auto& [edge, uses] : edges) {
    EXPECT_EQ(uses, 1);
    EXPECT_TRUE(edges.contains({edge.second, edge.first}));
  }
  // Euler: a surface like a sphere's.
  EXPECT_EQ(static_cast<std::int64_t>(surface.vertices.size()) - static_cast<std::int64_t>(edges.size()) / 2 +
                static_cast<std::int64_t>(surface.quads.size()),
            2);
  EXPECT_GT(volume, 0);
}

TEST(Body, SurfacesAreClosed) {
  expect_closed(box_surface({3, 2, 4}));
  EXPECT_EQ(static_cast<std::int64_t>(box_surface({3, 2, 4}).vertices.size()), (BoxGrid{3, 2, 4}.vertices()));
  expect_closed(sphere(6, 2));
}

TEST(Body, CarsAreCarsOfManyShapes) {
  double shortest = 1e9, longest = 0;
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    Random random(seed);
    const CarShape shape = random_car(random);
    const Surface surface = car(shape, car_grid(1500));
    expect_closed(surface);
    Vec3 low{1e9, 1e9, 1e9}, high{-1e9, -1e9, -1e9};
    for (const Vec3& v : surface.vertices)
      for (std::size_t k = 0; k < 3; ++k) {
        low[k] = std::min(low[k], v[k]);
        high[k] = std::max(high[k], v[k]);
      }
    EXPECT_GT(low[2], 0.05) << "above the ground";
    EXPECT_NEAR(high[0] - low[0], shape.length, 0.02 * shape.length);
    EXPECT_GT(high[1] - low[1], 1.2);
    EXPECT_LT(high[2], shape.height + 1e-9);
    shortest = std::min(shortest, high[0] - low[0]);
    longest = std::max(longest, high[0] - low[0]);
    // No panel folds back on its neighbour.
    std::map<std::pair<std::uint32_t, std::uint32_t>, Vec3> normals;
    const auto key = [](std::uint32_t a, std::uint32_t b) { return std::pair(std::min(a, b), std::max(a, b)); };
    for (const auto& q : surface.quads) {
      Vec3 normal =
          cross(surface.vertices[q[2]] - surface.vertices[q[0]], surface.vertices[q[3]] - surface.vertices[q[1]]);
      normal = (1 / norm(normal)) * normal;
      for (std::size_t k = 0; k < 4; ++k) {
        const auto [place, fresh] = normals.emplace(key(q[k], q[(k + 1) % 4]), normal);
        if (fresh) continue;
        EXPECT_GT(dot(place->second, normal), -0.3) << "seed " << seed;
      }
    }
  }
  EXPECT_GT(longest - shortest, 0.5);
}

TEST(Body, TheGridComesNearTheNumberOfPoints) {
  for (const std::int64_t points : {100, 2000, 2300, 3000, 4000})
    EXPECT_NEAR(static_cast<double>(car_grid(points).vertices()), static_cast<double>(points), 0.1 * points) << points;
}

class FlowData : public testing::Test {
protected:
  static FlowOptions small() {
    FlowOptions options;
    options.counts = {3, 1, 2};
    options.points = 150;
    options.seed = 5;
    return options;
  }
  std::filesystem::path path(const char* name) const { return folder_.path() / name; }
  test::ScratchFolder folder_;
};

TEST_F(FlowData, IsADataSet) {
  write_flow(path("cars.h5"), small(), "the command");
  const Dataset dataset = Dataset::open(path("cars.toml"));
  EXPECT_EQ(dataset.samples().size(), 6u);
  EXPECT_EQ(dataset.target(), "pressure");
  EXPECT_EQ(dataset.inputs(), std::vector<std::string>{"position"});
  EXPECT_EQ(dataset.split("train").size(), 3u);
  EXPECT_EQ(dataset.split("validation").size(), 1u);
  EXPECT_EQ(dataset.split("test").size(), 2u);
  const PointCloudPtr cloud = dataset.load(0);
  EXPECT_EQ(cloud->size(), car_grid(150).vertices());
  EXPECT_EQ(static_cast<std::int64_t>(cloud->cells().quads.size()), 4 * (cloud->size() - 2));
  EXPECT_EQ(cloud->require_field("pressure").unit(), "Cp");
  EXPECT_EQ(cloud->unit(), "m");
  std::ifstream in(path("cars.toml"));
  const std::string manifest{std::istreambuf_iterator<char>(in), {}};
  EXPECT_NE(manifest.find("the command"), std::string::npos);
}

TEST_F(FlowData, DependsOnTheSeedAloneAndNotOnThreads) {
  expect_threads_do_not_matter(path("cars.toml"), [&] { write_flow(path("cars.h5"), small(), ""); });
  FlowOptions other = small();
  other.counts.train = 100;
  EXPECT_EQ(make_flow_sample(other, 2)->content_hash(), make_flow_sample(small(), 2)->content_hash())
      << "a sample does not depend on how many there are";
  EXPECT_NE(make_flow_sample(other, 3)->content_hash(), make_flow_sample(small(), 2)->content_hash());
  other.seed = 6;
  EXPECT_NE(make_flow_sample(other, 2)->content_hash(), make_flow_sample(small(), 2)->content_hash());
  other = small();
  other.ground = false;
  EXPECT_NE(make_flow_sample(other, 2)->content_hash(), make_flow_sample(small(), 2)->content_hash());
}

TEST_F(FlowData, ASingleSampleNeedsNoSplit) {
  FlowOptions options = small();
  options.counts = {1, 0, 0};
  write_flow(path("car.h5"), options, "");
  EXPECT_EQ(Dataset::open(path("car.toml")).split("train").size(), 1u);
}

TEST_F(FlowData, RefusesWhatItCannotDo) {
  FlowOptions options = small();
  options.points = 3;
  EXPECT_EQ(error_kind([&] { write_flow(path("x.h5"), options, ""); }), ErrorKind::Config);
  options.points = 1'000'000'000;
  EXPECT_EQ(error_kind([&] { write_flow(path("x.h5"), options, ""); }), ErrorKind::Config);
  EXPECT_EQ(error_kind([&] { write_flow(path("x.csv"), small(), ""); }), ErrorKind::Config);
  EXPECT_EQ(error_kind([&] { write_flow(path("x[1].h5"), small(), ""); }), ErrorKind::Config);
  EXPECT_EQ(error_kind([] { split_counts(4, 2, 2); }), ErrorKind::Config);
  EXPECT_EQ(error_kind([] { split_counts(0, -1, -1); }), ErrorKind::Config);
  std::stop_source source;
  source.request_stop();
  EXPECT_EQ(error_kind([&] { write_flow(path("x.h5"), small(), "", Job(source.get_token())); }), ErrorKind::Cancelled);
  EXPECT_TRUE(std::filesystem::is_empty(folder_.path())) << "nothing is left behind";
  std::ofstream(path("plain")) << "a file where a folder should be";
  EXPECT_EQ(error_kind([&] { write_flow(path("plain/x.h5"), small(), ""); }), ErrorKind::Io);
}

}  // namespace
}  // namespace erwin::generate
