#include "app/bench_report.h"

#include <cstdio>
#include <ctime>

#include "core/base/version.h"

namespace erwin::app {

namespace {

using nlohmann::ordered_json;

constexpr double megabyte = 1e6;

std::string formatted(const char* format, double value) {
  char text[64];
  std::snprintf(text, sizeof text, format, value);
  return text;
}

std::string padded(const std::string& text, std::size_t width) {
  return text.size() < width ? std::string(width - text.size(), ' ') + text : text;
}

std::string time_text(const std::optional<bench::Timing>& timing) {
  return timing ? formatted("%.4g", timing->median) : "-";
}

std::string spread_text(const bench::Row& row) {
  if (!row.launched) return "-";
  return formatted("%.4g", row.launched->fastest) + ".." + formatted("%.4g", row.launched->slowest);
}

// "12.3 (1.5x)": megabytes at the peak, and times the bytes of q, k, v and the result.
std::string memory_text(const bench::Row& row) {
  if (!row.peak_bytes) return "-";
  const auto peak = static_cast<double>(*row.peak_bytes);
  std::string text = formatted("%.4g", peak / megabyte);
  if (row.tensor_bytes && *row.tensor_bytes > 0)
    text += formatted(" (%.2gx)", peak / static_cast<double>(*row.tensor_bytes));
  return text;
}

std::string share_text(const bench::Share& share) {
  return share.value > 0 ? formatted("%.0f %% ", 100 * share.value) + share.of : "-";
}

std::string quoted_text(const bench::Row& row) {
  if (row.quoted_ms <= 0 || row.best_ms() <= 0) return {};
  std::string text = formatted("  authors' compiled %g ms", row.quoted_ms);
  if (row.quoted_bytes > 0) text += formatted(", %g GB", row.quoted_bytes / 1e9);
  return text + formatted(" (quoted, H100): %.2f of it", row.best_ms() / row.quoted_ms);
}

std::string columns(const std::string& what, const std::string& pass, const std::string& precision,
                    const std::string& launched, const std::string& spread, const std::string& replayed,
                    const std::string& runs, const std::string& memory, const std::string& share) {
  std::string line = "  " + what;
  line.resize(std::max<std::size_t>(line.size(), 46), ' ');
  std::string middle = " " + pass;
  middle.resize(std::max<std::size_t>(middle.size(), 20), ' ');
  return line + middle + padded(precision, 8) + padded(launched, 10) + padded(spread, 22) + padded(replayed, 10) +
         padded(runs, 6) + padded(memory, 18) + padded(share, 12);
}

ordered_json json_of(const bench::Timing& timing) {
  return {{"median", timing.median},
          {"lower_quartile", timing.lower_quartile},
          {"upper_quartile", timing.upper_quartile},
          {"fastest", timing.fastest},
          {"slowest", timing.slowest},
          {"runs", timing.runs}};
}

ordered_json json_of(const bench::Row& row, const bench::Environment& environment) {
  ordered_json entry{{"group", row.group},
                     {"what", row.what},
                     {"pass", row.pass},
                     {"precision", row.precision},
                     {"role", bench::name_of(row.role)},
                     {"shape", row.shape}};
  if (row.launched) entry["launched_ms"] = json_of(*row.launched);
  if (row.replayed) entry["graph_ms"] = json_of(*row.replayed);
  if (row.peak_bytes) entry["peak_bytes"] = *row.peak_bytes;
  if (row.reserved_bytes) entry["reserved_bytes"] = *row.reserved_bytes;
  if (row.tensor_bytes) entry["tensor_bytes"] = *row.tensor_bytes;
  if (row.exps > 0) entry["exps"] = row.exps;
  if (row.bytes > 0) entry["bytes"] = row.bytes;
  const bench::Share share = bench::share_of_ceiling(row, environment);
  if (share.value > 0) entry["share_of_ceiling"] = {{"value", share.value}, {"of", share.of}};
  if (row.aim > 0) entry["aim"] = row.aim;
  if (row.quoted_ms > 0) entry["quoted_ms_authors_compiled_h100"] = row.quoted_ms;
  if (row.quoted_bytes > 0) entry["quoted_bytes_authors_compiled_h100"] = row.quoted_bytes;
  if (!row.note.empty()) entry["note"] = row.note;
  return entry;
}

ordered_json json_of(const bench::Ratio& ratio) {
  ordered_json entry{{"group", ratio.group},         {"ours", ratio.ours}, {"pass", ratio.pass},
                     {"precision", ratio.precision}, {"peer", ratio.peer}, {"launched", ratio.launched}};
  if (ratio.replayed > 0) entry["graph"] = ratio.replayed;
  if (ratio.aim > 0) {
    entry["aim"] = ratio.aim;
    entry["met"] = std::max(ratio.launched, ratio.replayed) >= ratio.aim;
  }
  return entry;
}

void print(const std::vector<bench::Ratio>& ratios) {
  if (ratios.empty()) return;
  std::printf("\nfastest peer's time over ours\n");
  for (const bench::Ratio& ratio : ratios) {
    std::printf("  %s, %s, %s, %s: %.2f", ratio.group.c_str(), ratio.ours.c_str(), ratio.pass.c_str(),
                ratio.precision.c_str(), ratio.launched);
    if (ratio.replayed > 0) std::printf(", as graphs %.2f", ratio.replayed);
    if (ratio.aim > 0)
      std::printf("; aim %g: %s", ratio.aim, std::max(ratio.launched, ratio.replayed) >= ratio.aim ? "met" : "missed");
    std::printf(" (%s)\n", ratio.peer.c_str());
  }
}

}  // namespace

std::string today() {
  const std::time_t now = std::time(nullptr);
  std::tm utc{};
  gmtime_r(&now, &utc);
  char text[16];
  std::strftime(text, sizeof text, "%Y-%m-%d", &utc);
  return text;
}

std::string line_of(const bench::Row& row, const bench::Environment& environment) {
  std::string line = columns(row.what, row.pass, row.precision, time_text(row.launched), spread_text(row),
                             time_text(row.replayed), row.launched ? std::to_string(row.launched->runs) : "-",
                             memory_text(row), share_text(bench::share_of_ceiling(row, environment))) +
                     quoted_text(row);
  return row.note.empty() ? line : line + "  " + row.note;
}

void print(const std::vector<bench::Row>& rows, const bench::Environment& environment) {
  std::printf("%s, %d threads; torch %s, CUDA %s", environment.device.c_str(), environment.threads,
              environment.torch.c_str(), environment.cuda.c_str());
  if (!environment.driver.empty()) std::printf(", driver %s", environment.driver.c_str());
  if (!environment.cudnn.empty()) std::printf(", cuDNN %s", environment.cudnn.c_str());
  std::printf(
      "; %s\nmedians in ms; 'graph': recorded once, then one launch per run\n%s\n", today().c_str(),
      columns("what", "pass", "type", "launched", "fastest..slowest", "graph", "runs", "peak MB (x qkvo)", "of ceiling")
          .c_str());
  const std::string* group = nullptr;
  for (const bench::Row& row : rows) {
    if (!group || *group != row.group) std::printf("%s\n", row.group.c_str());
    group = &row.group;
    std::printf("%s\n", line_of(row, environment).c_str());
  }
  print(bench::ratios(rows));
}

ordered_json json_of(const std::string& name, const std::vector<bench::Row>& rows,
                     const bench::Environment& environment) {
  ordered_json table = ordered_json::array(), compared = ordered_json::array();
  for (const bench::Row& row : rows) table.push_back(json_of(row, environment));
  for (const bench::Ratio& ratio : bench::ratios(rows)) compared.push_back(json_of(ratio));
  return {{"schema", 1},
          {"bench", name},
          {"erwinscope", ERWINSCOPE_VERSION},
          {"date", today()},
          {"environment",
           {{"device", environment.device},
            {"id", environment.id},
            {"driver", environment.driver},
            {"torch", environment.torch},
            {"cuda", environment.cuda},
            {"cudnn", environment.cudnn},
            {"threads", environment.threads},
            {"compiler", __VERSION__}}},
          {"method",
           "median of up to 20 runs or 10 s, at least 2, after runs to warm up; the L2 cache of a GPU is overwritten "
           "before each run of a working set below 50 MB; launched_ms: kernel by kernel; graph_ms: recorded as a CUDA "
           "graph"},
          {"rows", table},
          {"ratios", compared}};
}

}  // namespace erwin::app
