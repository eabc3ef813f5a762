#pragma once
// What a slow function gets from its caller: a way to be stopped and a place to report progress.

#include <functional>
#include <stop_token>
#include <string_view>

namespace erwin {

class Job {
public:
  using Report = std::function<void(double fraction, std::string_view what)>;

  // A job that nobody stops and nobody watches.
  Job() = default;
  explicit Job(std::stop_token stop, Report report = {});

  // Throws Error{Cancelled} once a stop was asked for. Call it at least every 50 ms of work.
  void check() const;
  bool stop_requested() const { return stop_.stop_requested(); }
  const std::stop_token& stop_token() const { return stop_; }

  // fraction in [0, 1], or negative where the total is unknown. May be called from the working thread only.
  void progress(double fraction, std::string_view what) const;

private:
  std::stop_token stop_;
  Report report_;
};

}  // namespace erwin
