#pragma once
// What XYZ and LAMMPS dumps share: columns of numbers or words over several frames with the same atoms.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/io/internal/cloud_builder.h"
#include "core/io/internal/text_scan.h"

namespace erwin::io {

// One quantity of each atom; values [frames, atoms, components].
struct FrameColumn {
  std::string name;
  int components = 1;
  bool words = false;
  WordNumbers legend;
  std::vector<double> values;
};

// Adds a column as a field; with one frame where every frame says the same. Words become a label: the atomic number
// where all of them are symbols of elements, else numbered as they appear.
void add_frame_column(FrameColumn column, std::int64_t frames, CloudBuilder& builder);

// Error{Memory} where the numbers of `bytes` bytes of rows like the first do not fit into memory.
void require_memory_for_rows(std::size_t bytes, std::size_t first_row_bytes, std::size_t numbers_per_row);

// 1 for "H", ... 118 for "Og"; 0 for anything else.
int atomic_number(std::string_view symbol);

}  // namespace erwin::io
