#include "kernels/ball_tree/axis_order.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>

#include "kernels/parallel/parallel.h"

namespace erwin::kernels {

namespace {

constexpr int digit_bits = 11;
constexpr int digits = 1 << digit_bits;
constexpr std::int64_t chunk_points = 1 << 16;

struct Range {
  double low, high;
};

std::int64_t chunks_of(std::int64_t points) {
  return (points + chunk_points - 1) / chunk_points;
}

// Calls body(chunk, first, last) for all chunks of `points`.
template <typename Body>
void for_chunks(std::int64_t points, const Body& body) {
  parallel_for(0, chunks_of(points), 1, [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t chunk = first; chunk < last; ++chunk)
      body(chunk, chunk * chunk_points, std::min(points, (chunk + 1) * chunk_points));
  });
}

std::array<Range, 3> ranges_of(const double* positions, std::int64_t points, int dimension) {
  std::vector<std::array<Range, 3>> partial(static_cast<std::size_t>(chunks_of(points)));
  for_chunks(points, [&](std::int64_t chunk, std::int64_t first, std::int64_t last) {
    auto& range = partial[static_cast<std::size_t>(chunk)];
    for (int a = 0; a < dimension; ++a) range[a] = {positions[first * dimension + a], positions[first * dimension + a]};
    for (std::int64_t i = first; i < last; ++i)
      for (int a = 0; a < dimension; ++a) {
        const double x = positions[i * dimension + a];
        range[a].low = std::min(range[a].low, x);
        range[a].high = std::max(range[a].high, x);
      }
  });
  auto whole = partial[0];
  for (const auto& range : partial)
    for (int a = 0; a < dimension; ++a) {
      whole[a].low = std::min(whole[a].low, range[a].low);
      whole[a].high = std::max(whole[a].high, range[a].high);
    }
  return whole;
}

// (key, id) packed: the coordinate's place in the axis' range as 32 bits, a monotone function of it. Exact order within
// equal keys is restored afterwards.
void make_keys(const double* positions, std::int64_t points, int dimension, int axis, const Range& range,
               std::uint64_t* keys) {
  double scale = 4294967295.0 / (range.high - range.low);
  if (!std::isfinite(scale)) scale = 0;  // a range too narrow or too wide to scale: all keys equal
  for_chunks(points, [&](std::int64_t, std::int64_t first, std::int64_t last) {
    for (std::int64_t i = first; i < last; ++i) {
      const double place = scale == 0 ? 0.0 : (positions[i * dimension + axis] - range.low) * scale;
      const auto key = std::min<std::uint64_t>(static_cast<std::uint64_t>(place), 0xffffffffu);
      keys[i] = key << 32 | static_cast<std::uint64_t>(i);
    }
  });
}

// Stable counting sort by one digit; chunks keep their order within a digit, so any cut gives the same result.
void sort_by_digit(const std::uint64_t* from, std::uint64_t* to, std::int64_t points, int shift) {
  const std::int64_t chunks = chunks_of(points);
  std::vector<std::array<std::int32_t, digits>> places(static_cast<std::size_t>(chunks));
  for_chunks(points, [&](std::int64_t chunk, std::int64_t first, std::int64_t last) {
    auto& counts = places[static_cast<std::size_t>(chunk)];
    for (std::int64_t i = first; i < last; ++i) ++counts[from[i] >> shift & (digits - 1)];
  });
  std::int32_t next = 0;
  for (int digit = 0; digit < digits; ++digit)
    for (auto& counts : places) {
      const std::int32_t count = counts[digit];
      counts[digit] = next;
      next += count;
    }
  for_chunks(points, [&](std::int64_t chunk, std::int64_t first, std::int64_t last) {
    auto& place = places[static_cast<std::size_t>(chunk)];
    for (std::int64_t i = first; i < last; ++i) to[place[from[i] >> shift & (digits - 1)]++] = from[i];
  });
}

struct Entry {
  double x[3];  // the coordinates, the sorted axis first
  std::int32_t id;
  bool operator<(const Entry& other) const {
    if (x[0] != other.x[0]) return x[0] < other.x[0];
    if (x[1] != other.x[1]) return x[1] < other.x[1];
    if (x[2] != other.x[2]) return x[2] < other.x[2];
    return id < other.id;
  }
};

void sort_run(const double* positions, int dimension, int axis, std::int32_t* ids, std::int64_t count) {
  thread_local std::vector<Entry> run;
  run.clear();
  for (std::int64_t i = 0; i < count; ++i) {
    Entry entry{{0, 0, 0}, ids[i]};
    for (int a = 0; a < dimension; ++a)
      entry.x[a] = positions[std::int64_t{ids[i]} * dimension + (axis + a) % dimension];
    run.push_back(entry);
  }
  if (!std::is_sorted(run.begin(), run.end())) std::sort(run.begin(), run.end());
  for (std::int64_t i = 0; i < count; ++i) ids[i] = run[static_cast<std::size_t>(i)].id;
}

// Runs of equal keys are put into the exact order; a run belongs to the chunk in which it begins.
void finish_order(const double* positions, std::int64_t points, int dimension, int axis, const std::uint64_t* keys,
                  std::int32_t* order) {
  const auto key = [&](std::int64_t i) { return keys[i] >> 32; };
  for_chunks(points, [&](std::int64_t, std::int64_t first, std::int64_t last) {
    std::int64_t i = first;
    while (i < last && i > 0 && key(i) == key(i - 1)) ++i;
    while (i < last) {
      std::int64_t end = i + 1;
      while (end < points && key(end) == key(i)) ++end;
      for (std::int64_t j = i; j < end; ++j) order[j] = static_cast<std::int32_t>(keys[j] & 0xffffffffu);
      if (end - i > 1) sort_run(positions, dimension, axis, order + i, end - i);
      i = end;
    }
  });
}

}  // namespace

bool sort_axes(const double* positions, std::int64_t points, int dimension, const StopQuestion& stop,
               std::vector<std::int32_t> (&orders)[3]) {
  const auto ranges = ranges_of(positions, points, dimension);
  const auto constant = [&](int axis) { return !(ranges[axis].low < ranges[axis].high); };
  const auto size = static_cast<std::size_t>(points);
  std::vector<std::uint64_t> keys(size), other(size);
  for (int axis = 0; axis < dimension; ++axis) {
    orders[axis].resize(size);
    if (constant(axis)) continue;
    make_keys(positions, points, dimension, axis, ranges[axis], keys.data());
    if (points < 512) {
      std::sort(keys.begin(), keys.end());
    } else {
      for (int shift = 32; shift < 64; shift += digit_bits) {
        if (stop.stopped()) return false;
        sort_by_digit(keys.data(), other.data(), points, shift);
        keys.swap(other);
      }
    }
    finish_order(positions, points, dimension, axis, keys.data(), orders[axis].data());
    if (stop.stopped()) return false;
  }
  // On a constant axis the order is that of the axes behind it: the next axis that is not constant.
  for (int axis = 0; axis < dimension; ++axis) {
    if (!constant(axis)) continue;
    int next = axis;
    for (int a = 1; a < dimension && constant(next); ++a) next = (axis + a) % dimension;
    if (constant(next))
      std::iota(orders[axis].begin(), orders[axis].end(), 0);
    else
      orders[axis] = orders[next];
  }
  return true;
}

}  // namespace erwin::kernels
