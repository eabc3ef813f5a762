#include "core/train/metrics.h"

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>

#include "core/base/atomic_file.h"
#include "core/base/error.h"
#include "core/train/run_directory.h"

namespace erwin {

namespace fs = std::filesystem;

namespace {

using Json = nlohmann::json;

// A line longer than any that is written; what follows up to its end is not kept in memory.
constexpr std::size_t most_line_bytes = 1 << 16;

double real(const Json& json, const char* key) {
  const auto found = json.find(key);
  return found != json.end() && found->is_number() ? found->get<double>() : 0.0;
}

std::int64_t whole(const Json& json, const char* key, std::int64_t fallback = 0) {
  const auto found = json.find(key);
  return found != json.end() && found->is_number_integer() ? found->get<std::int64_t>() : fallback;
}

TrainEntry train_entry(const Json& json, std::int64_t step) {
  TrainEntry entry;
  entry.step = step;
  entry.loss = real(json, "loss");
  entry.learning_rate = real(json, "lr");
  entry.gradient_norm = real(json, "gradient_norm");
  entry.seconds = real(json, "seconds");
  entry.rate = real(json, "rate");
  entry.memory = static_cast<std::uint64_t>(std::max<std::int64_t>(0, whole(json, "memory")));
  return entry;
}

ValidationEntry validation_entry(const Json& json, std::int64_t step) {
  const Json& values = json["validation"];
  ValidationEntry entry;
  entry.step = step;
  entry.mse_standardised = real(values, "mse_standardised");
  entry.mse = real(values, "mse");
  entry.mae = real(values, "mae");
  entry.relative_l2 = real(values, "relative_l2");
  if (values.contains("nll")) entry.nll = Likelihood{real(values, "nll_standardised"), real(values, "nll")};
  entry.samples = whole(values, "samples");
  if (const auto split = values.find("split"); split != values.end() && split->is_string())
    entry.split = split->get<std::string>();
  entry.seconds = real(values, "seconds");
  if (const auto best = json.find("best"); best != json.end() && best->is_boolean()) entry.best = best->get<bool>();
  return entry;
}

ProbeEntry probe_entry(const Json& json, std::int64_t step) {
  return {step, real(json["probe"], "seconds"), real(json["probe"], "share")};
}

// Puts an entry at its step's place, over one that is there.
template <typename Entry>
void put(std::vector<Entry>& entries, Entry entry) {
  const auto place = std::lower_bound(entries.begin(), entries.end(), entry.step,
                                      [](const Entry& one, std::int64_t step) { return one.step < step; });
  if (place != entries.end() && place->step == entry.step)
    *place = std::move(entry);
  else
    entries.insert(place, std::move(entry));
}

template <typename Entry>
void drop_beyond(std::vector<Entry>& entries, std::int64_t step) {
  while (!entries.empty() && entries.back().step > step) entries.pop_back();
}

constexpr const char* table_head =
    "step,loss,lr,gradient_norm,seconds,rate,memory,"
    "validation_mse_standardised,validation_mse,validation_mae,validation_relative_l2,"
    "validation_nll_standardised,validation_nll\n";

std::string number(double value) {
  char text[32];
  return {text, std::to_chars(text, text + sizeof text, value).ptr};
}

std::string table_row(const TrainEntry& entry) {
  return std::to_string(entry.step) + "," + number(entry.loss) + "," + number(entry.learning_rate) + "," +
         number(entry.gradient_norm) + "," + number(entry.seconds) + "," + number(entry.rate) + "," +
         std::to_string(entry.memory) + ",,,,,,\n";
}

std::string table_row(const ValidationEntry& entry) {
  return std::to_string(entry.step) + ",,,,,,," + number(entry.mse_standardised) + "," + number(entry.mse) + "," +
         number(entry.mae) + "," + number(entry.relative_l2) +
         (entry.nll ? "," + number(entry.nll->standardised) + "," + number(entry.nll->real) : ",,") + "\n";
}

}  // namespace

void MetricsHistory::append(std::string_view bytes) {
  while (!bytes.empty()) {
    const std::size_t end = bytes.find('\n');
    const std::string_view part = bytes.substr(0, end);
    if (unfinished_.size() + part.size() <= most_line_bytes)
      unfinished_ += part;
    else
      unfinished_.assign(most_line_bytes, ' ');
    if (end == std::string_view::npos) return;
    take_line(unfinished_);
    unfinished_.clear();
    bytes.remove_prefix(end + 1);
  }
}

void MetricsHistory::clear() {
  *this = MetricsHistory();
}

void MetricsHistory::take_line(std::string_view line) {
  const Json json = Json::parse(line, nullptr, false);
  if (!json.is_object()) return;
  if (const std::int64_t from = whole(json, "resumed_from", -1); from >= 0) {
    ++resumes_;
    drop_beyond(training_, from);
    drop_beyond(validation_, from);
    drop_beyond(probes_, from);
    return;
  }
  const std::int64_t step = whole(json, "step", -1);
  if (step < 0) return;
  const auto is_object = [&](const char* key) { return json.contains(key) && json[key].is_object(); };
  if (is_object("validation"))
    put(validation_, validation_entry(json, step));
  else if (is_object("probe"))
    put(probes_, probe_entry(json, step));
  else if (json.contains("loss") && json["loss"].is_number())
    put(training_, train_entry(json, step));
}

const ValidationEntry* MetricsHistory::best() const {
  for (auto entry = validation_.rbegin(); entry != validation_.rend(); ++entry)
    if (entry->best) return &*entry;
  return nullptr;
}

MetricsHistory read_metrics(const fs::path& jsonl) {
  MetricsHistory history;
  std::error_code problem;
  if (!fs::exists(jsonl, problem)) return history;
  std::ifstream in(jsonl, std::ios::binary);
  std::string piece(1 << 16, '\0');
  while (in) {
    in.read(piece.data(), static_cast<std::streamsize>(piece.size()));
    history.append(std::string_view(piece).substr(0, static_cast<std::size_t>(in.gcount())));
  }
  if (!in.eof()) throw Error(ErrorKind::Io, "cannot read the metrics", jsonl.string());
  return history;
}

MetricsWriter::MetricsWriter(fs::path jsonl, fs::path table)
    : jsonl_path_(std::move(jsonl)), table_path_(std::move(table)) {
  std::error_code problem;
  const bool continued = fs::exists(jsonl_path_, problem) && fs::file_size(jsonl_path_, problem) > 0;
  char last = '\n';
  if (continued) {
    std::ifstream in(jsonl_path_, std::ios::binary);
    in.seekg(-1, std::ios::end);
    in.get(last);
  }
  jsonl_.open(jsonl_path_, std::ios::app | std::ios::binary);
  put(jsonl_, jsonl_path_, last == '\n' ? "" : "\n");
  write_table(read_metrics(jsonl_path_));
}

void MetricsWriter::write_table(const MetricsHistory& history) {
  table_.close();
  write_file_atomically(table_path_, [&](const fs::path& temporary) {
    std::ofstream out(temporary, std::ios::binary);
    out << table_head;
    auto validation = history.validation().begin();
    const auto rows_up_to = [&](std::int64_t step) {
      for (; validation != history.validation().end() && validation->step <= step; ++validation)
        out << table_row(*validation);
    };
    for (const TrainEntry& entry : history.training()) {
      rows_up_to(entry.step - 1);
      out << table_row(entry);
    }
    rows_up_to(std::numeric_limits<std::int64_t>::max());
    out.close();
    if (!out)
      throw Error(ErrorKind::Io, "cannot write the metrics", table_path_.string(), "Check the free space of the disk");
  });
  table_.open(table_path_, std::ios::app | std::ios::binary);
}

void MetricsWriter::put(std::ofstream& file, const fs::path& path, const std::string& line) {
  file << line << std::flush;
  if (!file) throw Error(ErrorKind::Io, "cannot write the metrics", path.string(), "Check the free space of the disk");
}

void MetricsWriter::resumed_from(std::int64_t step) {
  const nlohmann::ordered_json line{{"resumed_from", step}, {"time", utc_now()}};
  put(jsonl_, jsonl_path_, line.dump() + "\n");
  write_table(read_metrics(jsonl_path_));
}

void MetricsWriter::append(const TrainEntry& entry) {
  const nlohmann::ordered_json line{{"step", entry.step},        {"loss", entry.loss},
                                    {"lr", entry.learning_rate}, {"gradient_norm", entry.gradient_norm},
                                    {"seconds", entry.seconds},  {"rate", entry.rate},
                                    {"memory", entry.memory}};
  put(jsonl_, jsonl_path_, line.dump() + "\n");
  put(table_, table_path_, table_row(entry));
}

void MetricsWriter::append(const ValidationEntry& entry) {
  nlohmann::ordered_json line{{"step", entry.step},
                              {"validation",
                               {{"mse_standardised", entry.mse_standardised},
                                {"mse", entry.mse},
                                {"mae", entry.mae},
                                {"relative_l2", entry.relative_l2},
                                {"samples", entry.samples},
                                {"split", entry.split},
                                {"seconds", entry.seconds}}}};
  if (entry.nll) {
    line["validation"]["nll_standardised"] = entry.nll->standardised;
    line["validation"]["nll"] = entry.nll->real;
  }
  if (entry.best) line["best"] = true;
  put(jsonl_, jsonl_path_, line.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n");
  put(table_, table_path_, table_row(entry));
}

void MetricsWriter::append(const ProbeEntry& entry) {
  const nlohmann::ordered_json line{{"step", entry.step},
                                    {"probe", {{"seconds", entry.seconds}, {"share", entry.share}}}};
  put(jsonl_, jsonl_path_, line.dump() + "\n");
}

}  // namespace erwin
