#pragma once
// A one-slot mailbox: the newest value wins, the writer never waits for the reader, the reader never waits for a value.

#include <functional>
#include <memory>
#include <mutex>
#include <utility>

namespace erwin {

template <typename T>
class Mailbox {
public:
  using Value = std::shared_ptr<const T>;

  // Replaces what lies there. Then calls the listener on this thread.
  void put(Value value) {
    std::function<void()> listener;
    {
      const std::lock_guard lock(mutex_);
      slot_ = std::move(value);
      listener = listener_;
    }
    if (listener) listener();
  }

  // The newest value since the last take, or null.
  Value take() {
    const std::lock_guard lock(mutex_);
    return std::exchange(slot_, nullptr);
  }

  // Called after every put, on the writer's thread: it should only wake the reader. An empty function ends it.
  void set_listener(std::function<void()> listener) {
    const std::lock_guard lock(mutex_);
    listener_ = std::move(listener);
  }

private:
  std::mutex mutex_;
  Value slot_;
  std::function<void()> listener_;
};

}  // namespace erwin
