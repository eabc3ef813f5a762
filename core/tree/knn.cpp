#include "core/tree/knn.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <nanoflann.hpp>
#include <string>
#include <tuple>
#include <utility>

#include "core/base/error.h"
#include "core/base/memory.h"
#include "kernels/parallel/parallel.h"

namespace erwin {

namespace {

using Vec = std::array<double, 3>;

// Points that coincide are one place, so that a search meets a place once however many points lie on it. Places are in
// the order of their coordinates, which makes "coordinates, then id" the order of place numbers.
struct Places {
  std::vector<Vec> x;
  std::vector<std::int64_t> begin;   // [places + 1] into `points`
  std::vector<std::int32_t> points;  // ids by place, ascending within one
  std::int64_t size() const { return static_cast<std::int64_t>(x.size()); }
};

struct Entry {
  Vec x;
  std::int32_t id;
  bool operator<(const Entry& other) const { return std::tie(x, id) < std::tie(other.x, other.id); }
};

// Runs of a few milliseconds' work, then merges of neighbours, two at a time.
void sort_entries(std::vector<Entry>& entries, const Job& job) {
  constexpr std::int64_t run = 1 << 15;
  const auto size = static_cast<std::int64_t>(entries.size());
  const auto at = [&](std::int64_t i) { return entries.begin() + std::min(i, size); };
  const std::int64_t runs = (size + run - 1) / run;
  parallel_for(0, runs, 1, [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t i = first; i < last; ++i) {
      job.check();
      std::sort(at(i * run), at((i + 1) * run));
    }
  });
  std::vector<Entry> merged(runs > 1 ? entries.size() : 0);
  for (std::int64_t length = run; length < size; length *= 2) {
    const std::int64_t pairs = (size + 2 * length - 1) / (2 * length);
    parallel_for(0, pairs, 1, [&](std::int64_t first, std::int64_t last) {
      for (std::int64_t i = first; i < last; ++i) {
        job.check();
        const std::int64_t begin = 2 * i * length;
        std::merge(at(begin), at(begin + length), at(begin + length), at(begin + 2 * length), merged.begin() + begin);
      }
    });
    entries.swap(merged);
  }
}

Places find_places(std::span<const double> positions, int dimension, const Job& job) {
  const auto d = static_cast<std::size_t>(dimension);
  std::vector<Entry> entries(positions.size() / d);
  constexpr std::size_t between_looks = 1 << 17;
  for (std::size_t i = 0; i < entries.size(); ++i) {
    if (i % between_looks == 0) job.check();
    entries[i] = {{0, 0, 0}, static_cast<std::int32_t>(i)};
    for (std::size_t a = 0; a < d; ++a) entries[i].x[a] = positions[i * d + a];
  }
  sort_entries(entries, job);
  Places places;
  places.points.reserve(entries.size());
  for (const Entry& entry : entries) {
    if (places.points.size() % between_looks == 0) job.check();
    if (places.x.empty() || places.x.back() != entry.x) {
      places.begin.push_back(static_cast<std::int64_t>(places.points.size()));
      places.x.push_back(entry.x);
    }
    places.points.push_back(entry.id);
  }
  places.begin.push_back(static_cast<std::int64_t>(places.points.size()));
  return places;
}

// What nanoflann asks of a set of points. Building its tree cannot be interrupted but from here; searches, which run on
// several threads, ask without a job.
struct PlaceSet {
  const std::vector<Vec>& x;
  const Job* building = nullptr;
  mutable std::uint32_t asked = 0;
  std::size_t kdtree_get_point_count() const { return x.size(); }
  double kdtree_get_pt(std::size_t place, std::size_t axis) const {
    if (building && ++asked % (1 << 18) == 0) building->check();
    return x[place][axis];
  }
  template <typename Box>
  bool kdtree_get_bbox(Box&) const {
    return false;
  }
};

using SearchTree =
    nanoflann::KDTreeSingleIndexAdaptor<nanoflann::L2_Simple_Adaptor<double, PlaceSet, double, std::int32_t>, PlaceSet,
                                        3, std::int32_t>;

// Places around one place, nearest first.
class Search {
public:
  explicit Search(const SearchTree& tree) : tree_(tree) {}

