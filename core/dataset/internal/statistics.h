#pragma once
// Running means and deviations of one quantity over many samples, in float64 (Welford's update: no large sums cancel).

#include <cstdint>
#include <string>
#include <vector>

#include "core/base/job.h"
#include "core/dataset/dataset.h"

namespace erwin {

class Moments {
public:
  explicit Moments(std::string name) : name_(std::move(name)) {}

  // Raises Error{Format} where the components of two samples differ. Numbers that are not finite are left out.
  void add_positions(const PointCloud& cloud, std::int64_t frame, const Job& job);
  void add_field(const Field& field, std::int64_t frame, const Job& job);

  // Population deviation (divided by n). A deviation of 0 becomes 1, with a line in the log. Raises Error{Format} where
  // a component has no finite value.
  Standard standard() const;

private:
  void expect_components(int components);
  void add(std::size_t component, double value);

  std::string name_;
  std::vector<double> count_, mean_, squares_;
};

}  // namespace erwin
