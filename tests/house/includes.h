#pragma once
// The rules of the house about includes, checked on a set of sources: app -> ui -> core -> kernels, and which library
// may show where.

#include <map>
#include <string>
#include <vector>

namespace erwin::house {

// path relative to the root of the project -> text
using Sources = std::map<std::string, std::string>;

struct Violation {
  std::string file;  // the file that breaks the rule
  std::string rule;
  bool operator==(const Violation&) const = default;
};

// Rules, by the names that Violation::rule begins with:
//   layer     an include goes against app -> ui -> core -> kernels
//   internal  ui or app includes a header below an internal/ folder of core or kernels
//   torch     Torch, ATen or c10 in a public header of core, in ui or in kernels
//   hdf5      HDF5 in the same places
//   qt-vtk    Qt or VTK in core (but the VTK child process, core/io/vtk_child) or kernels
//   qt-torch  one file sees both Qt and Torch, through our own headers too
std::vector<Violation> check_includes(const Sources& sources);

// The headers that a text includes, comments and raw strings left out. Quoted and angled alike, without the marks.
std::vector<std::string> includes_of(const std::string& text);

}  // namespace erwin::house
