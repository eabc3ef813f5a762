#pragma once
// Which sample comes next: every sample once per epoch, in an order that depends on the seed alone.

#include <cstdint>
#include <vector>

namespace erwin {

class Sampler {
public:
  // count >= 1. The same on every machine: no distribution of the standard library is involved.
  Sampler(std::int64_t count, std::uint64_t seed);
  std::int64_t next();
  std::int64_t epoch() const { return epoch_; }

private:
  std::uint64_t draw();                    // splitmix64
  std::int64_t below(std::int64_t bound);  // uniform in [0, bound)
  std::uint64_t state_;
  std::int64_t epoch_ = -1;
  std::size_t at_ = 0;
  std::vector<std::int64_t> order_;
};

}  // namespace erwin
