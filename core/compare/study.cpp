#include "core/compare/study.h"

#include <algorithm>
#include <chrono>
#include <fstream>
#include <list>
#include <memory>
#include <optional>
#include <thread>

#include "core/base/error.h"
#include "core/compare/internal/study_files.h"
#include "core/compare/internal/training_process.h"
#include "core/compare/report.h"
#include "core/train/run_directory.h"
#include "core/train/run_watch.h"

namespace erwin {

namespace {

using study::StudyLayout;
using study::StudyRun;
using study::TrainingProcess;
using Clock = std::chrono::steady_clock;
namespace fs = std::filesystem;

constexpr auto look_every = std::chrono::milliseconds(50);
// A run that was asked to stop finishes its step and saves; one that does not in this time is killed, and goes on from
// its checkpoint another time.
constexpr auto patience = std::chrono::seconds(120);

// By seed first: paired differences come early.
std::vector<StudyRun> runs_of(const StudyPlan& plan) {
  std::vector<StudyRun> runs;
  for (const std::uint64_t seed : plan.seeds)
    for (const StudyEntry& entry : plan.entries) runs.push_back({entry.name, seed});
  return runs;
}

std::string last_line(const fs::path& path) {
  std::ifstream in(path);
  std::string last;
  for (std::string line; std::getline(in, line);)
    if (!line.empty()) last = line;
  return last;
}

bool is_finished(const RunLayout& run) {
  return is_run(run.root()) && read_run_state(run).phase == RunPhase::Finished;
}

class StudyLoop {
public:
  StudyLoop(const StudyPlan& plan, const StudyOptions& options, const Job& job)
      : options_(options), job_(job), layout_(options.out), start_(Clock::now()) {
    result_.plan = plan;
    result_.parallel = options.parallel;
  }

  StudyResult run() {
    settle_directory(layout_, result_.plan);
    const RunLock lock{RunLayout(layout_.root())};
    for (const StudyRun& run : runs_of(result_.plan))
      if (!take_result(run)) waiting_.push_back(run);
    while (start_some() || !active_.empty()) {
      std::this_thread::sleep_for(look_every);
      if (must_stop()) ask_all_to_stop();
      look_at_active();
      report_progress();
    }
    std::sort(result_.outcomes.begin(), result_.outcomes.end(),
              [&](const RunOutcome& a, const RunOutcome& b) { return place(a) < place(b); });
    require_equal_data();
    write_reports(layout_.root(), result_);
    if (job_.stop_requested() && !result_.complete())
      throw Error(
          ErrorKind::Cancelled, "the comparison was stopped",
          std::to_string(result_.outcomes.size()) + " of " + std::to_string(result_.plan.runs()) + " runs are finished",
          "Saved; go on with: erwinscope compare --out " + layout_.root().string());
    return std::move(result_);
  }

private:
  struct Active {
    StudyRun run;
    RunWatch watch;
    std::unique_ptr<TrainingProcess> process;
  };

  std::pair<std::uint64_t, std::size_t> place(const RunOutcome& outcome) const {
    std::size_t index = 0;
    while (result_.plan.entries[index].name != outcome.name) ++index;
    return {outcome.seed, index};
  }

  // The result of a run that is finished, measured now where that has not been done. False: it is to be run.
  bool take_result(const StudyRun& run) {
    std::optional<RunOutcome> outcome = study::read_outcome(layout_.result(run));
    if (!outcome) {
      const RunLayout directory(layout_.run(run));
      if (!is_finished(directory)) return false;
      job_.progress(share(), "measuring " + run.text());
      outcome = study::measure_run(run, directory, Job(job_.stop_token()));
      study::write_outcome(layout_.result(run), *outcome);
    }
    result_.outcomes.push_back(std::move(*outcome));
    return true;
  }

  bool out_of_time() const {
    return options_.minutes > 0 &&
           std::chrono::duration<double>(Clock::now() - start_).count() >= 60 * options_.minutes;
  }
  bool must_stop() const { return job_.stop_requested() || out_of_time(); }

