#pragma once
// The random numbers of training: the same on every machine, no distribution of the standard library is involved.

#include <cstdint>
#include <utility>
#include <vector>

namespace erwin::train {

// splitmix64 (Steele, Lea, Flood 2014).
class Random {
public:
  // Streams of one seed are independent of each other.
  explicit Random(std::uint64_t seed, std::uint64_t stream = 0) : state_(seed) {
    if (stream > 0) state_ = draw() ^ (stream * 0xd1342543de82ef95u);
  }
  std::uint64_t draw() {
    std::uint64_t z = state_ += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
  }
  // Uniform in [0, bound), bound >= 1.
  std::int64_t below(std::int64_t bound) {
    const auto size = static_cast<std::uint64_t>(bound);
    // Draws beyond the last whole multiple would favour the small numbers.
    const std::uint64_t limit = ~std::uint64_t{0} - ~std::uint64_t{0} % size;
    std::uint64_t value = draw();
    while (value >= limit) value = draw();
    return static_cast<std::int64_t>(value % size);
  }
  // Uniform in [0, 1).
  double unit() { return static_cast<double>(draw() >> 11) * 0x1p-53; }

private:
  std::uint64_t state_;
};

template <typename T>
void shuffle(std::vector<T>& values, Random& random) {
  for (std::size_t i = values.size(); i > 1; --i)
    std::swap(values[i - 1], values[static_cast<std::size_t>(random.below(static_cast<std::int64_t>(i)))]);
}

}  // namespace erwin::train
