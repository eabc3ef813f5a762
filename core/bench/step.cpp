// bench step.

#include <algorithm>
#include <chrono>
#include <map>
#include <memory>
#include <optional>

#include "core/bench/bench.h"
#include "core/bench/internal/settings.h"
#include "core/bench/internal/stopwatch.h"
#include "core/bench/internal/subjects.h"
#include "core/model/internal/tf32.h"
#include "core/train/trainer.h"

namespace erwin::bench {

namespace {

// A row of the curve may take this long.
constexpr double longest_row_seconds = 90;
constexpr double longest_overlapped_seconds = 0.1;
constexpr int warm_up_steps = 4;  // with the one that is recorded
constexpr std::int64_t most_for_full = 262144;

using Samples = std::vector<std::shared_ptr<const ModelSample>>;

TrainConfig training(const Setting& setting, const Arithmetic& arithmetic, const std::string& device, bool graph) {
  TrainConfig train;
  train.batch = setting.batch;
  train.lr = 1e-4;
  train.device = device;
  train.precision = arithmetic.precision;
  train.graph = graph;
  train.loaders = 4;
  return train;
}

// Steps as a run takes them, the host ahead of the device: the time from the end of one to the end of the next.
Timing time_steps(Trainer& trainer, const Budget& budget, const Job& job) {
  using Clock = std::chrono::steady_clock;
  std::vector<double> times;
  const auto keep = [&times](const std::vector<StepRecord>& ended) {
    for (const StepRecord& record : ended) times.push_back(1000 * record.seconds);
  };
  const auto elapsed = [](Clock::time_point since) {
    return std::chrono::duration<double>(Clock::now() - since).count();
  };
  auto begin = Clock::now();
  // The second step of a shape is recorded, so two are needed before a graph is replayed.
  for (int i = 0; i < 2 || (i < warm_up_steps && elapsed(begin) < budget.seconds / 4); ++i) trainer.advance(job);
  trainer.finish();
  begin = Clock::now();
  keep(trainer.advance(job));
  keep(trainer.finish());
  // Long steps one by one: the host is ahead of them anyway, and a few are enough then.
  const bool one_by_one = elapsed(begin) > longest_overlapped_seconds;
  times.clear();
  begin = Clock::now();
  for (int started = 0; started < budget.least || (started < budget.most && elapsed(begin) < budget.seconds);
       ++started) {
    keep(trainer.advance(job));
    if (one_by_one) keep(trainer.finish());
  }
  keep(trainer.finish());
  return summarise(std::move(times));
}

void measure_steps(Recorder& recorder, const Setting& setting, const Arithmetic& arithmetic, const Samples& samples,
                   Row& row) {
  const model::Tf32 tf32(arithmetic.tf32);
  const auto source = [&samples](std::int64_t index, std::int64_t, const Job&) {
    return samples[static_cast<std::size_t>(index)];
  };
  const auto count = static_cast<std::int64_t>(samples.size());
  const std::string device = recorder.device().str();
  const Budget budget = recorder.budget();
  MemoryWatch memory(recorder.device());
  {
    Trainer trainer(setting.config, training(setting, arithmetic, device, false), count, source);
    row.launched = time_steps(trainer, budget, recorder.job());
  }
  row.peak_bytes = memory.peak();
  row.reserved_bytes = memory.reserved();
  if (recorder.device().is_cpu()) return;
  memory.reset();
  Trainer trainer(setting.config, training(setting, arithmetic, device, true), count, source);
  const Timing timing = time_steps(trainer, budget, recorder.job());
  row.reserved_bytes = memory.reserved();
  if (trainer.replayed_steps() > 0)
    row.replayed = timing;
  else
    row.note = "no step could be replayed as a graph";
}

Row row_of(const Setting& setting, const Arithmetic& arithmetic) {
  Row row;
  row.group = setting.name + " " + std::to_string(setting.batch) + " x " + std::to_string(setting.points);
  row.what = setting.network;
  row.pass = "step";
  row.precision = arithmetic.name;
  row.shape = {{"points", setting.points}, {"batch", setting.batch}};
  if (arithmetic.tf32) {
    row.quoted_ms = setting.quoted_step_ms;
    row.quoted_bytes = setting.quoted_bytes;
  }
  return row;
}

void measure_setting(Recorder& recorder, const Setting& setting) {
  const Samples* made = nullptr;
  Samples samples;
  for (const Arithmetic& arithmetic : arithmetics(recorder.device().is_cpu()))
    recorder.measure_row(row_of(setting, arithmetic), [&](Row& row) {
      if (!made) samples = generated_samples(setting, recorder.job());
      made = &samples;
      measure_steps(recorder, setting, arithmetic, samples, row);
    });
}

std::vector<std::int64_t> curve_points(const Options& options, bool on_cpu) {
  if (!options.points.empty()) return options.points;
  if (on_cpu) return options.quick ? std::vector<std::int64_t>{1024} : std::vector<std::int64_t>{4096, 16384};
  return {4096, 8192, 16384, 32768, 65536, 131072, 262144, 1048576};
}

// The step time to expect where the last size of this network is known and the time grows as the square at most.
double expected_ms(const std::optional<Row>& last, std::int64_t points) {
  if (!last) return 0;
  const double growth = static_cast<double>(points) / static_cast<double>(last->shape.at("points"));
  return last->best_ms() * growth * growth;
}

void measure_curve(Recorder& recorder, const Options& options) {
  const bool on_cpu = recorder.device().is_cpu();
  const Arithmetic arithmetic = arithmetics(on_cpu).back();
  std::map<std::string, std::optional<Row>> last;
  for (const std::int64_t points : curve_points(options, on_cpu))
    for (const Setting& setting : curve_settings(points)) {
      std::optional<Row>& before = last[setting.network];
      recorder.measure_row(row_of(setting, arithmetic), [&](Row& row) {
        const double expected = expected_ms(before, points) * (2 + recorder.budget().least) * 2 / 1000;
        if (setting.config.kind == ModelKind::Full && (points > most_for_full || expected > longest_row_seconds)) {
          row.note = "not measured: steps of all pairs of points take too long here";
          return;
        }
        const Samples samples = generated_samples(setting, recorder.job());
        measure_steps(recorder, setting, arithmetic, samples, row);
        before = row;
      });
    }
}

}  // namespace

std::vector<Row> bench_step(const Options& options, const Job& job) {
  Recorder recorder(options, device_of(options), job);
  if (options.points.empty())
    for (const Setting& setting : paper_settings(options.quick && recorder.device().is_cpu()))
      measure_setting(recorder, setting);
  measure_curve(recorder, options);
  return recorder.take();
}

}  // namespace erwin::bench
