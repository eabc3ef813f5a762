#include "core/bench/internal/stopwatch.h"

#include <ATen/ATen.h>
#include <ATen/DeviceAccelerator.h>
#include <c10/core/Event.h>

#include "core/model/internal/device_graph.h"

namespace erwin::bench {

namespace {

constexpr std::int64_t cache_bytes = std::int64_t{128} << 20;  // beyond any L2

}  // namespace

MemoryWatch::MemoryWatch(const at::Device& device) : device_(device) {
  reset();
}

void MemoryWatch::reset() {
  if (device_.is_cpu()) return;
  at::accelerator::synchronizeDevice(device_.index());
  at::accelerator::emptyCache();
  at::accelerator::resetPeakStats(device_.index());
  before_ = at::accelerator::getDeviceStats(device_.index()).allocated_bytes[0].current;
}

std::optional<std::int64_t> MemoryWatch::peak() const {
  if (device_.is_cpu()) return std::nullopt;
  return at::accelerator::getDeviceStats(device_.index()).allocated_bytes[0].peak - before_;
}

std::optional<std::int64_t> MemoryWatch::reserved() const {
  if (device_.is_cpu()) return std::nullopt;
  return at::accelerator::getDeviceStats(device_.index()).reserved_bytes[0].peak;
}

Stopwatch::Stopwatch(const at::Device& device, bool flush) : device_(device) {
  if (flush && !device.is_cpu()) cache_ = at::empty({cache_bytes}, at::TensorOptions().dtype(at::kByte).device(device));
}

double Stopwatch::run(const std::function<void()>& work) {
  if (cache_.defined()) cache_.fill_(1);
  const c10::Stream stream = at::accelerator::getCurrentStream(device_.index());
  c10::Event begin(device_.type(), c10::EventFlag::BACKEND_DEFAULT), end(device_.type(), begin.flag());
  begin.record(stream);
  work();
  end.record(stream);
  end.synchronize();
  return begin.elapsedTime(end);
}

Timing Stopwatch::launched(const Budget& budget, const std::function<void()>& work, const Job& job) {
  if (device_.is_cpu()) return measure_on_host(budget, work, job);
  return measure(
      budget, [&] { return run(work); }, job);
}

std::optional<Timing> Stopwatch::replayed(const Budget& budget, const std::function<void()>& work, const Job& job) {
  const auto graph = model::make_device_graph(device_);
  if (!graph) return std::nullopt;
  graph->record(work);
  return measure(
      budget, [&] { return run([&] { graph->replay(); }); }, job);
}

}  // namespace erwin::bench
