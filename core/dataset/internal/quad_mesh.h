#pragma once
// The surface meshes of the ShapeNet-Car archive: legacy VTK files (Kitware, "VTK File Formats") of an unstructured
// grid or polygons, all of them quads, as ASCII or binary. They are so plain that no VTK is needed, so a build without
// it trains on them.

#include <array>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <vector>

#include "core/base/job.h"

namespace erwin {

struct QuadMesh {
  std::vector<double> positions;     // [n, 3]
  std::vector<std::uint32_t> quads;  // [*, 4]
};

// Nothing where the file is more than such a mesh: other cells, other data sets, the format of VTK 5.1. Raises
// Error{Io, Memory}; Error{Format} where it is cut off or a quad names a vertex that does not exist.
std::optional<QuadMesh> read_quad_mesh(const std::filesystem::path& path, const Job& job);

}  // namespace erwin
