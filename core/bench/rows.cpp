#include <fnmatch.h>

#include <algorithm>

#include "core/bench/bench.h"

namespace erwin::bench {

namespace {

bool faster(const std::optional<Timing>& a, const std::optional<Timing>& b) {
  return a && (!b || a->median < b->median);
}

double ratio_of(const std::optional<Timing>& peer, const std::optional<Timing>& ours) {
  return peer && ours ? peer->median / ours->median : 0;
}

}  // namespace

const char* name_of(Role role) {
  switch (role) {
    case Role::Ours:
      return "ours";
    case Role::Peer:
      return "peer";
    case Role::Other:
      break;
  }
  return "other";
}

std::string Row::name() const {
  return group + " | " + what + " | " + pass + " | " + precision;
}

double Row::best_ms() const {
  if (launched && replayed) return std::min(launched->median, replayed->median);
  return launched ? launched->median : replayed ? replayed->median : 0;
}

std::vector<Ratio> ratios(const std::vector<Row>& rows) {
  std::vector<Ratio> result;
  for (const Row& ours : rows) {
    if (ours.role != Role::Ours) continue;
    const Row *launched = nullptr, *replayed = nullptr;
    for (const Row& peer : rows) {
      if (peer.role != Role::Peer || peer.group != ours.group || peer.pass != ours.pass ||
          peer.precision != ours.precision)
        continue;
      if (faster(peer.launched, launched ? launched->launched : std::nullopt)) launched = &peer;
      if (faster(peer.replayed, replayed ? replayed->replayed : std::nullopt)) replayed = &peer;
    }
    if (!launched || !ours.launched) continue;
    result.push_back({ours.group, ours.what, ours.pass, ours.precision, launched->what,
                      ratio_of(launched->launched, ours.launched),
                      replayed ? ratio_of(replayed->replayed, ours.replayed) : 0, ours.aim});
  }
  return result;
}

Share share_of_ceiling(const Row& row, const Environment& environment) {
  const double seconds = row.best_ms() / 1000;
  if (seconds <= 0) return {};
  const double exps = environment.exps_per_second > 0 ? row.exps / seconds / environment.exps_per_second : 0;
  const double bytes = environment.bytes_per_second > 0 ? row.bytes / seconds / environment.bytes_per_second : 0;
  if (exps <= 0 && bytes <= 0) return {};
  return exps >= bytes ? Share{exps, "exp"} : Share{bytes, "bytes"};
}

bool matches(const std::string& name, const std::vector<std::string>& patterns) {
  if (patterns.empty()) return true;
  return std::any_of(patterns.begin(), patterns.end(), [&](const std::string& pattern) {
    return ::fnmatch(("*" + pattern + "*").c_str(), name.c_str(), 0) == 0;
  });
}

}  // namespace erwin::bench
