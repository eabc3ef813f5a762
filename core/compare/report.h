#pragma once
// A comparison as a text, a table and a picture. Pure functions of its result.

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "core/compare/statistics.h"
#include "core/compare/study.h"

namespace erwin {

// One configuration over its finished seeds.
struct EntrySummary {
  std::string name;
  std::int64_t parameters = 0;
  Estimate seconds_per_step, memory;                     // memory: bytes
  Estimate field_published, field_points, share_90;      // core/compare/receptive_field.h
  std::vector<std::pair<std::string, Estimate>> errors;  // as in RunOutcome
  std::vector<double> main_values;                       // of the error that counts first, by seed
};

// This entry minus the first, over the seeds that both have finished.
struct PairedSummary {
  std::string name;
  std::vector<double> differences;  // by seed
  Estimate difference;              // of the error that counts first
  double relative = 0;              // of the first entry's mean over the same seeds
};

struct StudySummary {
  std::string main_error;             // "mse_standardised"; empty where nothing is finished
  std::vector<EntrySummary> entries;  // without those that have finished nothing
  std::vector<PairedSummary> pairs;   // without those that share no seed with the first
};
StudySummary summarise(const StudyResult& result);

// "MSE (standardised)", "MSE [Pa^2]", ...
std::string label_of_error(const std::string& name, const std::string& unit);

std::string report_markdown(const StudyResult& result);
// A row per finished run: numbers round-trip.
std::string report_csv(const StudyResult& result);
// White background; colours that the colour-blind tell apart, each row also named.
std::string report_svg(const StudyResult& result);

// report.md, report.csv and report.svg in the folder, each whole.
void write_reports(const std::filesystem::path& folder, const StudyResult& result);

}  // namespace erwin