  // Fills the free places. True where something was started.
  bool start_some() {
    bool any = false;
    while (!must_stop() && !waiting_.empty() && std::ssize(active_) < std::max(1, options_.parallel)) {
      const StudyRun run = waiting_.front();
      waiting_.erase(waiting_.begin());
      active_.push_back(
          Active{run, RunWatch(layout_.run(run)),
                 std::make_unique<TrainingProcess>(options_.program, arguments_of(run), layout_.log(run))});
      any = true;
    }
    return any;
  }

  std::vector<std::string> arguments_of(const StudyRun& run) const {
    const fs::path directory = layout_.run(run);
    if (is_run(directory)) return {"train", "--resume", directory.string()};
    std::vector<std::string> words{
        "train", layout_.config(run.name).string(), "--seed", std::to_string(run.seed), "--out", directory.string()};
    // Runs at once share the processor.
    if (options_.parallel > 1) words.insert(words.end(), {"--set", "train.threads=" + std::to_string(threads_each())});
    return words;
  }

  int threads_each() const {
    return std::max(1, static_cast<int>(std::thread::hardware_concurrency()) / options_.parallel);
  }

  void ask_all_to_stop() {
    const bool first = !asked_;
    if (first) asked_ = Clock::now();
    for (const Active& active : active_) {
      if (first) active.process->ask_to_stop();
      if (Clock::now() - *asked_ > patience) active.process->kill();
    }
  }

  void look_at_active() {
    for (auto active = active_.begin(); active != active_.end();) {
      const std::optional<int> code = active->process->ended();
      if (!code) {
        active->watch.update();
        ++active;
        continue;
      }
      const StudyRun run = active->run;
      active = active_.erase(active);
      // One that was asked to stop has said so as an error, which it is not.
      if (*code != 0 && !asked_)
        result_.failures.emplace_back(run.text(), reason_of(run, *code));
      else if (!must_stop() || is_finished(RunLayout(layout_.run(run))))
        finish(run);
    }
  }

  void finish(const StudyRun& run) {
    try {
      if (!take_result(run)) result_.failures.emplace_back(run.text(), "stopped before its last step");
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::Cancelled) throw error.at(run.text());
    }
  }

  std::string reason_of(const StudyRun& run, int code) const {
    const std::string said = last_line(layout_.log(run));
    if (code > 128) return "ended by signal " + std::to_string(code - 128);
    return said.empty() ? "exit code " + std::to_string(code) : said;
  }

  double share() const {
    const auto steps = static_cast<double>(result_.plan.steps());
    double done = static_cast<double>(result_.outcomes.size() + result_.failures.size()) * steps;
    for (const Active& active : active_) done += static_cast<double>(active.watch.step());
    return std::min(0.999, done / (steps * static_cast<double>(result_.plan.runs())));
  }

  void report_progress() {
    std::string text = std::to_string(result_.outcomes.size()) + " of " + std::to_string(result_.plan.runs()) + " runs";
    for (const Active& active : active_)
      text += "; " + active.run.text() + ": step " + std::to_string(active.watch.step());
    if (asked_) text += "; stopping";
    job_.progress(share(), text);
  }

  void require_equal_data() const {
    for (const RunOutcome& outcome : result_.outcomes)
      if (outcome.data_hash != result_.outcomes.front().data_hash)
        throw Error(ErrorKind::Config, "the data have changed between the runs of a comparison",
                    result_.outcomes.front().name + " and " + outcome.name + ": SHA-256 " +
                        result_.outcomes.front().data_hash.substr(0, 12) + " and " + outcome.data_hash.substr(0, 12),
                    "Begin a new comparison with another --out");
  }

  const StudyOptions& options_;
  const Job& job_;
  StudyLayout layout_;
  Clock::time_point start_;
  std::optional<Clock::time_point> asked_;
  StudyResult result_;
  std::vector<StudyRun> waiting_;
  std::list<Active> active_;
};

}  // namespace

StudyResult run_study(const StudyPlan& plan, const StudyOptions& options, const Job& job) {
  return StudyLoop(plan, options, job).run();
}

}  // namespace erwin
