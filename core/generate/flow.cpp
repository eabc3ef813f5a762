#include "core/generate/flow.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "core/base/memory.h"
#include "core/generate/body.h"
#include "core/generate/internal/ranges.h"
#include "core/generate/panel_flow.h"
#include "kernels/parallel/parallel.h"

namespace erwin::generate {

namespace {

constexpr std::int64_t least_points = 100, most_points = 20'000, most_samples = 100'000;

}  // namespace

void check(const FlowOptions& options) {
  require_range("--points", options.points, least_points, most_points);
  require_range("--samples", options.counts.total(), 1, most_samples);
  const std::int64_t vertices = car_grid(options.points).vertices();
  const std::int64_t at_once = std::min<std::int64_t>(parallel_threads(), options.counts.total());
  // Positions, pressure and quads of every sample are kept until the file is written.
  constexpr std::uint64_t bytes_per_vertex = 12 + 4 + 16;
  require_memory(static_cast<std::uint64_t>(at_once) * flow_bytes(vertices) +
                     static_cast<std::uint64_t>(options.counts.total() * vertices) * bytes_per_vertex,
                 "the influence of every panel on every other (" + std::to_string(at_once) + " bodies at once)");
}

PointCloudPtr make_flow_sample(const FlowOptions& options, std::int64_t index, const Job& job) {
  Random random(options.seed, static_cast<std::uint64_t>(index));
  const Surface surface = car(random_car(random), car_grid(options.points));
  const PanelFlow flow = solve_flow(surface, options.ground, job);
  PointCloud::Parts parts;
  for (const Vec3& vertex : surface.vertices)
    for (const double x : vertex) parts.positions.push_back(static_cast<float>(x));
  for (const auto& quad : surface.quads) parts.cells.quads.insert(parts.cells.quads.end(), quad.begin(), quad.end());
  std::vector<float> pressure(flow.vertex_pressure.begin(), flow.vertex_pressure.end());
  parts.unit = "m";
  parts.fields.emplace_back("pressure", FieldKind::Scalar, 1, std::move(pressure), "Cp");
  parts.source.format = "made by the program";
  parts.source.remarks.push_back("pressure is the coefficient Cp of a potential flow: no friction, no wake");
  return std::make_shared<const PointCloud>(std::move(parts));
}

void write_flow(const std::filesystem::path& file, const FlowOptions& options, const std::string& command,
                const Job& job) {
  check_data_set_path(file);
  check(options);
  const auto clouds = make_in_parallel(
      options.counts.total(), "solving the flow around bodies",
      [&](std::int64_t index) { return make_flow_sample(options, index, job); }, job);
  write_data_set(file, {"flow", command, {"position"}, "pressure", false}, options.counts, clouds, job);
}

}  // namespace erwin::generate
