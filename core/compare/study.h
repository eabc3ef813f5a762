#pragma once
// Networks compared fairly: every configuration with every seed is a training run of its own, over the same data, steps
// and batch; what has been done is kept, so a comparison goes on after whatever stopped it.
//
//   study.json            what is compared
//   configs/NAME.toml     complete, as the runs take them
//   runs/NAME-seed-S/     a run directory each (core/train/run_directory.h)
//   results/NAME-seed-S.json   what a finished run is worth, measured once
//   logs/NAME-seed-S.txt  what its process said
//   report.md, report.csv, report.svg   of what is finished (core/compare/report.h)

#include <cstdint>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "core/base/job.h"
#include "core/compare/receptive_field.h"
#include "core/config/config.h"

namespace erwin {

struct StudyEntry {
  std::string name;  // of the configuration's file; unique
  Config config;
};

struct StudyPlan {
  std::vector<StudyEntry> entries;  // the first is the one that the others are compared with
  std::vector<std::uint64_t> seeds;

  const std::string& data() const { return entries.front().config.text("data.path"); }
  std::int64_t steps() const { return entries.front().config.integer("train.steps"); }
  std::int64_t batch() const { return entries.front().config.integer("train.batch"); }
  std::int64_t runs() const { return std::ssize(entries) * std::ssize(seeds); }
};

// What must be equal, for all entries.
struct StudyTerms {
  std::string data;         // data set; empty: as the first configuration says
  std::int64_t steps = -1;  // negative: as the first configuration says
  std::int64_t batch = -1;  // the same
  int seeds = 3;            // 0, 1, ...
  std::string device;       // empty: as the first configuration says
};

// Makes the entries equal in data, steps, length of the schedule, batch, splits, device and log. Raises Error{Config}:
// fewer than two configurations, two of one name, inputs or targets that differ, no data.
StudyPlan make_plan(std::vector<StudyEntry> entries, const StudyTerms& terms);

// The plan of a directory that a comparison was begun in. Raises Error{Config} where it is none, Error{Format}.
StudyPlan load_plan(const std::filesystem::path& out);

// What a finished run is worth.
struct RunOutcome {
  std::string name;
  std::uint64_t seed = 0;
  std::int64_t parameters = 0;
  // By name, the one that counts first: means over the samples of `split` with the weights of the last step.
  std::vector<std::pair<std::string, double>> errors;
  std::string split, target, unit;  // what was predicted, where
  std::int64_t samples = 0;
  double seconds_per_step = 0;  // the median, without the first tenth of the steps
  std::uint64_t peak_memory = 0;
  ReceptiveField field;
  std::string device, version, data_hash;

  // Raises Error{Internal} where there is none of that name.
  double error(const std::string& which) const;
};

struct StudyResult {
  StudyPlan plan;
  std::vector<RunOutcome> outcomes;                           // of finished runs, by seed, then as the entries
  std::vector<std::pair<std::string, std::string>> failures;  // run and why
  int parallel = 1;
  bool complete() const { return std::ssize(outcomes) == plan.runs(); }
};

struct StudyOptions {
  std::filesystem::path out;      // new, empty, or of the same comparison, which may have got more seeds or entries
  std::filesystem::path program;  // this program: runs are its `train`
  double minutes = 0;             // after which it stops cleanly; 0: at the end alone
  int parallel = 1;               // runs at once
};

// Runs what is missing and writes the reports. A run that fails is named in the result, and the others go on. A stop of
// the job saves the runs under way, writes the reports of what there is and raises Error{Cancelled}. Raises
// Error{Config}: the directory holds something else, or a comparison on other terms; Error{Io}, and what data and
// checkpoints raise.
StudyResult run_study(const StudyPlan& plan, const StudyOptions& options, const Job& job = {});

}  // namespace erwin
