#pragma once
// metrics.jsonl: one JSON object a line, only ever appended to.
//
//   {"step": 12, "loss": 0.7, "lr": 1e-3, "gradient_norm": 2.1, "seconds": 0.4, "rate": 2.4, "memory": 812646400}
//   {"step": 12, "validation": {"mse_standardised": ..., "mse": ..., "mae": ..., "relative_l2": ..., "samples": 4,
//                               "split": "validation", "seconds": 0.2}, "best": true}
//   of a Gaussian head the validation also has "nll_standardised" and "nll", by which "best" is then chosen
//   {"step": 12, "probe": {"seconds": 0.1, "share": 0.03}}
//   {"resumed_from": 10, "time": "2026-01-31T12:00:00Z"}
//
// Rules for readers: the last entry of a step counts, per kind of line; after "resumed_from": k nothing said before
// about steps beyond k counts; a line that is no JSON object (torn by a crash), the last one included, is ignored;
// unknown keys and kinds are ignored.

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/model/predict.h"

namespace erwin {

struct TrainEntry {
  std::int64_t step = 0;  // from 1
  double loss = 0;        // of the standardised target, before the update: mean squared error or, of a Gaussian head,
                          // negative log-likelihood
  double learning_rate = 0;
  double gradient_norm = 0;  // before clipping
  double seconds = 0;        // of this step
  double rate = 0;           // steps per second lately
  std::uint64_t memory = 0;  // bytes at the peak: device memory on a GPU, the process's on a CPU
};

struct ValidationEntry {
  std::int64_t step = 0;
  double mse_standardised = 0;  // means over the samples of what core/model/predict.h computes for one
  double mse = 0, mae = 0, relative_l2 = 0;
  std::optional<Likelihood> nll;
  std::int64_t samples = 0;
  std::string split;
  double seconds = 0;
  bool best = false;  // the lowest score() so far; checkpoints/best.h5 was written
  double score() const { return nll ? nll->standardised : mse_standardised; }
};

struct ProbeEntry {
  std::int64_t step = 0;
  double seconds = 0;  // of this probe, writing included
  double share = 0;    // of the run's time that probes took since they were asked for
};

// What has been read of a metrics.jsonl so far. Entries are ordered by step, each step once.
class MetricsHistory {
public:
  // The bytes that follow those given before; an unfinished last line waits for the rest.
  void append(std::string_view bytes);
  void clear();

  const std::vector<TrainEntry>& training() const { return training_; }
  const std::vector<ValidationEntry>& validation() const { return validation_; }
  const std::vector<ProbeEntry>& probes() const { return probes_; }
  std::int64_t resumes() const { return resumes_; }
  // Of the entry marked best; null where there is none.
  const ValidationEntry* best() const;

private:
  void take_line(std::string_view line);
  std::string unfinished_;
  std::vector<TrainEntry> training_;
  std::vector<ValidationEntry> validation_;
  std::vector<ProbeEntry> probes_;
  std::int64_t resumes_ = 0;
};

// The whole file; one that does not exist is empty. Raises Error{Io}.
MetricsHistory read_metrics(const std::filesystem::path& jsonl);

// Appends, flushing every line. Raises Error{Io}, naming the disk's free space as the likely cause.
class MetricsWriter {
public:
  // Continues a file that is there: ends a torn line first. The table is written anew from what counts.
  MetricsWriter(std::filesystem::path jsonl, std::filesystem::path table);
  void resumed_from(std::int64_t step);
  void append(const TrainEntry& entry);
  void append(const ValidationEntry& entry);
  void append(const ProbeEntry& entry);

private:
  void write_table(const MetricsHistory& history);
  void put(std::ofstream& file, const std::filesystem::path& path, const std::string& line);
  std::filesystem::path jsonl_path_, table_path_;
  std::ofstream jsonl_, table_;
};

}  // namespace erwin
