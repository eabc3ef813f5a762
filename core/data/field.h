#pragma once
// A named quantity on the points of a cloud: pressure, velocity, a bead's type, a prediction, an attention weight.

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace erwin {

enum class FieldKind { Scalar, Vector, Label };

struct FieldRange {
  double minimum = 0, maximum = 0;
};

// Immutable. `frames` blocks of `points` rows of `components` numbers, row-major: values [T, n, c]; most have T = 1.
class Field {
public:
  // values.size() == frames * points * components; a Label has one component and holds whole numbers. Numbers that
  // float32 cannot hold near their size (times of 10^9 s, ids above 2^24) are stored relative to `offset`.
  // Raises Error{Internal} where the sizes disagree.
  Field(std::string name, FieldKind kind, int components, std::vector<float> values, std::string unit = {},
        double offset = 0, std::int64_t frames = 1);

  // The same from float64, choosing an offset where float32 alone would lose detail.
  static Field from_doubles(std::string name, FieldKind kind, int components, std::span<const double> values,
                            std::string unit = {}, std::int64_t frames = 1);

  const std::string& name() const { return name_; }
  FieldKind kind() const { return kind_; }
  int components() const { return components_; }
  const std::string& unit() const { return unit_; }
  double offset() const { return offset_; }
  std::int64_t frames() const { return frames_; }
  std::int64_t points() const { return points_; }

  // All values, without the offset.
  std::span<const float> values() const { return values_; }
  // The values [n, c] of one frame; a field with one frame answers every frame with it.
  std::span<const float> frame(std::int64_t index) const;
  // One number, offset included.
  double value(std::int64_t point, int component = 0, std::int64_t frame = 0) const;

  // How many values are NaN or infinite.
  std::int64_t nonfinite_count() const { return nonfinite_; }
  // Range over the finite values of a component, offset included; component -1: of the Euclidean norm. Nothing where no
  // value is finite.
  std::optional<FieldRange> range(int component = 0) const;

private:
  std::string name_, unit_;
  FieldKind kind_;
  int components_;
  std::int64_t frames_, points_, nonfinite_ = 0;
  double offset_;
  std::vector<float> values_;
  std::vector<std::optional<FieldRange>> ranges_;  // per component, then of the norm
};

// "scalar", "vector", "label".
const char* name_of(FieldKind kind);

}  // namespace erwin
