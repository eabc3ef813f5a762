#pragma once
// Times and memory of work on a device. Internal: names Torch.

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <optional>

#include "core/base/job.h"
#include "core/bench/timing.h"

namespace erwin::bench {

// Bytes of the device's allocator since reset(); nothing is known of a CPU's.
class MemoryWatch {
public:
  explicit MemoryWatch(const at::Device& device);
  void reset();
  std::optional<std::int64_t> peak() const;      // allocated, above what was at reset()
  std::optional<std::int64_t> reserved() const;  // held by the allocator at the most

private:
  at::Device device_;
  std::int64_t before_ = 0;
};

class Stopwatch {
public:
  // flush: the device's L2 cache is overwritten before every run, for work whose tensors would stay in it.
  Stopwatch(const at::Device& device, bool flush);

  // On a GPU between two events on the stream, on a CPU by the clock; nothing waits for the device in between.
  Timing launched(const Budget& budget, const std::function<void()>& work, const Job& job);
  // The same work recorded as a graph. Nothing where the device has no graphs. Raises where it cannot be recorded.
  std::optional<Timing> replayed(const Budget& budget, const std::function<void()>& work, const Job& job);

private:
  double run(const std::function<void()>& work);

  at::Device device_;
  at::Tensor cache_;
};

}  // namespace erwin::bench
