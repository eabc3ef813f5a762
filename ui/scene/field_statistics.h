#pragma once
// What legends and panels say about a field's numbers. No VTK, no Qt: any thread.

#include <cstdint>
#include <optional>
#include <vector>

#include "core/data/field.h"

namespace erwin::ui {

struct Histogram {
  FieldRange range;
  bool logarithmic = false;          // bins of equal ratio instead of equal width
  std::vector<std::int64_t> counts;  // [bins], from low to high; the last bin holds its upper end too
  std::int64_t below = 0, above = 0, nonfinite = 0;
  bool operator==(const Histogram&) const = default;
};

// Counts the values of a component (-1: of the norm) in one frame. bins >= 1; range.minimum <= range.maximum, above 0
// where logarithmic (values of 0 and less are then below). A range of no width has all its values in the first bin.
Histogram histogram_of(const Field& field, int component, std::int64_t frame, FieldRange range, bool logarithmic,
                       int bins);

// The range that leaves out `percent` of the finite values at each end, over all frames, by nearest rank: of m sorted
// values those numbered floor(q (m - 1)) and ceil((1 - q) (m - 1)), q = percent / 100, in [0, 50). Of more than
// 4,194,304 values every k-th counts. Nothing where no value is finite.
std::optional<FieldRange> percentile_range(const Field& field, int component, double percent);

// The smallest finite value above 0, over all frames; nothing where there is none.
std::optional<double> smallest_positive(const Field& field, int component);

}  // namespace erwin::ui
