#include "core/compare/report.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>
#include <functional>
#include <map>

#include "core/base/atomic_file.h"
#include "core/base/csv.h"
#include "core/base/memory.h"

namespace erwin {

namespace {

using Outcomes = std::vector<const RunOutcome*>;

Outcomes of_entry(const StudyResult& result, const std::string& name) {
  Outcomes found;
  for (const RunOutcome& outcome : result.outcomes)
    if (outcome.name == name) found.push_back(&outcome);
  return found;
}

Estimate over(const Outcomes& outcomes, const std::function<double(const RunOutcome&)>& number) {
  std::vector<double> values;
  for (const RunOutcome* outcome : outcomes) values.push_back(number(*outcome));
  return estimate(values);
}

bool has_error(const RunOutcome& outcome, const std::string& name) {
  return std::any_of(outcome.errors.begin(), outcome.errors.end(), [&](const auto& e) { return e.first == name; });
}

// The first of the first run's errors that every run has.
std::string main_error_of(const StudyResult& result) {
  if (result.outcomes.empty()) return "";
  for (const auto& [name, value] : result.outcomes.front().errors)
    if (std::all_of(result.outcomes.begin(), result.outcomes.end(),
                    [&](const RunOutcome& outcome) { return has_error(outcome, name); }))
      return name;
  return "";
}

EntrySummary summary_of(const std::string& name, const Outcomes& outcomes, const std::string& main_error) {
  EntrySummary summary;
  summary.name = name;
  summary.parameters = outcomes.front()->parameters;
  for (const auto& error : outcomes.front()->errors)
    summary.errors.emplace_back(error.first,
                                over(outcomes, [&](const RunOutcome& run) { return run.error(error.first); }));
  summary.seconds_per_step = over(outcomes, [](const RunOutcome& run) { return run.seconds_per_step; });
  summary.memory = over(outcomes, [](const RunOutcome& run) { return static_cast<double>(run.peak_memory); });
  summary.field_published = over(outcomes, [](const RunOutcome& run) { return run.field.published; });
  summary.field_points = over(outcomes, [](const RunOutcome& run) { return run.field.points; });
  summary.share_90 = over(outcomes, [](const RunOutcome& run) { return run.field.share_90; });
  for (const RunOutcome* run : outcomes) summary.main_values.push_back(run->error(main_error));
  return summary;
}

std::optional<PairedSummary> paired(const std::string& name, const Outcomes& outcomes, const Outcomes& reference,
                                    const std::string& main_error) {
  std::vector<double> values, references;
  for (const RunOutcome* run : outcomes)
    for (const RunOutcome* other : reference)
      if (run->seed == other->seed) {
        values.push_back(run->error(main_error));
        references.push_back(other->error(main_error));
      }
  if (values.empty()) return std::nullopt;
  PairedSummary pair;
  pair.name = name;
  for (std::size_t i = 0; i < values.size(); ++i) pair.differences.push_back(values[i] - references[i]);
  pair.difference = paired_difference(values, references);
  const double mean = estimate(references).mean;
  pair.relative = mean != 0 ? pair.difference.mean / std::abs(mean) : 0;
  return pair;
}

std::string formatted(const char* format, double value) {
  std::array<char, 64> text;
  std::snprintf(text.data(), text.size(), format, value);
  return text.data();
}

// "0.52 ± 0.03"; one repetition has no interval.
std::string estimate_text(const Estimate& value, double scale = 1, const char* format = "%.4g") {
  std::string text = formatted(format, value.mean * scale);
  if (value.has_interval()) text += " ± " + formatted("%.2g", value.half_width * scale);
  return text;
}

std::string round_trip(double value) {
  std::array<char, 32> text;
  return {text.data(), std::to_chars(text.data(), text.data() + text.size(), value).ptr};
}

// A name in a table of Markdown.
std::string cell(const std::string& text) {
  std::string result;
  for (const char c : text) {
    if (c == '|') result += '\\';
    result += c == '\n' ? ' ' : c;
  }
  return result;
}

std::string row(const std::vector<std::string>& cells) {
  std::string text = "|";
  for (const std::string& one : cells) text += " " + cell(one) + " |";
  return text + "\n";
}

std::string head(const std::vector<std::string>& cells) {
  return row(cells) + row(std::vector<std::string>(cells.size(), "---"));
}

std::string terms_text(const StudyResult& result) {
  const StudyPlan& plan = result.plan;
  const Config& config = plan.entries.front().config;
  std::string text = std::to_string(plan.entries.size()) + " configurations, " + std::to_string(plan.seeds.size()) +
                     (plan.seeds.size() == 1 ? " seed" : " seeds") + ", " + std::to_string(plan.steps()) +
                     " steps of " + std::to_string(plan.batch()) + (plan.batch() == 1 ? " sample" : " samples") +
                     " each, on " + plan.data() + ".\n";
  if (!result.outcomes.empty()) {
    const RunOutcome& first = result.outcomes.front();
    text += "Target: " + first.target + (first.unit.empty() ? "" : " [" + first.unit + "]") +
            "; errors are means over " + std::to_string(first.samples) + " samples (" + first.split +
            ") with the weights of the last step. Data SHA-256 " + first.data_hash.substr(0, 12) + ", device " +
            first.device + ", version " + first.version + ", precision " + config.text("train.precision") + ".\n";
  }
  text += "± is half of a 95 % interval over the seeds (Student's t).\n";
  if (!result.complete())
    text += "\n**Not complete: " + std::to_string(result.outcomes.size()) + " of " + std::to_string(plan.runs()) +
            " runs are finished.**\n";
  return text;
}

std::string errors_text(const StudySummary& summary, const std::string& unit) {
  std::vector<std::string> titles{"configuration", "seeds"};
  for (const auto& error : summary.entries.front().errors) titles.push_back(label_of_error(error.first, unit));
  std::string text = "\n## Error\n\n" + head(titles);
  for (const EntrySummary& entry : summary.entries) {
    std::vector<std::string> cells{entry.name, std::to_string(entry.main_values.size())};
    for (const auto& error : entry.errors) cells.push_back(estimate_text(error.second));
    text += row(cells);
  }
  return text;
}

std::string pairs_text(const StudySummary& summary, const std::string& reference, const std::string& unit) {
  if (summary.pairs.empty()) return "";
  std::string text = "\n## Paired differences from " + reference + "\n\n" + label_of_error(summary.main_error, unit) +
                     ", the same seed on both sides; below 0 is better than " + reference + ".\n\n" +
                     head({"configuration", "pairs", "difference", "relative", "95 % interval", "beyond chance"});
  for (const PairedSummary& pair : summary.pairs) {
    const Estimate& d = pair.difference;
    text +=
        row({pair.name, std::to_string(d.count), formatted("%+.4g", d.mean), formatted("%+.1f %%", 100 * pair.relative),
             d.has_interval() ? formatted("%+.4g", d.low()) + " to " + formatted("%+.4g", d.high()) : "-",
             !d.has_interval()   ? "one pair cannot say"
             : d.excludes_zero() ? "yes"
                                 : "no"});
  }
  return text;
}

std::string cost_text(const StudySummary& summary, int parallel) {
  std::string text = "\n## Cost and receptive field\n\n" +
                     head({"configuration", "parameters", "ms per step", "peak memory",
                           "points that matter (published count)", "share of the points that holds 90 %"});
  for (const EntrySummary& entry : summary.entries)
    text += row({entry.name, std::to_string(entry.parameters), estimate_text(entry.seconds_per_step, 1e3),
                 format_bytes(static_cast<std::uint64_t>(entry.memory.mean)),
                 estimate_text(entry.field_published) + " of " + formatted("%.4g", entry.field_points.mean),
                 estimate_text(entry.share_90, 100) + " %"});
  text +=
      "\nTime is the median over the steps, loading included. Memory is that of the device, on a CPU that of the "
      "process. The receptive field of an output counts the points whose squared derivative exceeds 1e-10 (as the "
      "authors do, which depends on the scale of the output) and says which share of the points holds 90 % of all "
      "squared derivatives (which does not).\n";
  if (parallel > 1)
    text += "\n" + std::to_string(parallel) + " runs shared the machine, so times are longer than alone.\n";
  return text;
}

std::string value_text(const OptionValue& value) {
  return "`" + toml_text(value) + "`";
}

// The options in which the configurations differ and that concern them.
std::string options_differing(const StudyPlan& plan) {
  std::vector<std::string> titles{"option"};
  for (const StudyEntry& entry : plan.entries) titles.push_back(entry.name);
  std::string rows;
  for (const Option& option : schema()) {
    std::vector<std::string> cells{option.key};
    bool differ = false;
    for (const StudyEntry& entry : plan.entries) {
      differ |= entry.config.value(option.key) != plan.entries.front().config.value(option.key);
      const bool concerns =
          option.models.empty() ||
          (", " + option.models + ",").find(", " + entry.config.text("model.kind") + ",") != std::string::npos;
      cells.push_back(concerns ? value_text(entry.config.value(option.key)) : "");
    }
    if (differ) rows += row(cells);
  }
  return rows.empty() ? "" : "\n## What differs\n\n" + head(titles) + rows;
}

}  // namespace

StudySummary summarise(const StudyResult& result) {
  StudySummary summary;
  summary.main_error = main_error_of(result);
  const Outcomes reference = of_entry(result, result.plan.entries.front().name);
  for (const StudyEntry& entry : result.plan.entries) {
    const Outcomes outcomes = of_entry(result, entry.name);
    if (outcomes.empty()) continue;
    summary.entries.push_back(summary_of(entry.name, outcomes, summary.main_error));
    if (&entry == &result.plan.entries.front()) continue;
    if (auto pair = paired(entry.name, outcomes, reference, summary.main_error))
      summary.pairs.push_back(std::move(*pair));
  }
  return summary;
}

std::string label_of_error(const std::string& name, const std::string& unit) {
  const auto with_unit = [&](const std::string& text, const std::string& power) {
    return unit.empty() ? text : text + " [" + unit + power + "]";
  };
  if (name == "mse_standardised") return "MSE (standardised)";
  if (name == "mse") return with_unit("MSE", unit.find_first_of(" /") == std::string::npos ? "²" : " squared");
  if (name == "mae") return with_unit("MAE", "");
  if (name == "relative_l2") return "relative L2";
  if (name == "nll_standardised") return "NLL (standardised)";
  if (name == "nll") return "NLL";
  return name;
}

std::string report_markdown(const StudyResult& result) {
  std::string text = "# Comparison\n\n" + terms_text(result);
  if (!result.outcomes.empty()) {
    const StudySummary summary = summarise(result);
    const std::string& unit = result.outcomes.front().unit;
    text += "\n![The same as a picture](report.svg)\n" + errors_text(summary, unit) +
            pairs_text(summary, result.plan.entries.front().name, unit) + cost_text(summary, result.parallel);
  }
  if (!result.failures.empty()) {
    text += "\n## Runs that failed\n\n" + head({"run", "why"});
    for (const auto& [run, why] : result.failures) text += row({run, why});
  }
  return text + options_differing(result.plan);
}

std::string report_csv(const StudyResult& result) {
  std::vector<std::string> errors;
  for (const RunOutcome& outcome : result.outcomes)
    for (const auto& error : outcome.errors)
      if (std::find(errors.begin(), errors.end(), error.first) == errors.end()) errors.push_back(error.first);
  std::string text = "configuration,seed,steps,batch";
  for (const std::string& error : errors) text += "," + csv_cell(error);
  text +=
      ",seconds_per_step,peak_memory_bytes,parameters,field_points,field_published,field_reached,field_share_50,"
      "field_share_90,field_share_99,split,samples,device\n";
  for (const RunOutcome& run : result.outcomes) {
    text += csv_cell(run.name) + "," + std::to_string(run.seed) + "," + std::to_string(result.plan.steps()) + "," +
            std::to_string(result.plan.batch());
    for (const std::string& error : errors) text += "," + (has_error(run, error) ? round_trip(run.error(error)) : "");
    text += "," + round_trip(run.seconds_per_step) + "," + std::to_string(run.peak_memory) + "," +
            std::to_string(run.parameters);
    for (const double number : {run.field.points, run.field.published, run.field.reached, run.field.share_50,
                                run.field.share_90, run.field.share_99})
      text += "," + round_trip(number);
    text += "," + csv_cell(run.split) + "," + std::to_string(run.samples) + "," + csv_cell(run.device) + "\n";
  }
  return text;
}

void write_reports(const std::filesystem::path& folder, const StudyResult& result) {
  write_text_atomically(folder / "report.csv", report_csv(result));
  write_text_atomically(folder / "report.svg", report_svg(result));
  write_text_atomically(folder / "report.md", report_markdown(result));
}

}  // namespace erwin
