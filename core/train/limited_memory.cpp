#include "core/train/internal/limited_memory.h"

#include <c10/core/Allocator.h>
#include <c10/core/impl/alloc_cpu.h>
#include <c10/util/Exception.h>

#include <atomic>
#include <cstring>

#include "core/base/memory.h"

namespace erwin::train {

namespace {

// As high as the program's other allocators, so that each can replace the other.
constexpr std::uint8_t priority = 100;
// In front of every block, for its size; keeps the alignment that Torch wants.
constexpr std::size_t header_bytes = 64;

std::atomic<std::uint64_t> limit{0}, used{0};

void release(void* data) {
  if (!data) return;
  auto* const block = static_cast<std::byte*>(data) - header_bytes;
  std::size_t bytes = 0;
  std::memcpy(&bytes, block, sizeof bytes);
  used.fetch_sub(bytes);
  c10::free_cpu(block);
}

class LimitedAllocator final : public c10::Allocator {
public:
  c10::DataPtr allocate(std::size_t bytes) override {
    if (bytes == 0) return {nullptr, nullptr, &release, c10::Device(c10::kCPU)};
    const std::uint64_t after = used.fetch_add(bytes) + bytes;
    if (after > limit) {
      used.fetch_sub(bytes);
      TORCH_CHECK(false, "not enough memory: ", format_bytes(bytes), " more than the limit of ", format_bytes(limit),
                  " allows");
    }
    auto* const block = static_cast<std::byte*>(c10::alloc_cpu(bytes + header_bytes));
    std::memcpy(block, &bytes, sizeof bytes);
    return {block + header_bytes, block + header_bytes, &release, c10::Device(c10::kCPU)};
  }
  c10::DeleterFnPtr raw_deleter() const override { return &release; }
  void copy_data(void* to, const void* from, std::size_t bytes) const override { default_copy_data(to, from, bytes); }
};

LimitedAllocator allocator;
c10::Allocator* before = nullptr;

}  // namespace

LimitedMemory::LimitedMemory(std::uint64_t bytes) {
  before = c10::GetAllocator(c10::kCPU);
  limit = bytes;
  c10::SetAllocator(c10::kCPU, &allocator, priority);
}

LimitedMemory::~LimitedMemory() {
  c10::SetAllocator(c10::kCPU, before, priority);
}

}  // namespace erwin::train
