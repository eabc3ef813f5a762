#include "core/compare/internal/study_files.h"

#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>

#include "core/base/atomic_file.h"
#include "core/base/error.h"

namespace erwin::study {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

namespace {

constexpr int plan_format = 1;

std::string text_of(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

void make_folder(const fs::path& folder) {
  std::error_code problem;
  if (!fs::create_directories(folder, problem) && problem)
    throw Error(ErrorKind::Io, "cannot make the comparison's directory", folder.string() + ": " + problem.message(),
                "Give another place with --out");
}

// The first option in which they differ, as "train.lr: 0.1 and 0.2".
std::string difference(const Config& before, const Config& now) {
  for (const Option& option : schema())
    if (before.value(option.key) != now.value(option.key))
      return option.key + ": " + toml_text(before.value(option.key)) + " and now " + toml_text(now.value(option.key));
  return "";
}

// More seeds or entries are welcome; what has been run must stay what it was.
void require_growth(const StudyPlan& before, const StudyPlan& now, const fs::path& out) {
  const std::string hint =
      "Give another directory with --out, or go on as it was with: erwinscope compare --out " + out.string();
  if (before.entries.front().name != now.entries.front().name)
    throw Error(ErrorKind::Config, "the directory holds a comparison with another first configuration",
                before.entries.front().name + " and now " + now.entries.front().name, hint);
  for (const StudyEntry& old : before.entries) {
    const StudyEntry* same = nullptr;
    for (const StudyEntry& entry : now.entries)
      if (entry.name == old.name) same = &entry;
    if (!same)
      throw Error(ErrorKind::Config, "the directory holds a comparison of other configurations", old.name, hint);
    if (const std::string text = difference(old.config, same->config); !text.empty())
      throw Error(ErrorKind::Config, "the directory holds a comparison on other terms", old.name + ", " + text, hint);
  }
}

Json field_json(const ReceptiveField& field) {
  return {{"points", field.points},     {"published", field.published}, {"reached", field.reached},
          {"share_50", field.share_50}, {"share_90", field.share_90},   {"share_99", field.share_99}};
}

ReceptiveField field_from(const Json& json) {
  return {json.at("points"),   json.at("published"), json.at("reached"),
          json.at("share_50"), json.at("share_90"),  json.at("share_99")};
}

}  // namespace

void settle_directory(const StudyLayout& layout, const StudyPlan& plan) {
  std::error_code problem;
  if (layout.root().empty()) throw Error(ErrorKind::Config, "the comparison needs a directory", "--out is empty");
  if (fs::exists(layout.plan(), problem))
    require_growth(load_plan(layout.root()), plan, layout.root());
  else if (fs::exists(layout.root(), problem) &&
           (!fs::is_directory(layout.root(), problem) || !fs::is_empty(layout.root(), problem)))
    throw Error(ErrorKind::Config, "the directory holds something that is no comparison", layout.root().string(),
                "Give a new one with --out");
  for (const char* folder : {"configs", "runs", "results", "logs"}) make_folder(layout.root() / folder);
  Json names = Json::array();
  for (const StudyEntry& entry : plan.entries) {
    write_text_atomically(layout.config(entry.name), entry.config.to_toml());
    names.push_back(entry.name);
  }
  // Last: a directory with a plan has all of its configurations.
  const Json json{{"format", plan_format}, {"entries", names}, {"seeds", plan.seeds}};
  write_text_atomically(layout.plan(), json.dump(2) + "\n");
}

void write_outcome(const fs::path& path, const RunOutcome& outcome) {
  Json errors = Json::array();
  for (const auto& [name, value] : outcome.errors) errors.push_back({{"name", name}, {"value", value}});
  const Json json{{"name", outcome.name},
                  {"seed", outcome.seed},
                  {"parameters", outcome.parameters},
                  {"errors", errors},
                  {"split", outcome.split},
                  {"target", outcome.target},
                  {"unit", outcome.unit},
                  {"samples", outcome.samples},
                  {"seconds_per_step", outcome.seconds_per_step},
                  {"peak_memory", outcome.peak_memory},
                  {"receptive_field", field_json(outcome.field)},
                  {"device", outcome.device},
                  {"version", outcome.version},
                  {"data_hash", outcome.data_hash}};
  write_text_atomically(path, json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n");
}

std::optional<RunOutcome> read_outcome(const fs::path& path) {
  try {
    const Json json = Json::parse(text_of(path));
    RunOutcome outcome;
    outcome.name = json.at("name");
    outcome.seed = json.at("seed");
    outcome.parameters = json.at("parameters");
    for (const Json& error : json.at("errors")) outcome.errors.emplace_back(error.at("name"), error.at("value"));
    outcome.split = json.at("split");
    outcome.target = json.at("target");
    outcome.unit = json.at("unit");
    outcome.samples = json.at("samples");
    outcome.seconds_per_step = json.at("seconds_per_step");
    outcome.peak_memory = json.at("peak_memory");
    outcome.field = field_from(json.at("receptive_field"));
    outcome.device = json.at("device");
    outcome.version = json.at("version");
    outcome.data_hash = json.at("data_hash");
    return outcome;
  } catch (const nlohmann::json::exception&) {
    return std::nullopt;
  }
}

}  // namespace erwin::study

namespace erwin {

StudyPlan load_plan(const std::filesystem::path& out) {
  const study::StudyLayout layout(out);
  std::error_code problem;
  if (!std::filesystem::exists(layout.plan(), problem))
    throw Error(ErrorKind::Config, "there is no comparison in this directory", out.string(),
                "Begin one: erwinscope compare A.toml B.toml --data DATA --out " + out.string());
  StudyPlan plan;
  try {
    const auto json = nlohmann::json::parse(study::text_of(layout.plan()));
    for (const auto& name : json.at("entries")) plan.entries.push_back({name.get<std::string>(), Config()});
    plan.seeds = json.at("seeds").get<std::vector<std::uint64_t>>();
  } catch (const nlohmann::json::exception& error) {
    throw Error(ErrorKind::Format, "the comparison's plan cannot be read",
                layout.plan().string() + ": " + error.what());
  }
  if (plan.entries.empty() || plan.seeds.empty())
    throw Error(ErrorKind::Format, "the comparison's plan is empty", layout.plan().string());
  for (StudyEntry& entry : plan.entries) entry.config = Config::from_toml_file(layout.config(entry.name));
  return plan;
}

}  // namespace erwin
