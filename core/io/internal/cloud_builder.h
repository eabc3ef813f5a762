#pragma once
// Turns what a reader found (absolute float64 positions, columns of numbers, cells) into PointCloud::Parts, with one
// policy for all formats: non-finite positions are refused or left out and counted, fields keep their NaNs, a point's
// id stays its row in the file.

#include <cstdint>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/job.h"
#include "core/data/point_cloud.h"
#include "core/io/open.h"

namespace erwin::io {

// "a, b, c": the names a message lists.
std::string joined(const std::vector<std::string>& names);

class CloudBuilder {
public:
  CloudBuilder(std::string format, const OpenOptions& options, const Job& job);

  // To be called first. absolute: [frames, rows, 3], z = 0 where dimension is 2. A row that is not finite in any frame
  // is left out where options.drop_nonfinite or means_no_return say so, else refused with Error{Format}. Raises
  // Error{Format} too where no row is left or a coordinate is beyond float32.
  void set_positions(std::vector<double> absolute, std::int64_t frames = 1, int dimension = 3,
                     bool means_no_return = false);

  // The finest step between coordinates that the file can hold, to be called before set_positions: where float32 would
  // blur it, positions are kept relative to an origin.
  void set_finest_step(double step) { finest_step_ = step; }

  // values: [frames, rows, components], one for each row of the file. A name that is taken gets a number behind it,
  // with a remark.
  void add_field(std::string name, FieldKind kind, int components, std::vector<double> values, std::string unit = {},
                 std::int64_t frames = 1);
  // The kind from name and values: Label for whole numbers under a name that says class or type.
  void add_field(std::string name, std::vector<double> values, std::string unit = {});

  // Indices count the rows of the file; cells that touch a row left out go with it, counted in a remark.
  void set_cells(Cells cells);
  void set_unit(std::string unit) { parts_.unit = std::move(unit); }
  void remark(std::string sentence) { parts_.source.remarks.push_back(std::move(sentence)); }

  std::int64_t rows() const { return rows_; }
  PointCloud::Parts finish();

private:
  void leave_out(std::vector<double>& absolute, const std::vector<char>& bad, std::int64_t dropped);
  std::string free_name(std::string name);

  const OpenOptions& options_;
  const Job& job_;
  PointCloud::Parts parts_;
  double finest_step_ = 0;
  std::int64_t rows_ = 0;  // before anything was left out
  std::set<std::string> names_;
};

// True for "type", "label", "Classification", "species", ...: names under which whole numbers mean classes.
bool names_a_label(std::string_view name);

}  // namespace erwin::io
