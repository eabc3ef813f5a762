#pragma once
// A ragged case that the CPU and the GPU tests share: empty, single and long segments, rows out of order.

#include <cstdint>
#include <limits>
#include <random>
#include <vector>

#include "kernels/segment_mean/segment_mean.h"

namespace erwin::test {

template <typename Real>
struct Segments {
  std::vector<Real> rows;
  std::vector<std::int64_t> begin{0}, order;
  std::int64_t channels;

  explicit Segments(std::int64_t channel_count, std::int64_t segments = 500) : channels(channel_count) {
    std::mt19937 random(11);
    for (std::int64_t s = 0; s < segments; ++s)
      begin.push_back(begin.back() + (s % 7 == 3 ? 0 : static_cast<std::int64_t>(random() % 20)));
    const std::int64_t count = begin.back();
    for (std::int64_t i = 0; i < count; ++i)
      order.push_back(static_cast<std::int64_t>(random() % static_cast<unsigned>(count)));
    std::uniform_real_distribution<Real> value(-1, 1);
    rows.resize(static_cast<std::size_t>(count * channels));
    for (Real& x : rows) x = value(random);
  }
  std::int64_t size() const { return static_cast<std::int64_t>(begin.size()) - 1; }
  std::size_t out_size() const { return static_cast<std::size_t>(size() * channels); }
};

}  // namespace erwin::test
