#pragma once
// Which sample comes next: every sample once per epoch, in an order that depends on the seed and the epoch alone.

#include <cstdint>
#include <vector>

namespace erwin {

class Sampler {
public:
  // count >= 1. drawn: where to go on, in samples since the beginning of the run.
  Sampler(std::int64_t count, std::uint64_t seed, std::int64_t drawn = 0);
  std::int64_t next();
  std::int64_t drawn() const { return drawn_; }
  // Of the sample drawn last; -1 before the first.
  std::int64_t epoch() const { return (drawn_ + count() - 1) / count() - 1; }

private:
  std::int64_t count() const { return static_cast<std::int64_t>(order_.size()); }
  std::uint64_t seed_;
  std::int64_t drawn_, order_epoch_ = -1;
  std::vector<std::int64_t> order_;
};

}  // namespace erwin
