#pragma once
// A dense row-major array with a shape: how numbers leave Torch and reach code that must not know Torch.

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <numeric>
#include <span>
#include <utility>
#include <vector>

namespace erwin {

template <typename T>
class Array {
public:
  Array() = default;
  explicit Array(std::vector<std::int64_t> shape)
      : shape_(std::move(shape)), values_(static_cast<std::size_t>(count(shape_))) {}
  // values.size() must equal the product of the shape.
  Array(std::vector<std::int64_t> shape, std::vector<T> values)
      : shape_(std::move(shape)), values_(std::move(values)) {}

  const std::vector<std::int64_t>& shape() const { return shape_; }
  std::int64_t size(std::size_t axis) const { return shape_[axis]; }
  bool empty() const { return values_.empty(); }
  std::size_t element_count() const { return values_.size(); }
  T* data() { return values_.data(); }
  const T* data() const { return values_.data(); }
  std::span<const T> values() const { return values_; }

  // The contiguous rest of the array behind the leading indices: row({i, h}) of [N, H, D] has D values.
  std::span<const T> row(std::initializer_list<std::int64_t> leading) const {
    std::size_t offset = 0, axis = 0;
    for (const std::int64_t index : leading)
      offset = offset * static_cast<std::size_t>(shape_[axis++]) + static_cast<std::size_t>(index);
    std::size_t rest = 1;
    for (std::size_t a = axis; a < shape_.size(); ++a) rest *= static_cast<std::size_t>(shape_[a]);
    return std::span<const T>(values_).subspan(offset * rest, rest);
  }

private:
  static std::int64_t count(const std::vector<std::int64_t>& shape) {
    return std::accumulate(shape.begin(), shape.end(), std::int64_t{1}, [](auto a, auto b) { return a * b; });
  }
  std::vector<std::int64_t> shape_;
  std::vector<T> values_;
};

}  // namespace erwin
