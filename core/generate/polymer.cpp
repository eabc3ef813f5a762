#include "core/generate/polymer.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <utility>

#include "core/base/error.h"
#include "core/base/memory.h"
#include "core/generate/internal/ranges.h"
#include "core/generate/langevin.h"
#include "kernels/parallel/parallel.h"

namespace erwin::generate {

namespace {

constexpr int types = static_cast<int>(bead_types.size());

std::int64_t steps_in(double time, const PolymerOptions& options) {
  return std::llround(time / options.time_step);
}

void require_whole_steps(const char* option, double time, const PolymerOptions& options) {
  require_number(option, time, options.time_step, 1e5, "tau");
  const double steps = time / options.time_step;
  if (std::abs(steps - std::round(steps)) > 1e-6 * steps)
    throw Error(ErrorKind::Config, "an interval is no whole number of time steps",
                std::string(option) + " " + toml_text(time) + " with --dt " + toml_text(options.time_step),
                "Choose a multiple of --dt");
}

Vec3 direction(Random& random) {
  for (;;) {
    const Vec3 v{random.uniform(-1, 1), random.uniform(-1, 1), random.uniform(-1, 1)};
    const double square = dot(v, v);
    if (square <= 1 && square > 1e-4) return (1 / std::sqrt(square)) * v;
  }
}

// Appends a bead that keeps its distance from all but the one it is bonded to; false where none was found.
bool grow(std::vector<Vec3>& walk, const Chain& chain, Random& random) {
  constexpr int tries = 100;
  const std::size_t bead = walk.size();
  const double length = chain.pair_diameter(bead - 1, bead);
  for (int i = 0; i < tries; ++i) {
    const Vec3 place = walk.back() + length * direction(random);
    bool free = true;
    for (std::size_t other = 0; free && other + 1 < bead; ++other) {
      const Vec3 way = place - walk[other];
      free = dot(way, way) > std::pow(chain.pair_diameter(bead, other), 2);
    }
    if (!free) continue;
    walk.push_back(place);
    return true;
  }
  return false;
}

Vec3 mean_of(const std::vector<std::vector<Vec3>>& places) {
  Vec3 sum{};
  for (const std::vector<Vec3>& place : places)
    for (const Vec3& bead : place) sum = sum + bead;
  return (1 / static_cast<double>(places.size() * places.front().size())) * sum;
}

void append(std::vector<float>& numbers, const Vec3& v) {
  for (const double x : v) numbers.push_back(static_cast<float>(x));
}

void add_types(PointCloud::Parts& parts, const Chain& chain) {
  std::vector<float> label, code;
  for (const int type : chain.types) {
    label.push_back(static_cast<float>(type));
    for (int t = 0; t < types; ++t) code.push_back(t == type ? 1.0F : 0.0F);
  }
  parts.fields.emplace_back("bead_type", FieldKind::Label, 1, std::move(label));
  parts.fields.emplace_back("type_code", FieldKind::Vector, types, std::move(code));
}

}  // namespace

void check(const PolymerOptions& options) {
  require_range("--points", options.points, 2, 4096);
  require_range("--windows", options.windows, 1, 10'000);
  require_range("--samples", options.counts.total(), 1, 100'000);
  require_number("--dt", options.time_step, 1e-4, 0.02, "tau");
  require_number("--friction", options.friction, 0, 100, "1/tau");
  require_number("--relax", options.relaxation, 0, 1e6, "tau");
  require_whole_steps("--interval", options.interval, options);
  require_whole_steps("--test-interval", options.test_interval, options);
  const auto beads = static_cast<std::uint64_t>(options.points), windows = static_cast<std::uint64_t>(options.windows),
             samples = static_cast<std::uint64_t>(options.counts.total());
  const std::uint64_t at_once = std::min(static_cast<std::uint64_t>(parallel_threads()), samples);
  // Position, history and acceleration of every window are kept until the file is written, places in float64 while a
  // chain moves.
  constexpr std::uint64_t bytes_per_bead = 4 * (3 + history_numbers + 3);
  require_memory(
      samples * windows * beads * bytes_per_bead + at_once * (windows + window_places) * beads * sizeof(Vec3),
      "the windows of " + std::to_string(samples) + " chains");
}

std::vector<int> draw_sequence(std::int64_t beads, Random& random) {
  // Shares uniform on the simplex; a bead repeats its neighbour's type with a probability that is the chain's own.
  std::array<double, types> weight;
  double all = 0;
  for (double& w : weight) all += w = -std::log(1 - random.uniform());
  const double blockiness = random.uniform(0, 0.9);
  std::vector<int> sequence;
  for (std::int64_t bead = 0; bead < beads; ++bead) {
    const bool repeat = random.uniform() < blockiness;
    double at = random.uniform() * all;
    int type = 0;
    for (; type + 1 < types && at >= weight[static_cast<std::size_t>(type)]; ++type)
      at -= weight[static_cast<std::size_t>(type)];
    sequence.push_back(repeat && !sequence.empty() ? sequence.back() : type);
  }
  return sequence;
}

std::vector<Vec3> draw_walk(const Chain& chain, Random& random, const Job& job) {
  constexpr int attempts = 1000;
  for (int attempt = 0; attempt < attempts; ++attempt) {
    std::vector<Vec3> walk{Vec3{}};
    do {
      job.check();
    } while (walk.size() < chain.types.size() && grow(walk, chain, random));
    if (walk.size() == chain.types.size()) return walk;
  }
  throw Error(ErrorKind::Internal, "no walk that avoids itself was found");
}

PointCloudPtr windows_of(const std::vector<std::vector<Vec3>>& places, const Chain& chain) {
  if (static_cast<std::int64_t>(places.size()) < window_places)
    throw Error(ErrorKind::Internal, "fewer places than a window has");
  const Vec3 mean = mean_of(places);
  const std::size_t windows = places.size() - window_places + 1, beads = chain.types.size();
  PointCloud::Parts parts;
  std::vector<float> history, acceleration;
  for (std::size_t w = 0; w < windows; ++w) {
    const std::vector<Vec3>&before = places[w + 14], &now = places[w + 15], &after = places[w + 16];
    for (std::size_t bead = 0; bead < beads; ++bead) {
      append(parts.positions, now[bead] - mean);
      for (std::size_t i = w; i + 2 < w + window_places; ++i) append(history, places[i + 1][bead] - places[i][bead]);
      append(acceleration, (after[bead] - now[bead]) - (now[bead] - before[bead]));
    }
  }
  parts.frames = static_cast<std::int64_t>(windows);
  parts.unit = "sigma";
  parts.fields.emplace_back("velocity_history", FieldKind::Vector, history_numbers, std::move(history),
                            "sigma/interval", 0, parts.frames);
  parts.fields.emplace_back("acceleration", FieldKind::Vector, 3, std::move(acceleration), "sigma/interval^2", 0,
                            parts.frames);
  add_types(parts, chain);
  for (std::uint32_t bead = 0; bead + 1 < beads; ++bead)
    parts.cells.lines.insert(parts.cells.lines.end(), {bead, bead + 1});
  parts.source.format = "made by the program";
  parts.source.remarks.push_back("velocities and accelerations are differences of places, per interval of the frames");
  return std::make_shared<const PointCloud>(std::move(parts));
}

PointCloudPtr make_polymer(const PolymerOptions& options, std::int64_t index, double interval, const Job& job) {
  Random random(options.seed, static_cast<std::uint64_t>(index));
  Chain chain{draw_sequence(options.points, random), options.bonds};
  std::vector<Vec3> walk = draw_walk(chain, random, job);
  LangevinChain moving(chain, std::move(walk), {options.time_step, options.friction, 1}, random);
  moving.advance(steps_in(options.relaxation, options), job);
  std::vector<std::vector<Vec3>> places{moving.positions()};
  while (static_cast<std::int64_t>(places.size()) < options.windows + window_places - 1) {
    moving.advance(steps_in(interval, options), job);
    places.push_back(moving.positions());
  }
  return windows_of(places, chain);
}

void write_polymer(const std::filesystem::path& file, const PolymerOptions& options, const std::string& command,
                   const Job& job) {
  check_data_set_path(file);
  check(options);
  const std::int64_t seen = options.counts.train + options.counts.validation;
  const auto clouds = make_in_parallel(
      options.counts.total(), "moving chains",
      [&](std::int64_t index) {
        return make_polymer(options, index, index < seen ? options.interval : options.test_interval, job);
      },
      job);
  write_data_set(file, {"polymer", command, {"velocity_history", "type_code"}, "acceleration", false, true},
                 options.counts, clouds, job);
}

}  // namespace erwin::generate
