#include "core/attention/internal/row_reader.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

#include "core/base/error.h"
#include "kernels/parallel/parallel.h"

namespace erwin::attention {

namespace {

constexpr double minus_infinity = -std::numeric_limits<double>::infinity();

void add_vector(std::vector<double>& sum, std::span<const float> row, double share) {
  sum.resize(row.size());
  for (std::size_t e = 0; e < row.size(); ++e) sum[e] += share * static_cast<double>(row[e]);
}

}  // namespace

Keys RowReader::keys_of(const Array<float>& k, int head) const {
  return {k, kv_head_of(layer_, head), 1 / std::sqrt(static_cast<double>(layer_.head_dim)), nullptr, 0, {}};
}

// The query of the compressed branch: the token's, or the mean over the real queries of its block.
std::vector<double> RowReader::compressed_query(std::int64_t slot, int head) const {
  if (!tap_.query_per_block) return query_vector(layer_.q, slot, head);
  const SlotRange block = aligned_range(layer_, slot, layer_.block_size);
  std::vector<double> mean(at(layer_.head_dim));
  double count = 0;
  for (std::int64_t s = block.begin; s < block.end; ++s) {
    if (!layer_.real(s)) continue;
    add_vector(mean, layer_.q.row({s, head}), 1);
    ++count;
  }
  for (double& value : mean) value /= count;
  return mean;
}

HeadQuery RowReader::query_of(std::int64_t slot, int head) const {
  HeadQuery query{slot, head, {}, {}, {}, {}};
  if (!layer_.local_q.empty()) query.local_q = query_vector(layer_.local_q, slot, head);
  if (!layer_.positions.empty()) add_vector(query.position, layer_.positions.row({slot}), 1);
  if (layer_.kind != LayerKind::Nsa) return query;
  query.q = query_vector(layer_.q, slot, head);
  query.compressed_q = tap_.query_per_block ? compressed_query(slot, head) : query.q;
  return query;
}

HeadQuery RowReader::mean_query(std::span<const std::int64_t> slots, int head) const {
  HeadQuery query{slots.front(), head, {}, {}, {}, {}};
  const double share = 1 / static_cast<double>(slots.size());
  for (const std::int64_t slot : slots) {
    if (!layer_.local_q.empty()) add_vector(query.local_q, layer_.local_q.row({slot, head}), share);
    if (!layer_.positions.empty()) add_vector(query.position, layer_.positions.row({slot}), share);
    if (layer_.kind == LayerKind::Nsa) add_vector(query.q, layer_.q.row({slot, head}), share);
  }
  if (layer_.kind == LayerKind::Nsa)
    query.compressed_q = tap_.query_per_block ? compressed_query(slots.front(), head) : query.q;
  return query;
}

// A row that was recorded as a list.
double RowReader::read_listed(const HeadQuery& query) {
  local.assign(at(layer_.slots()), 0.0);
  local_mass = 0;
  for (std::int64_t i = layer_.weight_begin[at(query.slot)]; i < layer_.weight_begin[at(query.slot + 1)]; ++i) {
    const auto weight = static_cast<double>(layer_.weight.row({i})[at(query.head)]);
    local[at(layer_.weight_key[at(i)])] += weight;
    local_mass += weight;
  }
  return local_mass > 0 ? std::log(local_mass) : minus_infinity;
}

double RowReader::read_local(const HeadQuery& query) {
  ball = aligned_range(layer_, query.slot, layer_.ball_size);
  if (layer_.has_weights()) return read_listed(query);
  local.clear();
  Keys keys = keys_of(layer_.local_k, query.head);
  if (!layer_.sigma.empty()) {
    keys.positions = &layer_.positions;
    keys.sigma = static_cast<double>(layer_.sigma.values()[at(query.head)]);
    keys.query_position = query.position;
  }
  append_logits(layer_, keys, query.local_q, ball, local, job_);
  if (!layer_.hidden_block.empty())
    for (std::int64_t slot = ball.begin; slot < ball.end; ++slot)
      if (const std::int64_t block = slot / layer_.block_size;
          layer_.hidden(block) && block != query.slot / layer_.block_size)
        local[at(slot - ball.begin)] = minus_infinity;
  const double lse = softmax(local);
  local_mass = lse > minus_infinity ? 1 : 0;
  return lse;
}

double RowReader::read_selected(const HeadQuery& query) {
  chosen.clear();
  selected.clear();
  const Keys keys = keys_of(layer_.k, query.head);
  for (const std::int32_t block : layer_.selected.row({query.slot / layer_.block_size, keys.kv_head})) {
    if (block < 0) break;
    chosen.push_back(block);
    append_logits(layer_, keys, query.q, block_range(layer_, block), selected, job_);
  }
  return softmax(selected);
}

double RowReader::compressed_logit(const HeadQuery& query, std::int64_t block) const {
  const int group = kv_head_of(layer_, query.head);
  return dot(query.compressed_q, layer_.block_k.row({block, group})) / std::sqrt(static_cast<double>(layer_.head_dim));
}

double RowReader::memory_logit(const HeadQuery& query) const {
  return dot(query.compressed_q, layer_.memory_k.row({kv_head_of(layer_, query.head)})) /
         std::sqrt(static_cast<double>(layer_.head_dim));
}

double RowReader::read_compressed(const HeadQuery& query) {
  compressed.assign(at(layer_.blocks()), minus_infinity);
  for (std::int64_t block = 0; block < layer_.blocks(); ++block)
    if (block_is_real(layer_, block) && !layer_.hidden(block)) compressed[at(block)] = compressed_logit(query, block);
  if (!layer_.memory_k.empty()) compressed.push_back(memory_logit(query));
  const double lse = softmax(compressed);
  memory = layer_.memory_k.empty() ? 0 : compressed.back();
  compressed.resize(at(layer_.blocks()));
  return lse;
}

void RowReader::read_compressed_of(const HeadQuery& query, SlotRange blocks) {
  compressed.resize(at(layer_.blocks()));
  const double lse = static_cast<double>(layer_.lse_compressed.row({query.slot})[at(query.head)]);
  for (std::int64_t block = blocks.begin; block < blocks.end; ++block)
    compressed[at(block)] =
        block_is_real(layer_, block) && !layer_.hidden(block) ? std::exp(compressed_logit(query, block) - lse) : 0;
  memory = layer_.memory_k.empty() ? 0 : std::exp(memory_logit(query) - lse);
}

HeadGates gates_of(const LayerTap& layer, std::int64_t slot, int head) {
  if (layer.kind != LayerKind::Nsa) return {};
  const auto gate = [&](std::int64_t branch) { return static_cast<double>(layer.gate.row({slot, branch})[at(head)]); };
  return {gate(2), gate(0), gate(1)};
}

HeadGates branch_factors(const LayerTap& layer, std::int64_t slot, int head, Branch branch) {
  if (branch == Branch::All) return gates_of(layer, slot, head);
  return {branch == Branch::Local ? 1.0 : 0.0, branch == Branch::Compressed ? 1.0 : 0.0,
          branch == Branch::Selected ? 1.0 : 0.0};
}

WeightSum::WeightSum(const LayerTap& layer)
    : slot(at(layer.slots())), compressed(at(layer.blocks())), seen(at(layer.blocks())) {}

void WeightSum::clear(const LayerTap& layer, SlotRange range) {
  std::fill(slot.begin() + range.begin, slot.begin() + range.end, 0.0);
  if (layer.block_size > 0) {
    std::fill(compressed.begin(), compressed.end(), 0.0);
    std::fill(seen.begin(), seen.end(), 0);
  }
  local = selected = compressed_sum = memory = 0;
}

void add_row(RowReader& reader, const LayerTap& layer, std::int64_t slot, int head, Branch branch, double factor,
             WeightSum& sum) {
  const HeadGates gate = branch_factors(layer, slot, head, branch);
  const HeadQuery query = reader.query_of(slot, head);
  if (gate.local > 0) {
    const double weight = factor * gate.local;
    reader.read_local(query);
    sum.local += weight * reader.local_mass;
    for (std::size_t i = 0; i < reader.local.size(); ++i)
      sum.slot[at(reader.ball.begin) + i] += weight * reader.local[i];
    if (layer.block_size > 0)
      for (std::int64_t b = reader.ball.begin / layer.block_size; b * layer.block_size < reader.ball.end; ++b)
        sum.seen[at(b)] = 1;
  }
  if (gate.compressed > 0) {
    const double weight = factor * gate.compressed;
    reader.read_compressed(query);
    for (std::size_t b = 0; b < reader.compressed.size(); ++b) sum.compressed[b] += weight * reader.compressed[b];
    sum.memory += weight * reader.memory;
    sum.compressed_sum += weight * (1 - reader.memory);
  }
  if (gate.selected <= 0 || reader.read_selected(query) == minus_infinity) return;
  const double weight = factor * gate.selected;
  std::size_t next = 0;
  for (const std::int32_t block : reader.chosen) {
    const SlotRange range = block_range(layer, block);
    for (std::int64_t s = range.begin; s < range.end; ++s) sum.slot[at(s)] += weight * reader.selected[next++];
    sum.seen[at(block)] = 1;
  }
  sum.selected += weight;
}

SlotRange reach_of(const LayerTap& layer, std::int64_t slot) {
  return layer.kind == LayerKind::Nsa ? SlotRange{0, layer.slots()} : aligned_range(layer, slot, layer.ball_size);
}

void add_evenly(const LayerTap& layer, SlotRange slots, double weight, std::span<double> points) {
  const std::int64_t first = layer.slot_point_begin[at(slots.begin)], last = layer.slot_point_begin[at(slots.end)];
  for (std::int64_t i = first; i < last; ++i)
    points[at(layer.slot_points[at(i)])] += weight / static_cast<double>(last - first);
}

void spread_to_points(const LayerTap& layer, const WeightSum& sum, std::span<double> points) {
  for (std::int64_t slot = 0; slot < layer.slots(); ++slot)
    if (sum.slot[at(slot)] > 0) add_evenly(layer, {slot, slot + 1}, sum.slot[at(slot)], points);
  for (std::size_t block = 0; block < sum.compressed.size(); ++block)
    if (sum.compressed[block] > 0)
      add_evenly(layer, block_range(layer, static_cast<std::int64_t>(block)), sum.compressed[block], points);
}

std::vector<std::int32_t> answering_slots(const LayerTap& layer, std::int64_t point_count) {
  if (std::ssize(layer.point_slot) == point_count) return layer.point_slot;
  std::vector<std::int32_t> slots(at(point_count), -1);
  for (std::int64_t slot = layer.slots() - 1; slot >= 0; --slot)
    for (std::int64_t i = layer.slot_point_begin[at(slot)]; i < layer.slot_point_begin[at(slot + 1)]; ++i)
      slots[at(layer.slot_points[at(i)])] = static_cast<std::int32_t>(slot);
  return slots;
}

Answers answers_of(const LayerTap& layer, std::int64_t point_count) {
  const std::vector<std::int32_t> slot_of = answering_slots(layer, point_count);
  std::vector<std::int64_t> begin(at(layer.slots() + 1));
  for (const std::int32_t slot : slot_of)
    if (slot >= 0) ++begin[at(slot + 1)];
  for (std::size_t s = 1; s < begin.size(); ++s) begin[s] += begin[s - 1];
  Answers answers;
  answers.points.resize(at(begin.back()));
  std::vector<std::int64_t> next(begin.begin(), begin.end() - 1);
  for (std::int32_t point = 0; point < point_count; ++point)
    if (const std::int32_t slot = slot_of[at(point)]; slot >= 0) answers.points[at(next[at(slot)]++)] = point;
  answers.begin.push_back(0);
  for (std::int64_t slot = 0; slot < layer.slots(); ++slot) {
    if (begin[at(slot)] == begin[at(slot + 1)]) continue;
    answers.slots.push_back(slot);
    answers.begin.push_back(begin[at(slot + 1)]);
  }
  return answers;
}

void for_row_stripes(std::int64_t rows, std::int64_t rows_per_chunk, const Job& job, std::string_view what,
                     const std::function<void(std::int64_t stripe, std::int64_t first, std::int64_t last)>& body) {
  for (std::int64_t chunk = 0; chunk < rows; chunk += rows_per_chunk) {
    job.check();
    job.progress(static_cast<double>(chunk) / static_cast<double>(rows), what);
    const std::int64_t count = std::min(rows_per_chunk, rows - chunk);
    parallel_for(0, stripe_count, 1, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t stripe = begin; stripe < end; ++stripe)
        body(stripe, chunk + count * stripe / stripe_count, chunk + count * (stripe + 1) / stripe_count);
    });
  }
}

