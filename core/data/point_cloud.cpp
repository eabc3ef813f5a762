#include "core/data/point_cloud.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>
#include <utility>

#include "core/base/error.h"
#include "core/base/hash.h"
#include "core/data/field_list.h"

namespace erwin {

namespace {

void require_indices(const std::vector<std::uint32_t>& cells, std::size_t corners, std::int64_t points,
                     const char* what) {
  if (cells.size() % corners != 0)
    throw Error(ErrorKind::Format, "the cells are cut off",
                std::string(what) + ": " + std::to_string(cells.size()) + " indices");
  for (const std::uint32_t index : cells)
    if (index >= static_cast<std::uint64_t>(points))
      throw Error(ErrorKind::Format, "a cell names a point that does not exist",
                  std::string(what) + ": point " + std::to_string(index) + " of " + std::to_string(points));
}

// In pieces of a few milliseconds.
void add_numbers(Sha256& hash, std::span<const float> numbers, const Job& job) {
  constexpr std::size_t piece = 1 << 18;
  for (std::size_t at = 0; at < numbers.size(); at += piece) {
    job.check();
    hash.update(numbers.subspan(at, std::min(piece, numbers.size() - at)));
  }
}

std::string hash_of(const PointCloud::Parts& parts, const Job& job) {
  Sha256 hash;
  add_numbers(hash, parts.positions, job);
  hash.update(std::span<const double>(parts.origin));
  hash.update(&parts.dimension, sizeof parts.dimension);
  hash.update(&parts.frames, sizeof parts.frames);
  for (const Field& field : parts.fields) {
    hash.update(field.name().data(), field.name().size() + 1);
    const double offset = field.offset();
    hash.update(&offset, sizeof offset);
    add_numbers(hash, field.values(), job);
  }
  return hash.hex();
}

}  // namespace

PointCloud::PointCloud(Parts parts) : parts_(std::move(parts)) {
  if (parts_.positions.empty())
    throw Error(ErrorKind::Format, "there are no points", parts_.source.path,
                "Open a file that holds at least one point");
  const auto numbers = static_cast<std::int64_t>(parts_.positions.size());
  if (parts_.frames < 1 || numbers % (3 * parts_.frames) != 0)
    throw Error(ErrorKind::Internal, "positions are not frames x points x 3", std::to_string(numbers) + " numbers");
  size_ = numbers / 3 / parts_.frames;
  const auto bad =
      std::find_if(parts_.positions.begin(), parts_.positions.end(), [](float x) { return !std::isfinite(x); });
  if (bad != parts_.positions.end())
    throw Error(ErrorKind::Format, "a position is not finite",
                "point " + std::to_string((bad - parts_.positions.begin()) / 3 % size_),
                "Use --drop-nonfinite to leave such points out");
  require_indices(parts_.cells.triangles, 3, size_, "triangles");
  require_indices(parts_.cells.quads, 4, size_, "quads");
  require_indices(parts_.cells.lines, 2, size_, "lines");
  std::set<std::string> names;
  for (const Field& field : parts_.fields) {
    if (!names.insert(field.name()).second) throw Error(ErrorKind::Format, "two fields have one name", field.name());
    if (field.points() != size_ || (field.frames() != 1 && field.frames() != parts_.frames))
      throw Error(
          ErrorKind::Format, "a field and the positions have different lengths",
          field.name() + ": " + std::to_string(field.points()) + " values for " + std::to_string(size_) + " points");
  }
  if (!parts_.row_ids.empty() && static_cast<std::int64_t>(parts_.row_ids.size()) != size_)
    throw Error(ErrorKind::Internal, "row ids and positions have different lengths");
}

const std::string& PointCloud::content_hash(const Job& job) const {
  std::call_once(hashed_, [&] { hash_ = hash_of(parts_, job); });
  return hash_;
}

std::span<const float> PointCloud::positions(std::int64_t frame) const {
  const auto count = static_cast<std::size_t>(size_ * 3);
  return std::span<const float>(parts_.positions).subspan(static_cast<std::size_t>(frame) * count, count);
}

std::array<double, 3> PointCloud::position(std::int64_t point, std::int64_t frame) const {
  const auto p = positions(frame).subspan(static_cast<std::size_t>(point * 3), 3);
  return {parts_.origin[0] + p[0], parts_.origin[1] + p[1], parts_.origin[2] + p[2]};
}

Bounds PointCloud::bounds(std::int64_t frame) const {
  // Four boxes side by side, so that one comparison does not wait for the last; drawing asks for this often.
  constexpr std::size_t lanes = 4;
  std::array<float, 3 * lanes> low, high;
  low.fill(std::numeric_limits<float>::infinity());
  high.fill(-std::numeric_limits<float>::infinity());
  const auto p = positions(frame);
  const auto take = [&](std::size_t i, std::size_t lane) {
    low[lane] = std::min(low[lane], p[i]);
    high[lane] = std::max(high[lane], p[i]);
  };
  std::size_t i = 0;
  for (; i + low.size() <= p.size(); i += low.size())
    for (std::size_t lane = 0; lane < low.size(); ++lane) take(i + lane, lane);
  for (std::size_t lane = 0; i < p.size(); ++i, ++lane) take(i, lane);
  Bounds box;
  for (std::size_t axis = 0; axis < 3; ++axis) {
    for (std::size_t lane = axis; lane < low.size(); lane += 3) {
      low[axis] = std::min(low[axis], low[lane]);
      high[axis] = std::max(high[axis], high[lane]);
    }
    // Adding the origin keeps the order of the numbers.
    box.minimum[axis] = parts_.origin[axis] + low[axis];
    box.maximum[axis] = parts_.origin[axis] + high[axis];
  }
  return box;
}

const Field* PointCloud::field(std::string_view name) const {
  return field_named(parts_.fields, name);
}

const Field& PointCloud::require_field(std::string_view name) const {
  if (const Field* found = field(name)) return *found;
  std::string known;
  for (const Field& candidate : parts_.fields) known += (known.empty() ? "" : ", ") + candidate.name();
  throw Error(ErrorKind::Config, "there is no field named '" + std::string(name) + "'", parts_.source.path,
              known.empty() ? "The cloud has no fields" : "Its fields are: " + known);
}

std::int64_t PointCloud::row_id(std::int64_t point) const {
  return parts_.row_ids.empty() ? point : parts_.row_ids[static_cast<std::size_t>(point)];
}

std::int64_t PointCloud::point_of_row(std::int64_t row) const {
  if (parts_.row_ids.empty()) return row >= 0 && row < size_ ? row : -1;
  const auto found = std::lower_bound(parts_.row_ids.begin(), parts_.row_ids.end(), row);
  return found != parts_.row_ids.end() && *found == row ? found - parts_.row_ids.begin() : -1;
}

CentredPositions centre_positions(std::span<const double> absolute) {
  CentredPositions result;
  std::array<double, 3> low, high;
  low.fill(std::numeric_limits<double>::infinity());
  high.fill(-std::numeric_limits<double>::infinity());
  for (std::size_t i = 0; i < absolute.size(); ++i) {
    if (!std::isfinite(absolute[i])) continue;
    low[i % 3] = std::min(low[i % 3], absolute[i]);
    high[i % 3] = std::max(high[i % 3], absolute[i]);
  }
  double extent = 0, farthest = 0;
  for (int axis = 0; axis < 3; ++axis) {
    if (!(high[axis] >= low[axis])) continue;
    extent = std::max(extent, high[axis] - low[axis]);
    farthest = std::max({farthest, std::abs(low[axis]), std::abs(high[axis])});
  }
  // Whole numbers as origin, so that origin + offset reproduces short decimals exactly.
  if (farthest > 64 * extent)
    for (int axis = 0; axis < 3; ++axis) result.origin[axis] = std::round(0.5 * (low[axis] + high[axis]));
  result.positions.resize(absolute.size());
  for (std::size_t i = 0; i < absolute.size(); ++i)
    result.positions[i] = static_cast<float>(absolute[i] - result.origin[i % 3]);
  return result;
}

}  // namespace erwin
