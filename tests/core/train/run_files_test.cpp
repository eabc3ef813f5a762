// The run directory as files: metrics, state, lock, requests, and the watcher that reads them.

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <thread>

#include "core/base/error.h"
#include "core/train/kept_checkpoints.h"
#include "core/train/metrics.h"
#include "core/train/run_directory.h"
#include "core/train/run_watch.h"
#include "tests/support/shared_data.h"

namespace erwin {
namespace {

namespace fs = std::filesystem;

std::vector<std::int64_t> steps_of(const MetricsHistory& history) {
  std::vector<std::int64_t> steps;
  for (const TrainEntry& entry : history.training()) steps.push_back(entry.step);
  return steps;
}

using Steps = std::vector<std::int64_t>;

std::string line(int step, double loss) {
  return "{\"step\": " + std::to_string(step) + ", \"loss\": " + std::to_string(loss) + ", \"lr\": 0.5}\n";
}

TEST(Metrics, TheLastEntryOfAStepCounts) {
  MetricsHistory history;
  history.append(line(1, 1) + line(2, 2) + line(3, 3) + line(2, 20));
  EXPECT_EQ(steps_of(history), (Steps{1, 2, 3}));
  EXPECT_EQ(history.training()[1].loss, 20);
  EXPECT_EQ(history.training()[0].learning_rate, 0.5);
}

TEST(Metrics, NothingBeyondTheStepResumedFromCounts) {
  MetricsHistory history;
  history.append(line(1, 1) + line(2, 2) + line(3, 3));
  history.append("{\"step\": 3, \"validation\": {\"mse_standardised\": 0.5, \"samples\": 4}, \"best\": true}\n");
  ASSERT_NE(history.best(), nullptr);
  EXPECT_EQ(history.best()->samples, 4);
  history.append("{\"resumed_from\": 1}\n" + line(2, 5));
  EXPECT_EQ(steps_of(history), (Steps{1, 2}));
  EXPECT_EQ(history.training()[1].loss, 5);
  EXPECT_TRUE(history.validation().empty());
  EXPECT_EQ(history.resumes(), 1);
}

TEST(Metrics, TornAndForeignLinesAreIgnored) {
  MetricsHistory history;
  history.append(line(1, 1) + "{\"step\": 2, \"lo\n" + line(3, 3) + "[1, 2]\n\n" + "{\"step\": \"four\"}\n" +
                 "{\"step\": 5, \"loss\": null}\n" + "{\"step\": 6, \"weather\": 7}\n" + "{\"step\": 7, \"loss\": 7");
  EXPECT_EQ(steps_of(history), (Steps{1, 3}));
  history.append("7}\n");  // the last line was only unfinished
  EXPECT_EQ(steps_of(history), (Steps{1, 3, 7}));
  EXPECT_EQ(history.training().back().loss, 77);
  history.append(std::string(1 << 20, '{') + "\n" + line(8, 8));
  EXPECT_EQ(history.training().back().step, 8);
}

// However the bytes arrive, the same is read.
TEST(Metrics, AnyPiecesGiveTheSame) {
  std::string text;
  for (int i = 1; i < 30; ++i)
    text += line(i, i) + (i % 7 == 0 ? "{\"resumed_from\": " + std::to_string(i - 3) + "}\n" : "");
  MetricsHistory whole, pieces;
  whole.append(text);
  for (std::size_t i = 0; i < text.size(); i += 7) pieces.append(std::string_view(text).substr(i, 7));
  EXPECT_EQ(steps_of(pieces), steps_of(whole));
  EXPECT_EQ(pieces.resumes(), 4);
}

TEST(Metrics, WriterContinuesATornFile) {
  const test::ScratchFolder folder;
  const fs::path jsonl = folder.path() / "m.jsonl", table = folder.path() / "m.csv";
  {
    MetricsWriter writer(jsonl, table);
    for (int i = 1; i <= 4; ++i) writer.append(TrainEntry{i, 1.0 / i, 1e-3, 2, 0.25, 4, 1000});
    ValidationEntry validation;
    validation.step = 4;
    validation.mse_standardised = 0.125;
    validation.best = true;
    writer.append(validation);
    writer.append(ProbeEntry{4, 0.5, 0.01});
  }
  std::ofstream(jsonl, std::ios::app) << "{\"step\": 5, \"los";  // killed here
  {
    MetricsWriter writer(jsonl, table);
    writer.resumed_from(2);
    writer.append(TrainEntry{3, 30, 1e-3, 2, 0.25, 4, 1000});
  }
  const MetricsHistory history = read_metrics(jsonl);
  EXPECT_EQ(steps_of(history), (Steps{1, 2, 3}));
  EXPECT_EQ(history.training()[2].loss, 30);
  EXPECT_EQ(history.training()[1].memory, 1000u);
  EXPECT_TRUE(history.validation().empty());
  std::ifstream in(table);
  std::string row;
  std::vector<std::string> rows;
  while (std::getline(in, row)) rows.push_back(row);
  ASSERT_EQ(rows.size(), 4u);
  EXPECT_TRUE(rows[0].starts_with("step,loss,lr,"));
  EXPECT_TRUE(rows[3].starts_with("3,30,0.001,2,"));
  for (const std::string& one : rows) EXPECT_EQ(std::count(one.begin(), one.end(), ','), 12) << one;
}

class RunFolder : public ::testing::Test {
protected:
  RunFolder() : run(folder.path() / "run") {
    for (const fs::path& path : {run.checkpoints(), run.control(), run.probes()}) fs::create_directories(path);
    std::ofstream(run.config()) << "[train]\n";
  }
  test::ScratchFolder folder;
  RunLayout run;
};

TEST_F(RunFolder, StateOfALivingAndAKilledRun) {
  write_run_state(run, {RunPhase::Running, 3, 10, 0, "", "cpu", "", ""});
  EXPECT_EQ(read_run_state(run).phase, RunPhase::Interrupted) << "nobody holds the lock";
  {
    const RunLock lock(run);
    const RunState state = read_run_state(run);
    EXPECT_EQ(state.phase, RunPhase::Running);
    EXPECT_EQ(state.step, 3);
    EXPECT_EQ(state.steps, 10);
    EXPECT_EQ(state.device, "cpu");
    EXPECT_TRUE(state.can_pause() && state.can_stop() && !state.can_resume());
    EXPECT_THROW(RunLock{run}, Error);
  }
  write_run_state(run, {RunPhase::Failed, 3, 10, 0, "", "cpu", "it broke \xff", "mend it"});
  EXPECT_EQ(read_run_state(run).phase, RunPhase::Failed);
  EXPECT_EQ(read_run_state(run).hint, "mend it");
  for (const char* bad : {"", "{", "[]", "{\"state\": \"dancing\"}", "{\"state\": 4}"}) {
    std::ofstream(run.state()) << bad;
    EXPECT_THROW(read_run_state(run), Error) << bad;
  }
}

TEST_F(RunFolder, RequestsArriveOnceAndInOrder) {
  EXPECT_TRUE(take_requests(run).requests.empty());
  send(run, Request::Pause);
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  send(run, Request::Step);
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  send(run, Request::Resume);
  send(run, ProbeRequest{"car_1", false, {0, 2}, 0.1});
  const TakenRequests taken = take_requests(run);
  EXPECT_EQ(taken.requests, (std::vector<Request>{Request::Pause, Request::Step, Request::Resume}));
  ASSERT_TRUE(taken.probe);
  EXPECT_EQ(*taken.probe, (ProbeRequest{"car_1", false, {0, 2}, 0.1}));
  EXPECT_TRUE(fs::is_empty(run.control()));
  send(run, ProbeRequest{"", true, {}, 0});
  EXPECT_TRUE(take_requests(run).probe->all_layers);
}

// As a person would, from a shell; and as nobody should.
TEST_F(RunFolder, RequestsByHand) {
  std::ofstream(run.control() / "stop");
  std::ofstream(run.control() / "probe") << "{\"sample\": \"a\", \"layers\": \"all\"}";
  TakenRequests taken = take_requests(run);
  EXPECT_EQ(taken.requests, std::vector<Request>{Request::Stop});
  ASSERT_TRUE(taken.probe);
  EXPECT_TRUE(taken.probe->all_layers);
  EXPECT_DOUBLE_EQ(taken.probe->budget, 0.05);
  std::ofstream(run.control() / "dance");
  fs::create_directories(run.control() / "folder");
  EXPECT_EQ(take_requests(run).refused.size(), 2u);
  for (const char* bad :
       {"", "{\"sample\":", "[]", "{\"budget\": 7}", "{\"layers\": [\"x\"]}", "{\"budget\": \"x\"}"}) {
    std::ofstream(run.control() / "probe") << bad;
    EXPECT_FALSE(take_requests(run).probe) << bad;  // may be still being written ...
    fs::last_write_time(run.control() / "probe", fs::file_time_type::clock::now() - std::chrono::seconds(10));
    EXPECT_EQ(take_requests(run).refused.size(), 1u) << bad;  // ... but not for so long
  }
  EXPECT_TRUE(fs::is_empty(run.control()));
}

TEST_F(RunFolder, FindsRuns) {
  EXPECT_TRUE(is_run(run.root()));
  EXPECT_FALSE(is_run(folder.path()));
  fs::create_directories(folder.path() / "other");
  EXPECT_EQ(find_runs(folder.path()), std::vector<fs::path>{run.root()});
  EXPECT_TRUE(find_runs(folder.path() / "absent").empty());
  const fs::path first = fresh_run_path("car", folder.path());
  fs::create_directories(first);
  EXPECT_NE(fresh_run_path("car", folder.path()), first);
}

TEST_F(RunFolder, WatcherReadsWhatIsNew) {
  RunWatch absent(folder.path() / "absent");
  EXPECT_FALSE(absent.update());
  EXPECT_FALSE(absent.exists());

  RunWatch watch(run.root());
  EXPECT_TRUE(watch.update());
  EXPECT_TRUE(watch.exists());
  EXPECT_FALSE(watch.problem().empty()) << "there is no state yet";
  const RunLock lock(run);
  write_run_state(run, {RunPhase::Running, 0, 10, 0, "", "cpu", "", ""});
  std::ofstream metrics(run.metrics());
  metrics << line(1, 1) << "{\"step\": 2, \"loss\": 2, \"rate\": 4" << std::flush;
  EXPECT_TRUE(watch.update());
  EXPECT_TRUE(watch.problem().empty()) << watch.problem();
  EXPECT_EQ(watch.step(), 1);
  EXPECT_FALSE(watch.update()) << "nothing is new";
  metrics << "}\n" << std::flush;
  EXPECT_TRUE(watch.update());
  EXPECT_EQ(watch.step(), 2);
  EXPECT_EQ(watch.rate(), 4);
  EXPECT_EQ(watch.seconds_left(), 2);
  std::ofstream(run.probe(7)) << "x";
  std::ofstream(run.probe(12)) << "x";
  std::ofstream(run.probes() / ".00000099.partial-1.h5") << "x";
  std::ofstream(run.last()) << "x";
  std::ofstream(run.checkpoint(0)) << "x";
  EXPECT_TRUE(watch.update());
  EXPECT_EQ(watch.probe_step(), 12);
  EXPECT_EQ(watch.probe(), run.probe(12));
  EXPECT_EQ(watch.checkpoints().size(), 2u);
  EXPECT_TRUE(watch.checkpoints().contains("step-0"));
  // Another run in the same place.
  metrics.close();
  std::ofstream(run.metrics(), std::ios::trunc) << line(1, 9);
  EXPECT_TRUE(watch.update());
  EXPECT_EQ(watch.metrics().training().size(), 1u);
  fs::remove_all(run.root());
  EXPECT_TRUE(watch.update());
  EXPECT_FALSE(watch.exists());
}

TEST(KeptCheckpoints, AreThoseOfTheirStepsInOrder) {
  const test::ScratchFolder scratch;
  const RunLayout run(scratch.path() / "run");
  EXPECT_THROW(kept_checkpoints(run.root()), Error);
  fs::create_directories(run.checkpoints());
  std::ofstream(run.config()) << "\n";
  EXPECT_THROW(kept_checkpoints(run.root()), Error);  // none yet
  for (const char* name :
       {"step-100.h5", "step-20.h5", "step-0.h5", "step-7.tmp", "step-x.h5", "step--3.h5", "best.h5"})
    std::ofstream(run.checkpoints() / name) << "\n";
  EXPECT_EQ(
      kept_checkpoints(run.root()),
      (std::vector<KeptCheckpoint>{{0, run.checkpoint(0)}, {20, run.checkpoint(20)}, {100, run.checkpoint(100)}}));
  std::ofstream(run.last()) << "no checkpoint\n";
  EXPECT_THROW(kept_checkpoints(run.root()), Error);
}

}  // namespace
}  // namespace erwin
