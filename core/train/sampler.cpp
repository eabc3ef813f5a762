#include "core/train/sampler.h"

#include <numeric>
#include <utility>

namespace erwin {

Sampler::Sampler(std::int64_t count, std::uint64_t seed) : state_(seed), order_(static_cast<std::size_t>(count)) {
  std::iota(order_.begin(), order_.end(), 0);
  at_ = order_.size();
}

std::uint64_t Sampler::draw() {
  std::uint64_t z = state_ += 0x9e3779b97f4a7c15u;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

std::int64_t Sampler::below(std::int64_t bound) {
  const auto size = static_cast<std::uint64_t>(bound);
  // Draws beyond the last whole multiple would favour the small numbers.
  const std::uint64_t limit = ~std::uint64_t{0} - ~std::uint64_t{0} % size;
  std::uint64_t value = draw();
  while (value >= limit) value = draw();
  return static_cast<std::int64_t>(value % size);
}

std::int64_t Sampler::next() {
  if (at_ == order_.size()) {
    at_ = 0;
    ++epoch_;
    for (std::size_t i = order_.size(); i > 1; --i)
      std::swap(order_[i - 1], order_[static_cast<std::size_t>(below(static_cast<std::int64_t>(i)))]);
  }
  return order_[at_++];
}

}  // namespace erwin
