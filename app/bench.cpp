// erwinscope bench: how long things take, beside figures of others.

#include <algorithm>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <random>
#include <string>
#include <vector>

#include "app/bench.h"
#include "app/bench_report.h"
#include "app/bench_tree_device.h"
#include "app/generate_data.h"
#include "core/base/atomic_file.h"
#include "core/base/error.h"
#include "core/base/version.h"
#include "core/bench/bench.h"
#include "core/tree/ball_tree.h"
#include "core/tree/knn.h"
#include "core/tree/pick.h"
#include "kernels/parallel/parallel.h"

namespace erwin::app {

namespace {

struct Request {
  std::vector<std::int64_t> points{3586, 32768, 262144, 1048576};
  std::vector<int> threads{1, parallel_threads()};
  std::string json;
  bool only_device = false;
};

struct Row {
  std::string what;
  std::int64_t points = 0;
  int threads = 0;
  double median_ms = 0;
  int runs = 0;
  double quoted_ms = 0;  // the authors' ball tree on one core of another machine; 0 where there is no figure
};

// The authors' library, one cloud, one thread of an AMD EPYC.
double quoted_for(std::int64_t points) {
  constexpr std::pair<std::int64_t, double> figures[] = {{3586, 1.04}, {32768, 11.6}, {262144, 120}, {1048576, 619}};
  for (const auto& [size, milliseconds] : figures)
    if (size == points) return milliseconds;
  return 0;
}
constexpr double quoted_for_sixteen = 23;

// The median of 20 runs or of 10 s of runs, at least 5, after one that warms up.
template <typename Work>
Row measure(std::string what, std::int64_t points, const Work& work) {
  const bench::Timing timing = bench::measure_on_host({20, 10, 5, 1}, work, command_job());
  return {std::move(what), points, parallel_threads(), timing.median, timing.runs, 0};
}

// Uniform in a cube, float32 as in files.
std::vector<double> uniform_cloud(std::int64_t points, unsigned seed) {
  std::mt19937 random(seed);
  std::uniform_real_distribution<float> coordinate(0, 1);
  std::vector<double> positions(static_cast<std::size_t>(3 * points));
  for (double& x : positions) x = coordinate(random);
  return positions;
}

void bench_cloud(std::int64_t points, std::vector<Row>& rows) {
  const auto positions = uniform_cloud(points, 1);
  TreeOptions options;
  options.nodes = false;
  BallTree tree;
  rows.push_back(measure("tree", points, [&] { tree = build_ball_tree(positions, 3, options, command_job()); }));
  if (parallel_threads() == 1) rows.back().quoted_ms = quoted_for(points);
  rows.push_back(measure("node data", points, [&] { compute_levels(tree, positions, command_job()); }));
  rows.push_back(measure("rotated tree", points,
                         [&] { build_ball_tree(rotate_positions(positions, 3, 45), 3, options, command_job()); }));
  rows.push_back(measure("kNN 8", points, [&] { build_knn_graph(positions, 3, 8, true, command_job()); }));
  constexpr int picks = 100;  // one alone is too short for the clock
  rows.push_back(measure("pick", points, [&] {
    for (int i = 0; i < picks; ++i) {
      PickRay ray;
      ray.origin = {0.5, 0.5, 3};
      ray.direction = {0.004 * (i % 10) - 0.02, 0.004 * (i / 10) - 0.02, -1};
      ray.slope = 0.002;
      pick_point(tree, positions, ray);
    }
  }));
  rows.back().median_ms /= picks;
}

void bench_sixteen(std::vector<Row>& rows) {
  constexpr std::int64_t clouds = 16, points = 5000;
  std::vector<std::vector<double>> positions;
  for (unsigned c = 0; c < clouds; ++c) positions.push_back(uniform_cloud(points, c));
  TreeOptions options;
  options.nodes = false;
  rows.push_back(measure("trees of 16 clouds", points, [&] {
    parallel_for(0, clouds, 1, [&](std::int64_t first, std::int64_t last) {
      for (std::int64_t c = first; c < last; ++c) build_ball_tree(positions[static_cast<std::size_t>(c)], 3, options);
    });
  }));
  if (parallel_threads() == 1) rows.back().quoted_ms = quoted_for_sixteen;
}

void print(const std::vector<Row>& rows) {
  std::printf("%s; median of up to 20 runs\n", bench::processor_name().c_str());
  std::printf("%-20s %9s %8s %12s %6s   %s\n", "what", "points", "threads", "median ms", "runs",
              "authors' tree, ms (quoted, one core of another machine)");
  for (const Row& row : rows) {
    std::printf("%-20s %9lld %8d %12.4g %6d", row.what.c_str(), static_cast<long long>(row.points), row.threads,
                row.median_ms, row.runs);
    if (row.quoted_ms > 0)
      std::printf("   %g (ratio %.2f)\n", row.quoted_ms, row.median_ms / row.quoted_ms);
    else
      std::printf("\n");
  }
}

void print(const DeviceTreeTable& table) {
  std::printf("\n%s (CUDA %s); median of 20 runs, L2 overwritten before each\n", table.device.c_str(),
              table.driver.c_str());
  std::printf("%-20s %7s %9s %12s %12s %10s\n", "what", "clouds", "points", "median ms", "as a graph", "MB");
  for (const DeviceTreeRow& row : table.rows)
    std::printf("%-20s %7lld %9lld %12.4g %12.4g %10.4g\n", row.what.c_str(), static_cast<long long>(row.clouds),
                static_cast<long long>(row.points), row.median_ms, row.graph_median_ms,
                static_cast<double>(row.bytes) / 1e6);
}

nlohmann::json json_of(const DeviceTreeTable& table) {
  nlohmann::json rows = nlohmann::json::array();
  for (const DeviceTreeRow& row : table.rows)
    rows.push_back({{"what", row.what},
                    {"clouds", row.clouds},
                    {"points", row.points},
                    {"median_ms", row.median_ms},
                    {"fastest_ms", row.fastest_ms},
                    {"slowest_ms", row.slowest_ms},
                    {"graph_median_ms", row.graph_median_ms},
                    {"runs", row.runs},
                    {"bytes", row.bytes}});
  return {{"device", table.device}, {"cuda", table.driver}, {"rows", rows}};
}

void write_json(const std::vector<Row>& rows, const DeviceTreeTable& on_device, const std::string& file) {
  nlohmann::json table = nlohmann::json::array();
  for (const Row& row : rows) {
    nlohmann::json entry{{"what", row.what},
                         {"points", row.points},
                         {"threads", row.threads},
                         {"median_ms", row.median_ms},
                         {"runs", row.runs}};
    if (row.quoted_ms > 0) entry["quoted_ms_other_machine"] = row.quoted_ms;
    table.push_back(std::move(entry));
  }
  nlohmann::json document{{"schema", 1},
                          {"bench", "tree"},
                          {"erwinscope", ERWINSCOPE_VERSION},
                          {"device", bench::processor_name()},
                          {"compiler", __VERSION__},
                          {"unit", TreeOptions{}.unit},
                          {"date", today()},
                          {"rows", table}};
  if (!on_device.device.empty()) document["on_device"] = json_of(on_device);
  write_text_atomically(file, document.dump(2) + "\n");
}

void bench_tree(const Request& request) {
  for (const std::int64_t points : request.points)
    if (points < 1)
      throw Error(ErrorKind::Config, "a cloud needs at least one point", "--points " + std::to_string(points));
  std::vector<int> threads = request.threads;
  for (const int count : threads)
    if (count < 1)
      throw Error(ErrorKind::Config, "there must be at least one thread", "--threads " + std::to_string(count));
  std::sort(threads.begin(), threads.end());
  threads.erase(std::unique(threads.begin(), threads.end()), threads.end());
  std::vector<Row> rows;
  for (const int count : threads) {
    if (request.only_device) break;
    set_parallel_threads(count);
    for (const std::int64_t points : request.points) bench_cloud(points, rows);
    bench_sixteen(rows);
  }
  const DeviceTreeTable on_device = bench_trees_on_device(request.points, TreeOptions{}.unit);
  if (request.only_device && on_device.device.empty())
    throw Error(ErrorKind::Device, "there is no CUDA device to measure", "--only-device");
  if (!rows.empty()) print(rows);
  if (!on_device.device.empty()) print(on_device);
  if (!request.json.empty()) write_json(rows, on_device, request.json);
}

const CommandRegistration registration{[](CLI::App& app) {
  CLI::App* const tree = bench_command(app).add_subcommand(
      "tree", "ball tree, node data, rotated tree, neighbour graph on CPU and GPU, picking");
  const auto request = std::make_shared<Request>();
  tree->add_option("--points", request->points, "points of the clouds")->delimiter(',')->capture_default_str();
  tree->add_option("--threads", request->threads, "numbers of threads")->delimiter(',')->capture_default_str();
  tree->add_option("--json", request->json, "also write the table to this file as JSON");
  tree->add_flag("--only-device", request->only_device, "leave out the rows of the CPU");
  tree->callback([request] { bench_tree(*request); });
  add_bench_beacons(bench_command(app));
}};

}  // namespace

CLI::App& bench_command(CLI::App& app) {
  for (CLI::App* const made : app.get_subcommands([](CLI::App* command) { return command->get_name() == "bench"; }))
    return *made;
  CLI::App* const bench = app.add_subcommand("bench", "measure how long things take");
  bench->require_subcommand(1);
  return *bench;
}

}  // namespace erwin::app
