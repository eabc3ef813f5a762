#include "core/train/internal/limited_memory.h"

#include <c10/core/Allocator.h>
#include <c10/util/Exception.h>

#include <atomic>
#include <utility>

#include "core/base/memory.h"

namespace erwin::train {

namespace {

// As high as the program's other allocators, so that each can replace the other.
constexpr std::uint8_t priority = 100;

struct Held {
  c10::DataPtr memory;
  std::size_t bytes;
};

class LimitedAllocator final : public c10::Allocator {
public:
  c10::DataPtr allocate(std::size_t bytes) override {
    const std::uint64_t after = used_.fetch_add(bytes) + bytes;
    if (after > limit_.load()) {
      used_.fetch_sub(bytes);
      TORCH_CHECK(false, "not enough memory: ", format_bytes(bytes), " more than the limit of ",
                  format_bytes(limit_.load()), " allows");
    }
    auto* const held = new Held{base_->allocate(bytes), bytes};
    return {held->memory.get(), held, &release, c10::Device(c10::kCPU)};
  }
  void copy_data(void* to, const void* from, std::size_t bytes) const override { default_copy_data(to, from, bytes); }

  void start(c10::Allocator* base, std::uint64_t limit) {
    base_ = base;
    limit_ = limit;
  }
  c10::Allocator* base() const { return base_; }

private:
  static void release(void* context);
  c10::Allocator* base_ = nullptr;
  std::atomic<std::uint64_t> limit_{0}, used_{0};
};

// Lives as long as the program: tensors made under the limit may outlive it.
LimitedAllocator& limited() {
  static auto* const allocator = new LimitedAllocator;
  return *allocator;
}

void LimitedAllocator::release(void* context) {
  auto* const held = static_cast<Held*>(context);
  limited().used_.fetch_sub(held->bytes);
  delete held;
}

}  // namespace

LimitedMemory::LimitedMemory(std::uint64_t bytes) {
  c10::Allocator* const base = c10::GetAllocator(c10::kCPU);
  limited().start(base == &limited() ? limited().base() : base, bytes);
  c10::SetAllocator(c10::kCPU, &limited(), priority);
}

LimitedMemory::~LimitedMemory() {
  c10::SetAllocator(c10::kCPU, limited().base(), priority);
}

}  // namespace erwin::train
