#include "core/train/run_directory.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <ctime>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>

#include "core/base/atomic_file.h"
#include "core/base/error.h"

namespace erwin {

namespace fs = std::filesystem;

namespace {

constexpr std::array phases{RunPhase::Running,  RunPhase::Paused, RunPhase::Stopped,
                            RunPhase::Finished, RunPhase::Failed, RunPhase::Interrupted};
constexpr std::array requests{Request::Pause, Request::Resume, Request::Step, Request::Save, Request::Stop};
constexpr const char* probe_name = "probe";
constexpr std::uintmax_t most_state_bytes = 1 << 20;

std::string padded(std::int64_t step) {
  char text[32];
  std::snprintf(text, sizeof text, "%08lld", static_cast<long long>(step));
  return text;
}

std::string text_of(const fs::path& path, std::uintmax_t most) {
  std::error_code problem;
  const std::uintmax_t size = fs::file_size(path, problem);
  if (problem) throw Error(ErrorKind::Io, "cannot read the file", path.string() + ": " + problem.message());
  if (size > most) throw Error(ErrorKind::Format, "the file is too large for what it should hold", path.string());
  std::ifstream in(path, std::ios::binary);
  std::string text{std::istreambuf_iterator<char>(in), {}};
  if (!in.good() && !in.eof()) throw Error(ErrorKind::Io, "cannot read the file", path.string());
  return text;
}

RunPhase phase_from(const std::string& name, const fs::path& path) {
  for (const RunPhase phase : phases)
    if (name == name_of(phase)) return phase;
  throw Error(ErrorKind::Format, "the run's state is not one that is known", path.string() + ": " + name.substr(0, 50));
}

std::string host_name() {
  std::array<char, 256> name{};
  ::gethostname(name.data(), name.size() - 1);
  return name.data();
}

// Beyond this age a request that makes no sense is not one that is still being written.
bool still_fresh(const fs::path& path) {
  std::error_code problem;
  const auto age = fs::file_time_type::clock::now() - fs::last_write_time(path, problem);
  return !problem && age < std::chrono::seconds(2);
}

std::optional<ProbeRequest> probe_from(const std::string& text) {
  const auto json = nlohmann::json::parse(text, nullptr, false);
  if (!json.is_object()) return std::nullopt;
  ProbeRequest request;
  try {
    request.sample = json.value("sample", "");
    request.budget = json.value("budget", request.budget);
    if (json.contains("layers") && json["layers"].is_string())
      request.all_layers = json["layers"] == "all";
    else if (json.contains("layers"))
      request.layers = json["layers"].get<std::vector<int>>();
  } catch (const nlohmann::json::exception&) {
    return std::nullopt;
  }
  if (!(request.budget >= 0 && request.budget <= 1)) return std::nullopt;
  return request;
}

}  // namespace

fs::path RunLayout::checkpoint(std::int64_t step) const {
  return checkpoints() / ("step-" + std::to_string(step) + ".h5");
}

fs::path RunLayout::probe(std::int64_t step) const {
  return probes() / (padded(step) + ".h5");
}

const char* name_of(RunPhase phase) {
  switch (phase) {
    case RunPhase::Running:
      return "running";
    case RunPhase::Paused:
      return "paused";
    case RunPhase::Stopped:
      return "stopped";
    case RunPhase::Finished:
      return "finished";
    case RunPhase::Failed:
      return "failed";
    case RunPhase::Interrupted:
      break;
  }
  return "interrupted";
}

void write_run_state(const RunLayout& run, const RunState& state) {
  nlohmann::ordered_json json{
      {"state", name_of(state.phase)}, {"step", state.step},     {"steps", state.steps}, {"pid", ::getpid()},
      {"host", host_name()},           {"device", state.device}, {"time", utc_now()}};
  if (state.memory_predicted > 0) {
    json["memory_predicted"] = state.memory_predicted;
    json["memory_free"] = state.memory_free;
  }
  if (!state.error.empty()) json["error"] = state.error;
  if (!state.hint.empty()) json["hint"] = state.hint;
  write_text_atomically(run.state(), json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n");
}

RunState read_run_state(const RunLayout& run) {
  const fs::path path = run.state();
  const auto json = nlohmann::json::parse(text_of(path, most_state_bytes), nullptr, false);
  RunState state;
  try {
    state.phase = phase_from(json.at("state").get<std::string>(), path);
    state.step = json.value("step", std::int64_t{0});
    state.steps = json.value("steps", std::int64_t{0});
    state.pid = json.value("pid", std::int64_t{0});
    state.host = json.value("host", "");
    state.device = json.value("device", "");
    state.error = json.value("error", "");
    state.hint = json.value("hint", "");
    state.memory_predicted = json.value("memory_predicted", std::uint64_t{0});
    state.memory_free = json.value("memory_free", std::uint64_t{0});
  } catch (const nlohmann::json::exception&) {
    throw Error(ErrorKind::Format, "the run's state cannot be read", path.string());
  }
  if (state.alive() && !RunLock::is_held(run)) state.phase = RunPhase::Interrupted;
  return state;
}

const char* name_of(Request request) {
  switch (request) {
    case Request::Pause:
      return "pause";
    case Request::Resume:
      return "resume";
    case Request::Step:
      return "step";
    case Request::Save:
      return "save";
    case Request::Stop:
      break;
  }
  return "stop";
}

void send(const RunLayout& run, Request request) {
  write_text_atomically(run.control() / name_of(request), "");
}

void send(const RunLayout& run, const ProbeRequest& request) {
  nlohmann::ordered_json json{{"sample", request.sample}, {"layers", request.layers}, {"budget", request.budget}};
  if (request.all_layers) json["layers"] = "all";
  write_text_atomically(run.control() / probe_name,
                        json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n");
}

TakenRequests take_requests(const RunLayout& run) {
  struct Found {
    fs::file_time_type time;
    fs::path path;
  };
  std::vector<Found> found;
  std::error_code problem;
  for (const fs::directory_entry& entry : fs::directory_iterator(run.control(), problem)) {
    // Hidden files are requests on their way (core/base/atomic_file.h).
    if (entry.path().filename().string().front() != '.')
      found.push_back({entry.last_write_time(problem), entry.path()});
  }
  TakenRequests taken;
  if (found.empty()) return taken;
  std::sort(found.begin(), found.end(), [](const Found& a, const Found& b) { return a.time < b.time; });
  for (const Found& one : found) {
    const std::string name = one.path.filename().string();
    const auto known =
        std::find_if(requests.begin(), requests.end(), [&](Request request) { return name == name_of(request); });
    if (known != requests.end()) {
      taken.requests.push_back(*known);
    } else {
      std::optional<ProbeRequest> probe;
      std::error_code unreadable;
      if (name == probe_name && fs::file_size(one.path, unreadable) < most_state_bytes && !unreadable)
        probe = probe_from(text_of(one.path, most_state_bytes));
      if (!probe && name == probe_name && still_fresh(one.path)) continue;
      if (probe)
        taken.probe = probe;
      else
        taken.refused.push_back(name);
    }
    fs::remove_all(one.path, problem);
  }
  return taken;
}

bool is_run(const fs::path& path) {
  std::error_code problem;
  const RunLayout run(path);
  return fs::is_regular_file(run.config(), problem) && fs::is_directory(run.checkpoints(), problem);
}

void require_run(const fs::path& path) {
  if (!is_run(path))
    throw Error(ErrorKind::Config, "this is not the directory of a training run", path.string(),
                "A run has config.toml and checkpoints/; 'erwinscope train' makes it");
}

std::vector<fs::path> find_runs(const fs::path& folder) {
  std::vector<std::pair<fs::file_time_type, fs::path>> found;
  std::error_code problem;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder, problem)) {
    if (entry.path().filename().string().front() == '.' || !is_run(entry.path())) continue;
    std::error_code unknown;
    found.emplace_back(fs::last_write_time(RunLayout(entry.path()).state(), unknown), entry.path());
  }
  std::sort(found.begin(), found.end(), [](const auto& a, const auto& b) { return a > b; });
  std::vector<fs::path> runs;
  for (auto& [time, path] : found) runs.push_back(std::move(path));
  return runs;
}

fs::path fresh_run_path(const std::string& name, const fs::path& folder) {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  localtime_r(&now, &parts);
  char stamp[32];
  std::strftime(stamp, sizeof stamp, "%Y%m%d-%H%M%S", &parts);
  const fs::path first = folder / (name + "-" + stamp);
  fs::path path = first;
  std::error_code problem;
  for (int i = 2; fs::exists(path, problem); ++i) path = first.string() + "-" + std::to_string(i);
  return path;
}

std::string utc_now() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  gmtime_r(&now, &parts);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
  return text;
}

}  // namespace erwin
