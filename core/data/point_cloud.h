#pragma once
// A point cloud as the whole program sees it: structure of arrays, immutable once made, shared by pointer.

#include <array>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/job.h"
#include "core/data/field.h"

namespace erwin {

// Cells are for drawing and export only; the networks see points. Indices count the cloud's points.
struct Cells {
  std::vector<std::uint32_t> triangles;  // [*, 3]
  std::vector<std::uint32_t> quads;      // [*, 4]
  std::vector<std::uint32_t> lines;      // [*, 2]
  bool empty() const { return triangles.empty() && quads.empty() && lines.empty(); }
};

struct Bounds {
  std::array<double, 3> minimum{}, maximum{};
};

// Where a cloud came from and what happened on the way; shown by `info` and in the window.
struct SourceNotes {
  std::string path;                  // as opened, empty for generated clouds
  std::string format;                // "PCD binary_compressed", "CGNS/HDF5", ...
  std::int64_t dropped_points = 0;   // non-finite positions that were left out
  std::vector<std::string> remarks;  // plain sentences: what was assumed, skipped or counted
};

class PointCloud {
public:
  // What a reader fills. positions: [frames, n, 3] float32 relative to origin (2-D data has z = 0).
  struct Parts {
    std::vector<float> positions;
    std::array<double, 3> origin{};
    std::int64_t frames = 1;
    int dimension = 3;          // 2 or 3
    std::string unit;           // of positions
    std::vector<Field> fields;  // each with n points and 1 or `frames` frames
    Cells cells;
    std::vector<std::int64_t> row_ids;  // row of each point in its file; empty: 0..n-1
    SourceNotes source;
  };

  // Raises Error{Format}: no point, a non-finite position, a cell that names a missing point, two fields of one name, a
  // field of another size.
  explicit PointCloud(Parts parts);

  std::int64_t size() const { return size_; }
  std::int64_t frames() const { return parts_.frames; }
  int dimension() const { return parts_.dimension; }
  const std::string& unit() const { return parts_.unit; }
  const std::array<double, 3>& origin() const { return parts_.origin; }

  // [n, 3] relative to origin.
  std::span<const float> positions(std::int64_t frame = 0) const;
  // Absolute, in float64.
  std::array<double, 3> position(std::int64_t point, std::int64_t frame = 0) const;
  // Tight box of a frame, absolute.
  Bounds bounds(std::int64_t frame = 0) const;

  const std::vector<Field>& fields() const { return parts_.fields; }
  // Null where there is no such field.
  const Field* field(std::string_view name) const;
  // Raises Error{Config} naming the fields that exist.
  const Field& require_field(std::string_view name) const;

  const Cells& cells() const { return parts_.cells; }
  const SourceNotes& source() const { return parts_.source; }

  // A point's id is its row in the file, counted from 0 before anything was dropped.
  std::int64_t row_id(std::int64_t point) const;
  // The point with that id, or -1 where it was dropped or never existed.
  std::int64_t point_of_row(std::int64_t row) const;

  // SHA-256 of positions, origin, dimension and fields: the key of caches and provenance. Made by the first caller and
  // kept; linear in the size of the cloud, so never on the GUI thread. Raises Error{Cancelled}, and the next caller
  // tries again.
  const std::string& content_hash(const Job& job = {}) const;

private:
  Parts parts_;
  std::int64_t size_ = 0;
  mutable std::once_flag hashed_;
  mutable std::string hash_;
};

using PointCloudPtr = std::shared_ptr<const PointCloud>;

// Splits absolute float64 positions [rows, 3] into a float64 origin and float32 offsets, so that coordinates near 10^6
// keep their detail. The origin is 0 where the coordinates already fit (nothing farther from 0 than 64 times the box).
struct CentredPositions {
  std::array<double, 3> origin{};
  std::vector<float> positions;
};
CentredPositions centre_positions(std::span<const double> absolute);

}  // namespace erwin