  // At least `wanted` places (or all) by (distance, coordinates), the place itself first.
  const std::vector<std::pair<std::int32_t, double>>& around(const Vec& x, std::size_t wanted, std::size_t places) {
    // One place more than wanted shows whether the last of them was a choice among equals; then all of those are
    // fetched.
    const std::size_t asked = std::min(wanted + 1, places);
    ids_.resize(asked);
    distances_.resize(asked);
    const std::size_t found = tree_.knnSearch(x.data(), asked, ids_.data(), distances_.data());
    found_.clear();
    constexpr double slack = 1 + 1e-9;
    if (found > wanted && distances_[wanted] <= distances_[wanted - 1] * slack)
      // Squares of tiny distances may be 0; the radius must not be.
      tree_.radiusSearch(x.data(), std::max(distances_[wanted - 1] * slack * slack, std::numeric_limits<double>::min()),
                         found_, nanoflann::SearchParams(32, 0, false));
    else
      for (std::size_t i = 0; i < found; ++i) found_.emplace_back(ids_[i], distances_[i]);
    std::sort(found_.begin(), found_.end(),
              [](const auto& a, const auto& b) { return std::tie(a.second, a.first) < std::tie(b.second, b.first); });
    return found_;
  }

private:
  const SearchTree& tree_;
  std::vector<std::int32_t> ids_;
  std::vector<double> distances_;
  std::vector<std::pair<std::int32_t, double>> found_;
};

void check_request(std::span<const double> positions, int dimension, int k) {
  if (dimension != 2 && dimension != 3)
    throw Error(ErrorKind::Config, "a neighbour graph needs 2 or 3 coordinates per point",
                "dimension " + std::to_string(dimension));
  if (k < 1)
    throw Error(ErrorKind::Config, "a neighbour graph needs at least one edge per point", "k = " + std::to_string(k));
  constexpr double largest = 1e150;  // squares of distances must stay finite
  for (std::size_t i = 0; i < positions.size(); ++i)
    if (!(std::abs(positions[i]) <= largest))
      throw Error(ErrorKind::Format, "a coordinate is not finite or too large to measure distances",
                  "point " + std::to_string(i / static_cast<std::size_t>(dimension)));
}

}  // namespace

KnnGraph build_knn_graph(std::span<const double> positions, int dimension, int k, bool self_loop, const Job& job) {
  check_request(positions, dimension, k);
  KnnGraph graph;
  const auto points = static_cast<std::int64_t>(positions.size()) / dimension;
  const std::int64_t others = std::min<std::int64_t>(self_loop ? k - 1 : k, std::max<std::int64_t>(points - 1, 0));
  graph.edges_per_point = points == 0 ? 0 : others + (self_loop ? 1 : 0);
  require_memory(static_cast<std::uint64_t>(points) * (8 * static_cast<std::uint64_t>(graph.edges_per_point) + 72),
                 "the neighbour graph");
  const auto edges = static_cast<std::size_t>(points * graph.edges_per_point);
  graph.source.resize(edges);
  graph.receiver.resize(edges);
  if (edges == 0) return graph;
  const Places places = find_places(positions, dimension, job);
  job.check();
  PlaceSet set{places.x, &job};
  SearchTree tree(3, set, nanoflann::KDTreeSingleIndexAdaptorParams(10));  // builds
  set.building = nullptr;
  job.check();
  // A place's own points and its next places hold enough others for each of its points.
  const auto wanted = std::min(static_cast<std::size_t>(others) + 1, places.x.size());
  parallel_for(0, places.size(), 256, [&](std::int64_t first, std::int64_t last) {
    Search search(tree);
    std::vector<std::int32_t> near;
    for (std::int64_t i = first; i < last; ++i) {
      if (i % 256 == 0) job.check();
      // In the order of the search tree, neighbours in space follow each other.
      const auto place = static_cast<std::size_t>(tree.vAcc[static_cast<std::size_t>(i)]);
      near.clear();
      const auto take = [&](std::size_t from) {
        for (auto p = places.begin[from]; p < places.begin[from + 1] && std::ssize(near) <= others; ++p)
          near.push_back(places.points[static_cast<std::size_t>(p)]);
      };
      take(place);
      if (std::ssize(near) <= others)
        for (const auto& [other, distance] : search.around(places.x[place], wanted, places.x.size()))
          if (static_cast<std::size_t>(other) != place) take(static_cast<std::size_t>(other));
      for (auto p = places.begin[place]; p < places.begin[place + 1]; ++p) {
        const std::int32_t point = places.points[static_cast<std::size_t>(p)];
        auto edge = static_cast<std::size_t>(point * graph.edges_per_point);
        const auto end = edge + static_cast<std::size_t>(graph.edges_per_point);
        std::fill(graph.receiver.begin() + static_cast<std::ptrdiff_t>(edge),
                  graph.receiver.begin() + static_cast<std::ptrdiff_t>(end), point);
        if (self_loop) graph.source[edge++] = point;
        for (std::size_t j = 0; edge < end; ++j)
          if (near[j] != point) graph.source[edge++] = near[j];
      }
    }
  });
  return graph;
}

}  // namespace erwin
