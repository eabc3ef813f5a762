#pragma once
// Training steps against the number of points: the rows of `bench step` that belong to the curve, as a table and as a
// picture.

#include <string>
#include <vector>

#include "core/bench/bench.h"

namespace erwin::bench {

// Network, points, precision, milliseconds as launched and as a graph, peak bytes, note.
std::string curve_csv(const std::vector<Row>& rows);

// One network's steps, sizes ascending.
struct CurvePoint {
  double points = 0, milliseconds = 0, bytes = 0;
  bool measured = true;  // else continued from the last two that were
};
struct Curve {
  std::string network;
  std::vector<CurvePoint> at;
};
// Sizes that another network reached and this one did not are continued along the slope of its last two, in logarithms.
std::vector<Curve> curves_of(const std::vector<Row>& rows);
// Where `one` becomes the cheaper of two, interpolated between measured sizes in logarithms; 0: nowhere.
double crossing(const Curve& one, const Curve& other, double CurvePoint::*cost);
// Time and memory over the number of points, both axes logarithmic, what was continued dashed, crossings marked.
// environment: the line below it.
std::string curve_svg(const std::vector<Row>& rows, const std::string& environment);

}  // namespace erwin::bench
