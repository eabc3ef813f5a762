#include "core/train/internal/batch_loader.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <chrono>
#include <latch>

namespace erwin::train {

BatchLoader::BatchLoader(Sampler sampler, std::int64_t draws, Make make, int threads, std::int64_t ahead)
    : sampler_(std::move(sampler)), draws_(draws), ahead_(ahead), make_(std::move(make)) {
  // Torch's operations on these threads get no helpers: they would take the cores from the network's. The number is
  // kept per thread once it was asked for, and for threads to come in one place, which is put back.
  const int of_network = at::get_num_threads();
  std::latch started(threads);
  for (int i = 0; i < threads; ++i)
    threads_.emplace_back([this, &started](const std::stop_token& stop) {
      at::get_num_threads();
      at::set_num_threads(1);
      started.count_down();
      work(stop);
    });
  started.wait();
  at::set_num_threads(of_network);
}

BatchLoader::~BatchLoader() {
  for (std::jthread& thread : threads_) thread.request_stop();
}

void BatchLoader::work(const std::stop_token& stop) {
  const Job job(stop);
  std::unique_lock lock(mutex_);
  while (room_.wait(lock, stop, [this] { return issued_ < delivered_ + ahead_; })) {
    const std::int64_t number = issued_++;
    std::vector<Draw> draws;
    for (std::int64_t i = 0; i < draws_; ++i) {
      const std::int64_t drawn = sampler_.drawn();
      draws.push_back({sampler_.next(), drawn});
    }
    lock.unlock();
    Slot slot;
    try {
      slot.input = make_(draws, job);
    } catch (...) {
      slot.failure = std::current_exception();
    }
    lock.lock();
    slots_[number] = std::move(slot);
    ready_.notify_all();
  }
}

StepInputPtr BatchLoader::next(const Job& job) {
  std::unique_lock lock(mutex_);
  const std::int64_t wanted = delivered_;
  const auto there = [&] { return slots_.contains(wanted); };
  while (!ready_.wait_for(lock, std::chrono::milliseconds(50), there)) job.check();
  Slot slot = std::move(slots_[wanted]);
  slots_.erase(wanted);
  ++delivered_;
  room_.notify_all();
  if (slot.failure) std::rethrow_exception(slot.failure);
  return slot.input;
}

void move_to(BatchPart& part, const at::Device& device) {
  if (device.is_cpu()) return;
  for_each_tensor(part, [&](at::Tensor& tensor) {
    if (tensor.defined()) tensor = tensor.pin_memory().to(device, /*non_blocking=*/true);
  });
}

}  // namespace erwin::train
