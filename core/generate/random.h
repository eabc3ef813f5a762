#pragma once
// Random numbers that are the same on every machine (normal ones up to rounding): no distribution of the standard
// library is involved.

#include <cmath>
#include <cstdint>
#include <numbers>
#include <utility>

namespace erwin::generate {

// SplitMix64 (Steele, Lea, Flood 2014). Streams of one seed are independent: sample i takes stream i, so that it does
// not matter which thread makes it, nor how many samples there are.
class Random {
public:
  explicit Random(std::uint64_t seed, std::uint64_t stream = 0) : state_(seed) {
    state_ = bits() ^ (stream * 0xd1342543de82ef95ULL);
  }

  std::uint64_t bits() {
    std::uint64_t z = (state_ += 0x9e3779b97f4a7c15ULL);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    return z ^ (z >> 31);
  }
  // In [0, 1).
  double uniform() { return static_cast<double>(bits() >> 11) * 0x1p-53; }
  double uniform(double low, double high) { return low + (high - low) * uniform(); }
  // Standard normal (Box and Muller).
  double normal() {
    const double radius = std::sqrt(-2 * std::log(1 - uniform()));
    return radius * std::cos(2 * std::numbers::pi * uniform());
  }
  // Two independent ones for little more than the price of one.
  std::pair<double, double> normal_pair() {
    const double radius = std::sqrt(-2 * std::log(1 - uniform())), angle = 2 * std::numbers::pi * uniform();
    return {radius * std::cos(angle), radius * std::sin(angle)};
  }
  // Uniform in [0, bound), bound >= 1.
  std::int64_t below(std::int64_t bound) { return static_cast<std::int64_t>(uniform() * static_cast<double>(bound)); }

private:
  std::uint64_t state_;
};

}  // namespace erwin::generate
