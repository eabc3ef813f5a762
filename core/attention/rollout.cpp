#include "core/attention/rollout.h"

#include <algorithm>
#include <functional>
#include <numeric>

#include "core/attention/internal/row_reader.h"
#include "core/base/error.h"

namespace erwin {

namespace {

using namespace attention;

// The units of a layer and the points they stand for.
struct Units {
  std::int64_t count = 0;
  std::vector<std::int32_t> of_point;  // [n]
  std::vector<double> points;          // [units] how many
};

Units units_of(const LayerTap& layer, const Answers& answers, std::int64_t slots_per_unit, std::int64_t points) {
  Units units;
  units.count = (layer.slots() + slots_per_unit - 1) / slots_per_unit;
  units.of_point.assign(at(points), -1);
  units.points.resize(at(units.count));
  for (std::size_t i = 0; i < answers.slots.size(); ++i)
    for (std::int64_t p = answers.begin[i]; p < answers.begin[i + 1]; ++p) {
      const std::int64_t unit = answers.slots[i] / slots_per_unit;
      units.of_point[at(answers.points[at(p)])] = static_cast<std::int32_t>(unit);
      ++units.points[at(unit)];
    }
  return units;
}

std::vector<double> collected(const Units& units, std::span<const double> points) {
  std::vector<double> sums(at(units.count));
  for (std::size_t p = 0; p < points.size(); ++p)
    if (units.of_point[p] >= 0) sums[at(units.of_point[p])] += points[p];
  return sums;
}

// The sum of a slot's row over points and memory, mean over heads.
double row_sum(const LayerTap& layer, std::int64_t slot) {
  double sum = 0;
  for (int head = 0; head < layer.heads; ++head) {
    if (layer.has_weights()) {
      for (std::int64_t i = layer.weight_begin[at(slot)]; i < layer.weight_begin[at(slot + 1)]; ++i)
        sum += static_cast<double>(layer.weight.row({i})[at(head)]);
      continue;
    }
    const HeadGates gate = gates_of(layer, slot, head);
    sum += gate.local + gate.compressed;
    if (layer.kind == LayerKind::Nsa && layer.selected.size(2) > 0 &&
        layer.selected.row({slot / layer.block_size, kv_head_of(layer, head)})[0] >= 0)
      sum += gate.selected;
  }
  return sum / layer.heads;
}

// Carries weights of points through a layer; answers what goes to the sink.
double carry(const Tap& tap, const LayerTap& layer, std::int64_t slots_per_unit, std::vector<double>& points,
             const Job& job) {
  const Answers answers = answers_of(layer, tap.point_count);
  const Units units = units_of(layer, answers, slots_per_unit, tap.point_count);
  const std::vector<double> before = collected(units, points);
  std::vector<double> sums(at(units.count)), queries(at(units.count));
  for (const std::int64_t slot : answers.slots) {
    sums[at(slot / slots_per_unit)] += row_sum(layer, slot);
    ++queries[at(slot / slots_per_unit)];
  }
  // Row u of A: the mean over the unit's queries, divided by its sum.
  std::vector<double> weight(at(layer.slots()));
  for (const std::int64_t slot : answers.slots) {
    const std::size_t unit = at(slot / slots_per_unit);
    if (sums[unit] > 0) weight[at(slot)] = before[unit] / sums[unit];
  }
  const std::vector<int> heads = heads_of(layer, -1);
  const PointSums looked =
      weighted_rows(tap, layer, heads, Branch::All, weight, job, "rollout through layer " + layer.name);
  std::vector<double> after = collected(units, looked.points);
  for (std::size_t unit = 0; unit < after.size(); ++unit)
    // A unit whose gates are all 0 looks at nothing and keeps its weight.
    after[unit] = sums[unit] > 0 ? (before[unit] + after[unit]) / 2 : before[unit] + after[unit] / 2;
  for (std::size_t p = 0; p < points.size(); ++p)
    points[p] = units.of_point[p] < 0 ? 0 : after[at(units.of_point[p])] / units.points[at(units.of_point[p])];
  return looked.memory / 2;
}

}  // namespace

Concentration concentration_of(std::span<const float> weights) {
  std::vector<float> sorted(weights.begin(), weights.end());
  std::sort(sorted.begin(), sorted.end(), std::greater<>());
  const double whole = std::accumulate(sorted.begin(), sorted.end(), 0.0);
  Concentration result;
  if (whole <= 0) return result;
  const auto share = [&](double fraction) {
    double sum = 0;
    for (std::size_t i = 0; i < sorted.size(); ++i) {
      sum += static_cast<double>(sorted[i]);
      if (sum >= fraction * whole) return static_cast<double>(i + 1) / static_cast<double>(sorted.size());
    }
    return 1.0;
  };
  result.share_50 = share(0.5);
  result.share_90 = share(0.9);
  result.share_99 = share(0.99);
  return result;
}

std::vector<RolloutStep> rollout(const Tap& tap, const RolloutRequest& request, const Job& job) {
  if (request.unit_slots < 0)
    throw Error(ErrorKind::Config, "a unit of the rollout must hold a slot", std::to_string(request.unit_slots));
  if (tap.layers.empty()) (void)tap.require_layer(std::max(0, request.last_layer));
  const int last = request.last_layer < 0 ? tap.layers.back().layer : tap.require_layer(request.last_layer).layer;
  if (request.point < 0 || request.point >= tap.point_count)
    throw Error(ErrorKind::Config, "there is no point " + std::to_string(request.point),
                "the sample has points 0 to " + std::to_string(tap.point_count - 1));
  std::vector<double> points(at(tap.point_count));
  points[at(request.point)] = 1;
  std::vector<RolloutStep> steps;
  double sink = 0;
  for (auto layer = tap.layers.rbegin(); layer != tap.layers.rend(); ++layer) {
    if (layer->layer > last) continue;
    require_record(*layer);
    const std::int64_t own = layer->block_size > 0 ? layer->block_size : 1;
    sink += carry(tap, *layer, request.unit_slots > 0 ? request.unit_slots : own, points, job);
    RolloutStep step{layer->layer, layer->name, {points.begin(), points.end()}, sink, {}};
    step.concentration = concentration_of(step.points);
    steps.push_back(std::move(step));
  }
  return steps;
}

}  // namespace erwin
