#pragma once
// The writing end of a stream of snapshots: used by one working thread, read through a Mailbox.

#include <chrono>
#include <exception>
#include <functional>
#include <memory>
#include <new>
#include <stop_token>
#include <string>
#include <string_view>

#include "core/base/error.h"
#include "core/engine/mailbox.h"
#include "core/engine/snapshot.h"

namespace erwin {

template <typename Snapshot>
class Publisher {
public:
  Mailbox<Snapshot>& mailbox() { return mailbox_; }
  const Snapshot& current() const { return current_; }

  template <typename Change>
  void update(Change change) {
    change(current_);
    mailbox_.put(std::make_shared<Snapshot>(current_));
  }

  // The job runner: announces the work, runs it, and turns whatever it throws into a Failure of the stream.
  void run(std::string_view what, std::stop_token stop, const std::function<void(const Job&)>& work) {
    update([&](Snapshot& s) { s.progress = {true, -1, std::string(what)}; });
    try {
      work(Job(stop, [this](double fraction, std::string_view step) { report(fraction, step); }));
      update([](Snapshot& s) { s.progress = {}; });
    } catch (const Error& error) {
      fail(error);
    } catch (const std::bad_alloc&) {
      fail(
          Error(ErrorKind::Memory, "out of memory", std::string(what), "Close other programs or use a smaller sample"));
    } catch (const std::exception& error) {
      fail(Error(ErrorKind::Internal, "an error that the program did not expect", error.what(),
                 "Please report it with what you did before"));
    }
  }

private:
  // Five times a second a bar is alive; without a card a window takes tens of milliseconds for each.
  void report(double fraction, std::string_view what) {
    const auto now = std::chrono::steady_clock::now();
    if (now - reported_ < std::chrono::milliseconds(200)) return;
    reported_ = now;
    update([&](Snapshot& s) { s.progress = {true, fraction, std::string(what)}; });
  }

  void fail(const Error& error) {
    update([&](Snapshot& s) {
      s.progress = {};
      s.failure =
          Failure{s.failure ? s.failure->serial + 1 : 1, error.kind(), error.message(), error.detail(), error.hint()};
    });
  }

  Mailbox<Snapshot> mailbox_;
  Snapshot current_;
  std::chrono::steady_clock::time_point reported_{};
};

}  // namespace erwin
