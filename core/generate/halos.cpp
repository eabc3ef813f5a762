#include "core/generate/halos.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <utility>

#include "core/base/error.h"
#include "core/base/memory.h"
#include "core/generate/internal/ranges.h"
#include "kernels/parallel/parallel.h"

namespace erwin::generate {

namespace {

// Finer meshes would make single passes over them longer than a cancelled job may take.
constexpr int least_mesh = 16, most_mesh = 256;

// A cube's values by wrapped coordinates.
class PeriodicCube {
public:
  PeriodicCube(const std::vector<float>& values, int n) : values_(values), n_(n) {}
  double at(int i, int j, int k) const {
    const auto side = static_cast<std::size_t>(n_);
    return static_cast<double>(values_[(wrapped(i) * side + wrapped(j)) * side + wrapped(k)]);
  }
  // Linear between mesh points.
  double at(const std::array<double, 3>& place) const {
    int low[3];
    double part[3];
    for (std::size_t c = 0; c < 3; ++c) {
      low[c] = static_cast<int>(std::floor(place[c]));
      part[c] = place[c] - low[c];
    }
    double sum = 0;
    for (int corner = 0; corner < 8; ++corner) {
      const int d[3] = {corner >> 2, corner >> 1 & 1, corner & 1};
      double weight = 1;
      for (int c = 0; c < 3; ++c) weight *= d[c] ? part[c] : 1 - part[c];
      sum += weight * at(low[0] + d[0], low[1] + d[1], low[2] + d[2]);
    }
    return sum;
  }

private:
  std::size_t wrapped(int i) const { return static_cast<std::size_t>((i % n_ + n_) % n_); }
  const std::vector<float>& values_;
  int n_;
};

bool is_peak(const PeriodicCube& cube, int i, int j, int k) {
  const double here = cube.at(i, j, k);
  for (int di = -1; di <= 1; ++di)
    for (int dj = -1; dj <= 1; ++dj)
      for (int dk = -1; dk <= 1; ++dk)
        if ((di || dj || dk) && cube.at(i + di, j + dj, k + dk) >= here) return false;
  return true;
}

// Where the parabola through three equidistant values, the middle one the highest, has its top: within half a step.
double top_of(double before, double here, double after) {
  return 0.5 * (before - after) / (before - 2 * here + after);
}

Peak refined(const PeriodicCube& cube, int i, int j, int k) {
  const double here = cube.at(i, j, k);
  return {{i + top_of(cube.at(i - 1, j, k), here, cube.at(i + 1, j, k)),
           j + top_of(cube.at(i, j - 1, k), here, cube.at(i, j + 1, k)),
           k + top_of(cube.at(i, j, k - 1), here, cube.at(i, j, k + 1))},
          here};
}

// float32 may round a place just below the box's side up to it.
float within(double x, double box) {
  x -= box * std::floor(x / box);
  const auto place = static_cast<float>(x);
  return place < static_cast<float>(box) ? place : 0.0F;
}

PointCloudPtr cloud_of(const HalosOptions& options, const Cosmology& cosmology, const Displacement& moved,
                       const std::vector<Peak>& peaks) {
  const Motion motion = motion_of_today(cosmology.omega_m);
  constexpr double hubble = 100;  // km/s per Mpc/h
  PointCloud::Parts parts;
  std::vector<float> velocity, height, universe;
  for (const Peak& peak : peaks) {
    for (std::size_t c = 0; c < 3; ++c) {
      const double first = PeriodicCube(moved.first[c], moved.n).at(peak.place);
      const double second = PeriodicCube(moved.second[c], moved.n).at(peak.place);
      const double origin = peak.place[c] * options.box / options.mesh;
      parts.positions.push_back(within(origin + first + motion.second * second, options.box));
      velocity.push_back(static_cast<float>(hubble * (motion.first_rate * first + motion.second_rate * second)));
    }
    height.push_back(static_cast<float>(peak.height));
    for (const double number : {cosmology.omega_m, cosmology.omega_b, cosmology.h, cosmology.n_s, cosmology.sigma_8})
      universe.push_back(static_cast<float>(number));
  }
  parts.unit = "Mpc/h";
  parts.fields.emplace_back("velocity", FieldKind::Vector, 3, std::move(velocity), "km/s");
  parts.fields.emplace_back("height", FieldKind::Scalar, 1, std::move(height));
  parts.fields.emplace_back("cosmology", FieldKind::Vector, 5, std::move(universe));
  parts.source.format = "made by the program";
  parts.source.remarks.push_back("tracers are peaks of the linear density moved by 2LPT: no halo finder, no orbits");
  return std::make_shared<const PointCloud>(std::move(parts));
}

// The cosmology comes first from a box's stream, so that it does not depend on the mesh.
Random stream_of(const HalosOptions& options, std::int64_t index) {
  return Random(options.seed, static_cast<std::uint64_t>(index));
}

}  // namespace

void check(const HalosOptions& options) {
  require_range("--points", options.points, 16, 1'000'000);
  require_range("--samples", options.counts.total(), 1, 100'000);
  require_range("--mesh", options.mesh, least_mesh, most_mesh);
  require_number("--box", options.box, 50, 10'000, "Mpc/h");
  require_number("--smoothing", options.smoothing, 0.1, 100, "Mpc/h");
  if (!CubeTransform::is_quick(options.mesh))
    throw Error(ErrorKind::Config, "the mesh has a size that Fourier transforms are slow for",
                "--mesh " + std::to_string(options.mesh),
                "Choose an even product of 2, 3 and 5: 64, 96, 128, 160, ...");
  const std::int64_t at_once = std::min<std::int64_t>(parallel_threads(), options.counts.total());
  // At most one mesh point of 27 is a peak, and sorting takes them twice.
  const auto cells = static_cast<std::uint64_t>(options.mesh) * static_cast<std::uint64_t>(options.mesh) *
                     static_cast<std::uint64_t>(options.mesh);
  const std::uint64_t of_box = displacement_bytes(options.mesh) + cells / 27 * 2 * sizeof(Peak);
  // Positions, velocity, height and cosmology of every box are kept until the file is written.
  constexpr std::uint64_t bytes_per_point = 12 + 12 + 4 + 20;
  require_memory(static_cast<std::uint64_t>(at_once) * of_box +
                     static_cast<std::uint64_t>(options.counts.total() * options.points) * bytes_per_point,
                 "the meshes of " + std::to_string(at_once) + " boxes at once");
}

Cosmology cosmology_of(const HalosOptions& options, std::int64_t index) {
  Random random = stream_of(options, index);
  return draw_cosmology(random);
}

std::vector<Peak> highest_peaks(const std::vector<float>& density, int n, std::int64_t count, const Job& job) {
  const PeriodicCube cube(density, n);
  std::vector<Peak> peaks;
  for (int i = 0; i < n; ++i) {
    job.check();
    for (int j = 0; j < n; ++j)
      for (int k = 0; k < n; ++k)
        if (is_peak(cube, i, j, k)) peaks.push_back(refined(cube, i, j, k));
  }
  std::stable_sort(peaks.begin(), peaks.end(), [](const Peak& a, const Peak& b) { return a.height > b.height; });
  if (static_cast<std::int64_t>(peaks.size()) > count) peaks.resize(static_cast<std::size_t>(count));
  return peaks;
}

PointCloudPtr make_halos(const HalosOptions& options, std::int64_t index, const Job& job) {
  Random random = stream_of(options, index);
  const Cosmology cosmology = draw_cosmology(random);
  const Displacement moved = displacement(
      draw_linear_field(PowerSpectrum(cosmology), options.mesh, options.box, options.smoothing, random, job), job);
  const std::vector<Peak> peaks = highest_peaks(moved.density, moved.n, options.points, job);
  if (static_cast<std::int64_t>(peaks.size()) < options.points)
    throw Error(ErrorKind::Config, "the box has fewer peaks than points are asked for",
                "box " + std::to_string(index) + ": " + std::to_string(peaks.size()) + " peaks, --points " +
                    std::to_string(options.points),
                "Choose fewer --points, a finer --mesh, a larger --box or less --smoothing");
  return cloud_of(options, cosmology, moved, peaks);
}

void write_halos(const std::filesystem::path& file, const HalosOptions& options, const std::string& command,
                 const Job& job) {
  check_data_set_path(file);
  check(options);
  const auto clouds = make_in_parallel(
      options.counts.total(), "growing peaks", [&](std::int64_t index) { return make_halos(options, index, job); },
      job);
  write_data_set(file, {"halos", command, {"position"}, "velocity", false}, options.counts, clouds, job);
}

}  // namespace erwin::generate
