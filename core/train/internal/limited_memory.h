#pragma once
// A forced limit on what tensors take of main memory.

#include <cstdint>

namespace erwin::train {

// While the object lives, tensors of the CPU made after it take at most `bytes` together; beyond that an allocation
// fails as it does on a machine that is full (Error{Memory} through translating_torch_errors). One at a time; make and
// end it while no other thread allocates tensors.
class LimitedMemory {
public:
  explicit LimitedMemory(std::uint64_t bytes);
  ~LimitedMemory();
  LimitedMemory(const LimitedMemory&) = delete;
  LimitedMemory& operator=(const LimitedMemory&) = delete;
};

}  // namespace erwin::train
