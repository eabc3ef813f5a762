// A report of made-up runs: every number is known.

#include "core/compare/report.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <sstream>

namespace erwin {
namespace {

RunOutcome outcome(const std::string& name, std::uint64_t seed, double error) {
  RunOutcome run;
  run.name = name;
  run.seed = seed;
  run.parameters = 1234567;
  run.errors = {{"mse_standardised", error}, {"mae", 2 * error}};
  run.split = "test";
  run.target = "pressure";
  run.unit = "Pa";
  run.samples = 7;
  run.seconds_per_step = 0.0125;
  run.peak_memory = std::uint64_t{3} << 20;
  run.field = {1000, 250, 900, 0.01, 0.05, 0.2};
  run.device = "cpu";
  run.version = "1";
  run.data_hash = "0123456789abcdef";
  return run;
}

StudyResult made_up() {
  StudyResult result;
  StudyTerms terms;
  terms.data = "/data/set.toml";
  terms.steps = 100;
  terms.batch = 4;
  Config sparse, ball;
  ball.set("model.kind=ball");
  ball.set("train.lr=0.5");
  result.plan = make_plan({{"ball", ball}, {"sparse|<nsa>", sparse}}, terms);
  for (const auto& [seed, error] : {std::pair{0, 0.5}, {1, 0.6}, {2, 0.7}})
    result.outcomes.push_back(outcome("ball", static_cast<std::uint64_t>(seed), error));
  for (const auto& [seed, error] : {std::pair{0, 0.4}, {1, 0.52}, {2, 0.58}})
    result.outcomes.push_back(outcome("sparse|<nsa>", static_cast<std::uint64_t>(seed), error));
  return result;
}

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

TEST(Report, SummaryOfKnownRuns) {
  const StudySummary summary = summarise(made_up());
  EXPECT_EQ(summary.main_error, "mse_standardised");
  ASSERT_EQ(summary.entries.size(), 2u);
  EXPECT_NEAR(summary.entries[0].errors[0].second.mean, 0.6, 1e-12);
  EXPECT_NEAR(summary.entries[0].errors[0].second.half_width, 4.302653 * 0.1 / std::sqrt(3.0), 1e-6);
  ASSERT_EQ(summary.pairs.size(), 1u);
  // Differences -0.1, -0.08, -0.12.
  EXPECT_NEAR(summary.pairs[0].difference.mean, -0.1, 1e-12);
  EXPECT_NEAR(summary.pairs[0].difference.half_width, 4.302653 * 0.02 / std::sqrt(3.0), 1e-6);
  EXPECT_NEAR(summary.pairs[0].relative, -1.0 / 6, 1e-12);
}

TEST(Report, MarkdownSaysWhatWasMeasured) {
  const std::string report = report_markdown(made_up());
  for (const char* part :
       {"2 configurations, 3 seeds, 100 steps of 4 samples", "/data/set.toml", "pressure [Pa]", "7 samples (test)",
        "| ball | 3 | 0.6 ± 0.25 | 1.2 ± 0.5 |", "-0.1 | -16.7 % | -0.1497 to -0.05032 | yes |", "| 1234567 | 12.5 ± 0",
        "3.0 MiB", "250 ± 0 of 1000", "5 ± 0 %", "| model.kind | `\"ball\"` | `\"erwin-nsa\"` |",
        "| train.lr | `0.5` | `0.001` |", "sparse\\|<nsa>"})
    EXPECT_TRUE(has(report, part)) << part << "\n" << report;
  EXPECT_FALSE(has(report, "Not complete"));
  EXPECT_FALSE(has(report, "shared the machine"));
  EXPECT_FALSE(has(report, "train.steps")) << "what is equal is not listed";
}

TEST(Report, OnlySharedSeedsArePaired) {
  StudyResult result = made_up();
  result.outcomes.pop_back();
  result.outcomes.erase(result.outcomes.begin());  // ball: seeds 1, 2; sparse: 0, 1
  const StudySummary summary = summarise(result);
  ASSERT_EQ(summary.pairs.size(), 1u);
  EXPECT_EQ(summary.pairs[0].difference.count, 1);
  EXPECT_NEAR(summary.pairs[0].difference.mean, 0.52 - 0.6, 1e-12);
  const std::string report = report_markdown(result);
  EXPECT_TRUE(has(report, "**Not complete: 4 of 6 runs are finished.**"));
  EXPECT_TRUE(has(report, "one pair cannot say"));
  result.parallel = 4;
  result.failures = {{"ball-seed-0", "training diverged"}};
  EXPECT_TRUE(has(report_markdown(result), "| ball-seed-0 | training diverged |"));
  EXPECT_TRUE(has(report_markdown(result), "4 runs shared the machine"));
}

TEST(Report, NothingFinishedIsAReportToo) {
  StudyResult result = made_up();
  result.outcomes.clear();
  EXPECT_TRUE(has(report_markdown(result), "0 of 6 runs"));
  EXPECT_TRUE(has(report_svg(result), "</svg>"));
  EXPECT_EQ(report_csv(result).find('\n'), report_csv(result).size() - 1) << "titles alone";
}

TEST(Report, TableRoundTrips) {
  StudyResult result = made_up();
  result.outcomes[0].errors[0].second = 0.1 + 0.2;
  std::istringstream lines(report_csv(result));
  std::string titles, first;
  std::getline(lines, titles);
  std::getline(lines, first);
  EXPECT_TRUE(has(first, ",0.30000000000000004,")) << first;
  EXPECT_EQ(std::count(titles.begin(), titles.end(), ','), std::count(first.begin(), first.end(), ','));
}

TEST(Report, PictureIsWellFormedAndMarksEverySeed) {
  const std::string svg = report_svg(made_up());
  EXPECT_TRUE(has(svg, "sparse|&lt;nsa&gt;")) << "names are escaped";
  EXPECT_FALSE(has(svg, "<nsa>"));
  EXPECT_FALSE(has(svg, "nan"));
  const auto count = [&](const std::string& part) {
    int found = 0;
    for (std::size_t at = svg.find(part); at != std::string::npos; at = svg.find(part, at + 1)) ++found;
    return found;
  };
  EXPECT_EQ(count("<circle"), 6 + 3) << "errors of six runs, differences of three pairs";
  EXPECT_EQ(count("<svg"), count("</svg>"));
  EXPECT_EQ(count("<text"), count("</text>"));
}

TEST(Plan, MakesTermsEqual) {
  const StudyPlan plan = made_up().plan;
  for (const StudyEntry& entry : plan.entries) {
    EXPECT_EQ(entry.config.integer("train.steps"), 100);
    EXPECT_EQ(entry.config.integer("train.schedule_steps"), 100);
    EXPECT_EQ(entry.config.integer("train.batch"), 4);
    EXPECT_EQ(entry.config.text("data.path"), "/data/set.toml");
  }
  EXPECT_EQ(plan.seeds, (std::vector<std::uint64_t>{0, 1, 2}));
  EXPECT_EQ(plan.entries[0].config.real("train.lr"), 0.5) << "a recipe's own";
}

}  // namespace
}  // namespace erwin
