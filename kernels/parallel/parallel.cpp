#include "kernels/parallel/parallel.h"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <exception>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

namespace erwin {

namespace {

thread_local bool inside_pool = false;

// One parallel loop: workers and the caller take chunks from a shared counter.
struct Loop {
  std::int64_t begin, end, chunk;
  const std::function<void(std::int64_t, std::int64_t)>* body;
  std::atomic<std::int64_t> next;
  std::mutex mutex;
  std::exception_ptr failure;

  void work() {
    for (;;) {
      const std::int64_t first = next.fetch_add(chunk);
      if (first >= end) return;
      try {
        (*body)(first, std::min(end, first + chunk));
      } catch (...) {
        const std::lock_guard lock(mutex);
        if (!failure) failure = std::current_exception();
        next = end;
      }
    }
  }
};

class Pool {
public:
  explicit Pool(int threads) : size_(std::max(1, threads)) {
    for (int i = 1; i < size_; ++i) workers_.emplace_back([this](const std::stop_token& stop) { serve(stop); });
  }
  ~Pool() {
    for (auto& worker : workers_) worker.request_stop();
    const std::lock_guard lock(mutex_);
    wake_.notify_all();
  }
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;

  int size() const { return size_; }

  void run(Loop& loop) {
    const std::lock_guard one_at_a_time(entry_);
    {
      const std::lock_guard lock(mutex_);
      loop_ = &loop;
      ++generation_;
      busy_ = static_cast<int>(workers_.size());
    }
    wake_.notify_all();
    inside_pool = true;
    loop.work();
    inside_pool = false;
    std::unique_lock lock(mutex_);
    done_.wait(lock, [this] { return busy_ == 0; });
    loop_ = nullptr;
  }

private:
  void serve(const std::stop_token& stop) {
    inside_pool = true;
    std::uint64_t seen = 0;
    std::unique_lock lock(mutex_);
    while (wake_.wait(lock, stop, [&] { return generation_ != seen; })) {
      seen = generation_;
      Loop* const loop = loop_;
      lock.unlock();
      loop->work();
      lock.lock();
      if (--busy_ == 0) done_.notify_all();
    }
  }

  const int size_;
  std::mutex entry_, mutex_;
  std::condition_variable_any wake_, done_;
  Loop* loop_ = nullptr;
  std::uint64_t generation_ = 0;
  int busy_ = 0;
  std::vector<std::jthread> workers_;
};

std::mutex pool_mutex;
std::unique_ptr<Pool>& pool() {
  static std::unique_ptr<Pool> instance;
  return instance;
}

Pool& the_pool() {
  const std::lock_guard lock(pool_mutex);
  auto& instance = pool();
  if (!instance) instance = std::make_unique<Pool>(static_cast<int>(std::thread::hardware_concurrency()));
  return *instance;
}

}  // namespace

void set_parallel_threads(int threads) {
  const std::lock_guard lock(pool_mutex);
  pool() = std::make_unique<Pool>(threads);
}

int parallel_threads() {
  return the_pool().size();
}

void parallel_for(std::int64_t begin, std::int64_t end, std::int64_t grain,
                  const std::function<void(std::int64_t, std::int64_t)>& body) {
  if (begin >= end) return;
  const std::int64_t count = end - begin;
  grain = std::max<std::int64_t>(1, grain);
  if (inside_pool || count <= grain) {
    body(begin, end);
    return;
  }
  Pool& workers = the_pool();
  if (workers.size() == 1) {
    body(begin, end);
    return;
  }
  Loop loop{begin, end, std::max(grain, count / (4 * workers.size())), &body, begin, {}, nullptr};
  workers.run(loop);
  if (loop.failure) std::rethrow_exception(loop.failure);
}

}  // namespace erwin
