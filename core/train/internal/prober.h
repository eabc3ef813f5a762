#pragma once
// Keeps the probe sample's picture fresh while a run goes on, within its share of the time.

#include <chrono>
#include <cstdint>
#include <optional>

#include "core/train/internal/sample_store.h"
#include "core/train/metrics.h"
#include "core/train/probe_file.h"
#include "core/train/run_directory.h"
#include "core/train/trainer.h"

namespace erwin::train {

class Prober {
public:
  // default_sample: of requests that name none. unit: of the target.
  Prober(SampleStore& store, std::int64_t default_sample, std::string unit);

  // Raises Error{Config} where there is no such sample; the request before stays then.
  void ask(const ProbeRequest& request);
  // Whether a probe now would keep the time spent on probes within the budget; the first is due at once.
  bool due() const;
  // Passes the sample through the weights as they are and writes the file; removes old ones.
  ProbeEntry probe(const RunLayout& run, const Trainer& trainer, const Job& job);
  // Time that does not count as the run's: it was paused.
  void leave_out(std::chrono::duration<double> time);

private:
  double share(double seconds_more) const;
  SampleStore& store_;
  std::int64_t default_sample_, sample_ = -1;
  std::string unit_;
  std::optional<ProbeRequest> request_;
  std::chrono::steady_clock::time_point since_;
  double spent_ = 0, last_ = 0;  // seconds
};

}  // namespace erwin::train
