// erwinscope bench scene: how long pictures of large clouds take here.

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <functional>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "app/bench.h"
#include "core/base/error.h"
#include "core/engine/cloud_tree.h"
#include "core/engine/sample_cloud.h"
#include "ui/scene/offscreen_scene.h"

namespace erwin::app {

namespace {

constexpr int runs = 7;

struct Request {
  std::vector<std::int64_t> points{100'000, 1'000'000};
  std::int64_t moving = 100'000, part = 250'000;
  int width = 1280, height = 800;
};

double milliseconds(const std::function<void()>& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
}

double median(std::vector<double> times) {
  std::sort(times.begin(), times.end());
  return times[times.size() / 2];
}

double median_of(const std::function<void()>& work) {
  std::vector<double> times;
  for (int i = 0; i < runs; ++i) {
    command_job().check();
    times.push_back(milliseconds(work));
  }
  return median(times);
}

void say(const char* what, std::int64_t points, double time) {
  std::printf("%-46s %9lld %10.1f\n", what, static_cast<long long>(points), time);
}

// The whole picture in parts: the longest part, and all of them.
void bench_parts(ui::OffscreenScene& offscreen, const Request& request, std::int64_t points) {
  std::vector<double> longest, all;
  for (int i = 0; i < runs; ++i) {
    std::vector<double> parts;
    offscreen.scene().set_camera(offscreen.scene().state().camera);
    do {
      command_job().check();
      parts.push_back(milliseconds([&] {
        offscreen.scene().draw_more(request.part);
        offscreen.render();
      }));
    } while (!offscreen.scene().complete());
    longest.push_back(*std::max_element(parts.begin(), parts.end()));
    double sum = 0;
    for (const double part : parts) sum += part;
    all.push_back(sum);
  }
  say("longest part of the whole picture", std::min(points, request.part), median(longest));
  say("whole picture in parts", points, median(all));
}

// The sample cloud; a large one is that of fewer points, again and again, each time a little smaller: spreading more
// points evenly would take longer than what is measured.
PointCloudPtr cloud_of(std::int64_t points) {
  constexpr std::int64_t spread = 200000;
  if (points <= spread) return make_sample_cloud(points);
  const PointCloudPtr shell = make_sample_cloud(spread);
  const std::span<const float> from = shell->positions(), pressure = shell->require_field("pressure").values();
  PointCloud::Parts parts;
  std::vector<float> values;
  parts.positions.reserve(static_cast<std::size_t>(3 * points));
  for (std::int64_t i = 0; i < points; ++i) {
    const auto at = static_cast<std::size_t>(i % spread);
    const float scale = 1 - 0.002f * static_cast<float>(i / spread);
    for (std::size_t k = 0; k < 3; ++k) parts.positions.push_back(scale * from[3 * at + k]);
    values.push_back(pressure[at]);
  }
  parts.fields.emplace_back("pressure", FieldKind::Scalar, 1, std::move(values), "Pa");
  return std::make_shared<const PointCloud>(std::move(parts));
}

void bench_cloud(ui::OffscreenScene& offscreen, const Request& request, std::int64_t points) {
  ui::SceneData data;
  data.cloud = cloud_of(points);
  data.tree = cloud_tree(*data.cloud, 0, command_job());
  data.target = "pressure";
  ui::SceneState state, other;
  state.width = request.width;
  state.height = request.height;
  state.camera = ui::camera_from("iso", *data.cloud, static_cast<double>(request.width) / std::max(1, request.height));
  other = state;
  other.map = ui::ColourMap::Cividis;

  ui::PreparedPointsPtr prepared;
  say("order and colours of all points, first time", points,
      milliseconds([&] { prepared = ui::prepare_points(data, state, nullptr); }));
  say("colours of all points", points, median_of([&] { ui::prepare_points(data, other, prepared); }));
  const ui::PreparedPointsPtr recoloured = ui::prepare_points(data, other, prepared);
  offscreen.scene().update(data, state, prepared);
  offscreen.scene().draw_all();
  say("first picture, upload included", points, milliseconds([&] { offscreen.render(); }));
  say("picture of all points", points, median_of([&] { offscreen.render(); }));

  const std::int64_t moving = std::min(points, request.moving);
  const auto draw_moving = [&] {
    offscreen.scene().set_camera(ui::orbit(offscreen.scene().state().camera, 1, 0));
    offscreen.scene().draw_first(moving);
    offscreen.render();
  };
  draw_moving();
  say("picture while something moves", moving, median_of(draw_moving));
  bool turn = false;
  const auto recolour = [&] {
    turn = !turn;
    offscreen.scene().update(data, turn ? other : state, turn ? recoloured : prepared);
  };
  say("new colours, picture while moving", moving, median_of([&] {
        recolour();
        draw_moving();
      }));
  say("new colours, picture of all points", points, median_of([&] {
        recolour();
        offscreen.scene().draw_all();
        offscreen.render();
      }));
  bench_parts(offscreen, request, points);
}

void bench_scene(const Request& request) {
  ui::OffscreenScene offscreen;
  std::printf("%dx%d pixels, median of %d runs\n%-46s %9s %10s\n", request.width, request.height, runs, "what",
              "points", "ms");
  for (const std::int64_t points : request.points) bench_cloud(offscreen, request, points);
}

const CommandRegistration registration{[](CLI::App& app) {
  CLI::App* const scene = bench_command(app).add_subcommand("scene", "pictures of large clouds, without a display");
  const auto request = std::make_shared<Request>();
  scene->add_option("--points", request->points, "points of the clouds")->delimiter(',')->capture_default_str();
  scene->add_option("--moving", request->moving, "points that are drawn while something moves")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  scene->add_option("--part", request->part, "points of a part of the whole picture")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  scene->add_option("--width", request->width)->check(CLI::Range(16, 16384))->capture_default_str();
  scene->add_option("--height", request->height)->check(CLI::Range(16, 16384))->capture_default_str();
  scene->callback([request] { bench_scene(*request); });
}};

}  // namespace

}  // namespace erwin::app
