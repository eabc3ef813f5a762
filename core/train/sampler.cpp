#include "core/train/sampler.h"

#include <numeric>

#include "core/train/internal/random.h"

namespace erwin {

Sampler::Sampler(std::int64_t count, std::uint64_t seed, std::int64_t drawn)
    : seed_(seed), drawn_(drawn), order_(static_cast<std::size_t>(count)) {}

std::int64_t Sampler::next() {
  const std::int64_t epoch = drawn_ / count();
  if (epoch != order_epoch_) {
    std::iota(order_.begin(), order_.end(), 0);
    train::Random random(seed_, static_cast<std::uint64_t>(epoch) + 1);
    train::shuffle(order_, random);
    order_epoch_ = epoch;
  }
  return order_[static_cast<std::size_t>(drawn_++ % count())];
}

}  // namespace erwin
