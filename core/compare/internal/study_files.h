#pragma once
// Where what lies in a comparison's directory, and its plan and results as files.

#include <filesystem>
#include <optional>
#include <string>

#include "core/compare/study.h"
#include "core/train/run_directory.h"

namespace erwin::study {

// One configuration with one seed.
struct StudyRun {
  std::string name;  // of the entry
  std::uint64_t seed = 0;
  std::string text() const { return name + "-seed-" + std::to_string(seed); }
};

class StudyLayout {
public:
  explicit StudyLayout(std::filesystem::path root) : root_(std::move(root)) {}
  const std::filesystem::path& root() const { return root_; }
  std::filesystem::path plan() const { return root_ / "study.json"; }
  std::filesystem::path config(const std::string& name) const { return root_ / "configs" / (name + ".toml"); }
  std::filesystem::path run(const StudyRun& run) const { return root_ / "runs" / run.text(); }
  std::filesystem::path result(const StudyRun& run) const { return root_ / "results" / (run.text() + ".json"); }
  std::filesystem::path log(const StudyRun& run) const { return root_ / "logs" / (run.text() + ".txt"); }

private:
  std::filesystem::path root_;
};

// Makes the directory, or checks that what it holds may grow into `plan`; writes plan and configurations.
void settle_directory(const StudyLayout& layout, const StudyPlan& plan);

void write_outcome(const std::filesystem::path& path, const RunOutcome& outcome);
// Nothing where the file is absent or cannot be read: it is measured again.
std::optional<RunOutcome> read_outcome(const std::filesystem::path& path);

// Measures a finished run on the test split, else on what it was validated on.
RunOutcome measure_run(const StudyRun& run, const RunLayout& layout, const Job& job);

}  // namespace erwin::study
