#pragma once
// One thread with a queue of tasks: what the engine thread and the I/O thread have in common. No Torch, no HDF5.

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "core/base/background.h"
#include "core/base/job.h"

namespace erwin {

class Worker {
public:
  // What a task gets: its own stop token, so that cancelling one task leaves later ones alone.
  using Task = std::function<void(std::stop_token)>;

  Worker() : thread_([this] { run(); }) {}
  // Cancels what runs, drops what waits, and joins.
  ~Worker() {
    {
      const std::lock_guard lock(mutex_);
      closing_ = true;
      drop_all();
    }
    wake_.notify_all();
    thread_.join();
  }
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  // `key`: a waiting task with the same non-empty key is replaced, and a running one is cancelled: only the newest
  // question of a kind is worth an answer. finish_running: only what waits is replaced.
  void post(Task task, const std::string& key = {}, bool finish_running = false) {
    {
      const std::lock_guard lock(mutex_);
      if (!key.empty()) drop(key, finish_running);
      waiting_.push_back({std::move(task), key});
    }
    wake_.notify_all();
  }

  // As post, but ahead of the waiting tasks with these keys; one of them that runs stops, and starts again afterwards.
  void post_ahead(Task task, const std::string& key, const std::vector<std::string>& of) {
    {
      const std::lock_guard lock(mutex_);
      if (!key.empty()) drop(key);
      const auto makes_way = [&](const std::string& other) {
        return std::find(of.begin(), of.end(), other) != of.end();
      };
      if (running_task_ && makes_way(running_key_) && !running_stop_.stop_requested()) {
        running_stop_.request_stop();
        waiting_.push_front({*running_task_, running_key_});
      }
      const auto place =
          std::find_if(waiting_.begin(), waiting_.end(), [&](const Entry& entry) { return makes_way(entry.key); });
      waiting_.insert(place, {std::move(task), key});
    }
    wake_.notify_all();
  }

  // Asks the running task to stop and forgets those that wait.
  void cancel() {
    const std::lock_guard lock(mutex_);
    drop_all();
  }

  // The same for the tasks with this key.
  void cancel(const std::string& key) {
    const std::lock_guard lock(mutex_);
    drop(key);
  }

  // True where nothing runs and nothing waits.
  bool idle() const {
    const std::lock_guard lock(mutex_);
    return !running_ && waiting_.empty();
  }

private:
  struct Entry {
    Task task;
    std::string key;
  };

  void drop(const std::string& key, bool finish_running = false) {
    std::erase_if(waiting_, [&](const Entry& entry) { return entry.key == key; });
    if (running_ && running_key_ == key && !finish_running) running_stop_.request_stop();
  }

  void drop_all() {
    waiting_.clear();
    if (running_) running_stop_.request_stop();
  }

  void run() {
    yield_to_window();
    std::unique_lock lock(mutex_);
    while (true) {
      wake_.wait(lock, [this] { return closing_ || !waiting_.empty(); });
      if (closing_) return;
      Entry entry = std::move(waiting_.front());
      waiting_.pop_front();
      running_ = true;
      running_key_ = entry.key;
      running_task_ = &entry.task;
      running_stop_ = std::stop_source();
      const std::stop_token stop = running_stop_.get_token();
      lock.unlock();
      entry.task(stop);
      lock.lock();
      running_task_ = nullptr;
      lock.unlock();
      entry.task = nullptr;  // what it captured goes before the thread counts as idle
      lock.lock();
      running_ = false;
    }
  }

  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Entry> waiting_;
  std::stop_source running_stop_;
  std::string running_key_;
  const Task* running_task_ = nullptr;  // null once it has returned
  bool running_ = false, closing_ = false;
  std::thread thread_;  // last: it uses all of the above
};

}  // namespace erwin
