// What a comparison makes equal before it begins.

#include <algorithm>
#include <filesystem>
#include <numeric>
#include <set>

#include "core/base/error.h"
#include "core/compare/study.h"

namespace erwin {

namespace {

[[noreturn]] void refuse(const std::string& what, const std::string& detail, const std::string& hint) {
  throw Error(ErrorKind::Config, what, detail, hint);
}

void require_names(const std::vector<StudyEntry>& entries) {
  if (entries.size() < 2)
    refuse("a comparison needs at least two configurations", std::to_string(entries.size()) + " given",
           "Name their files or presets: erwinscope compare A.toml B.toml ...");
  std::set<std::string> names;
  for (const StudyEntry& entry : entries)
    if (!names.insert(entry.name).second)
      refuse("two configurations have one name", entry.name, "Give their files different names");
}

// What all configurations that say anything about an option agree on: the value to use, if any says something.
template <typename Value>
Value agreed(const std::vector<StudyEntry>& entries, const std::string& key,
             const Value& (Config::*get)(const std::string&) const) {
  const StudyEntry* first = nullptr;
  for (const StudyEntry& entry : entries) {
    const Value& value = (entry.config.*get)(key);
    if (value.empty()) continue;
    if (first && (first->config.*get)(key) != value)
      refuse("the configurations do not learn the same", first->name + " and " + entry.name + " differ in " + key,
             "Make it equal with --set " + key + "=...");
    if (!first) first = &entry;
  }
  return first ? (first->config.*get)(key) : Value();
}

}  // namespace

StudyPlan make_plan(std::vector<StudyEntry> entries, const StudyTerms& terms) {
  require_names(entries);
  if (terms.seeds < 1) refuse("a comparison needs at least one seed", std::to_string(terms.seeds), "Give --seeds 3");
  const Config& first = entries.front().config;
  const std::string data = terms.data.empty() ? first.text("data.path") : terms.data;
  if (data.empty()) refuse("nothing to train on", "data.path is empty", "Give a manifest, folder or file with --data");
  const std::int64_t steps = terms.steps < 0 ? first.integer("train.steps") : terms.steps;
  const std::int64_t batch = terms.batch < 0 ? first.integer("train.batch") : terms.batch;
  const std::string device = terms.device.empty() ? first.text("train.device") : terms.device;
  const auto inputs = agreed(entries, "data.inputs", &Config::texts);
  const auto target = agreed(entries, "data.target", &Config::text);
  const std::string split = first.text("data.split"), validation = first.text("data.validation");
  const double share = first.real("data.validation_share");
  for (StudyEntry& entry : entries) {
    Config& config = entry.config;
    config.assign("data.path", std::filesystem::absolute(data).lexically_normal().string());
    config.assign("data.inputs", inputs);
    config.assign("data.target", target);
    config.assign("data.split", split);
    config.assign("data.validation", validation);
    config.assign("data.validation_share", share);
    config.assign("train.steps", steps);
    config.assign("train.schedule_steps", steps);
    config.assign("train.batch", batch);
    config.assign("train.accumulate", std::int64_t{1});
    config.assign("train.device", device);
    config.assign("train.seed", std::int64_t{0});  // each run has its own
    config.assign("train.log_every", std::int64_t{1});
  }
  StudyPlan plan{std::move(entries), std::vector<std::uint64_t>(static_cast<std::size_t>(terms.seeds))};
  std::iota(plan.seeds.begin(), plan.seeds.end(), std::uint64_t{0});
  return plan;
}

double RunOutcome::error(const std::string& which) const {
  for (const auto& [key, value] : errors)
    if (key == which) return value;
  throw Error(ErrorKind::Internal, "a run has no error of this name", which);
}

}  // namespace erwin
