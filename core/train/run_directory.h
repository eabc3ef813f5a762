#pragma once
// A run's directory, its only interface: where what lies, whether the run lives, and the requests that steer it.
//
//   config.toml        complete, read again when the run is resumed
//   provenance.json    data hash, code version, seed, device, precision, command, where it was branched from
//   metrics.jsonl      a line per logged step (core/train/metrics.h); metrics.csv holds the same as a table
//   checkpoints/       step-0.h5, last.h5, best.h5, step-K.h5
//   log.txt            what happened, with times
//   state.json         what the run is doing (RunState)
//   lock               held by the process that runs it
//   control/           requests: pause, resume, step, save, stop, probe
//   probe/             NNNNNNNN.h5 by step (core/train/probe_file.h)
//
// Everything but the logs is written atomically, so a reader sees whole files at any moment, over a shared disk too.

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace erwin {

class RunLayout {
public:
  explicit RunLayout(std::filesystem::path root) : root_(std::move(root)) {}
  const std::filesystem::path& root() const { return root_; }
  std::filesystem::path config() const { return root_ / "config.toml"; }
  std::filesystem::path provenance() const { return root_ / "provenance.json"; }
  std::filesystem::path metrics() const { return root_ / "metrics.jsonl"; }
  std::filesystem::path metrics_table() const { return root_ / "metrics.csv"; }
  std::filesystem::path log() const { return root_ / "log.txt"; }
  std::filesystem::path state() const { return root_ / "state.json"; }
  std::filesystem::path lock() const { return root_ / "lock"; }
  std::filesystem::path control() const { return root_ / "control"; }
  std::filesystem::path probes() const { return root_ / "probe"; }
  std::filesystem::path checkpoints() const { return root_ / "checkpoints"; }
  std::filesystem::path last() const { return checkpoints() / "last.h5"; }
  std::filesystem::path best() const { return checkpoints() / "best.h5"; }
  std::filesystem::path checkpoint(std::int64_t step) const;
  std::filesystem::path probe(std::int64_t step) const;

private:
  std::filesystem::path root_;
};

// Interrupted: its process has ended without a word (killed, or the machine went down); it can be resumed.
enum class RunPhase { Running, Paused, Stopped, Finished, Failed, Interrupted };
const char* name_of(RunPhase phase);  // "running", "paused", ...

struct RunState {
  RunPhase phase = RunPhase::Interrupted;
  std::int64_t step = 0, steps = 0;  // done when this was written; the step at which the run ends
  std::int64_t pid = 0;
  std::string host, device;
  std::string error, hint;  // of a failed run
  std::uint64_t memory_predicted = 0, memory_free = 0;  // bytes on the device, before the first step; 0: not known

  bool alive() const { return phase == RunPhase::Running || phase == RunPhase::Paused; }
  bool can_pause() const { return phase == RunPhase::Running; }
  bool can_resume() const { return phase == RunPhase::Paused; }  // by a request; else by `train --resume`
  bool can_step() const { return phase == RunPhase::Paused; }
  bool can_stop() const { return alive(); }
  bool operator==(const RunState&) const = default;
};

void write_run_state(const RunLayout& run, const RunState& state);
// A state that says "running" although nobody holds the lock becomes Interrupted. Raises Error{Io}, Error{Format}.
RunState read_run_state(const RunLayout& run);

// Held while a process runs the directory; the system lets go when the process ends, however it ends.
class RunLock {
public:
  // Raises Error{Config} where another process holds it.
  explicit RunLock(const RunLayout& run);
  ~RunLock();
  RunLock(const RunLock&) = delete;
  RunLock& operator=(const RunLock&) = delete;
  static bool is_held(const RunLayout& run);

private:
  int file_ = -1;
};

// --- steering: small files in control/, taken within one step ---

enum class Request { Pause, Resume, Step, Save, Stop };
const char* name_of(Request request);  // the file's name

// From now on a sample is passed through the current weights again and again, in at most `budget` of the run's time.
struct ProbeRequest {
  std::string sample;       // name in the data set; empty: the first of the validation (else the training) split
  bool all_layers = false;  // keep q, k, v of every layer ...
  std::vector<int> layers;  // ... or of these, in order of evaluation
  double budget = 0.05;     // share of the time, 0 to 1; 0: no more probes
  bool operator==(const ProbeRequest&) const = default;
};

void send(const RunLayout& run, Request request);
void send(const RunLayout& run, const ProbeRequest& request);

// What the run finds in control/, in the order in which it was put there; the files are gone afterwards. A file of
// another name or content is removed and named in `refused`; a probe file still being written waits for the next time.
struct TakenRequests {
  std::vector<Request> requests;
  std::optional<ProbeRequest> probe;  // the newest
  std::vector<std::string> refused;
};
TakenRequests take_requests(const RunLayout& run);

// --- finding runs ---

// Whether it looks like one: config.toml and checkpoints/ are there.
bool is_run(const std::filesystem::path& path);
// Raises Error{Config} where it is none.
void require_run(const std::filesystem::path& path);
// Runs that lie directly in a folder, newest first. A folder that cannot be read holds none.
std::vector<std::filesystem::path> find_runs(const std::filesystem::path& folder);
// A name that is free: runs/<name>-<date>-<time>[-2].
std::filesystem::path fresh_run_path(const std::string& name, const std::filesystem::path& folder = "runs");

// Text for the log and the provenance: "2026-01-31T12:00:00Z".
std::string utc_now();

}  // namespace erwin