PointSums weighted_rows(const Tap& tap, const LayerTap& layer, std::span<const int> heads, Branch branch,
                        std::span<const double> weight, const Job& job, std::string_view what) {
  std::vector<std::int64_t> slots;
  for (std::int64_t slot = 0; slot < layer.slots(); ++slot)
    if (weight[at(slot)] != 0) slots.push_back(slot);
  std::vector<WeightSum> sums(at(stripe_count), WeightSum(layer));
  for_row_stripes(std::ssize(slots), 1024, job, what, [&](std::int64_t stripe, std::int64_t first, std::int64_t last) {
    RowReader reader(tap, layer, job);
    for (std::int64_t i = first; i < last; ++i) {
      job.check();
      for (const int head : heads)
        add_row(reader, layer, slots[at(i)], head, branch, weight[at(slots[at(i)])] / static_cast<double>(heads.size()),
                sums[at(stripe)]);
    }
  });
  PointSums result{std::vector<double>(at(tap.point_count)), 0};
  for (const WeightSum& sum : sums) {
    spread_to_points(layer, sum, result.points);
    result.memory += sum.memory;
  }
  return result;
}

std::vector<int> layers_of(const Tap& tap, const std::vector<int>& asked) {
  if (!asked.empty()) return asked;
  std::vector<int> all;
  for (const LayerTap& layer : tap.layers) all.push_back(layer.layer);
  return all;
}

void require_positions(const Tap& tap, std::span<const float> positions) {
  if (std::ssize(positions) != 3 * tap.point_count)
    throw Error(ErrorKind::Internal, "the attention record is of another cloud",
                std::to_string(tap.point_count) + " points against " + std::to_string(positions.size() / 3));
}

void require_branch(const LayerTap& layer, Branch branch) {
  if (layer.kind != LayerKind::Nsa && (branch == Branch::Compressed || branch == Branch::Selected))
    throw Error(ErrorKind::Config, std::string("this layer has no ") + name_of(branch) + " branch",
                "layer " + std::to_string(layer.layer) + " " + layer.name + " is of kind " + name_of(layer.kind),
                "Choose the branch all or local");
}

}  // namespace erwin::attention
