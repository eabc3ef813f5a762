#include "core/model/internal/device_offsets.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <list>
#include <mutex>

namespace erwin::model {

at::Tensor device_offsets(const std::vector<std::int64_t>& offsets, const at::Device& device) {
  struct Entry {
    at::Device device;
    std::vector<std::int64_t> offsets;
    at::Tensor tensor;
  };
  constexpr std::size_t kept = 64;
  static std::mutex mutex;
  static std::list<Entry> entries;  // the one asked for last in front
  const std::lock_guard lock(mutex);
  const auto found = std::find_if(entries.begin(), entries.end(), [&](const Entry& entry) {
    return entry.device == device && entry.offsets == offsets;
  });
  if (found != entries.end()) {
    entries.splice(entries.begin(), entries, found);
    return entries.front().tensor;
  }
  entries.push_front({device, offsets, at::tensor(offsets, at::TensorOptions().dtype(at::kLong)).to(device)});
  if (entries.size() > kept) entries.pop_back();
  return entries.front().tensor;
}

}  // namespace erwin::model
