#pragma once
// The cells of a VTK data set as triangles, quads and lines over all of its points.

#include <cstdint>
#include <string>
#include <vector>

class vtkDataSet;

namespace erwin::io {

struct Surface {
  std::vector<std::uint32_t> triangles, quads, lines;
  std::vector<std::string> remarks;
};

// Polygons of more than four corners are cut into triangles, strips unrolled, volume cells shown by their outer faces.
Surface surface_of(vtkDataSet* data);

}  // namespace erwin::io
