#include "core/attention/summary.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <map>

#include "core/attention/internal/row_reader.h"
#include "core/attention/internal/row_shape.h"
#include "core/base/error.h"

namespace erwin {

namespace {

using namespace attention;

constexpr float not_there = std::numeric_limits<float>::quiet_NaN();

// What is gathered per point, in the order of the fields.
enum Column {
  gate_local,
  gate_compressed,
  gate_selected,
  entropy,
  effective_keys,
  mean_distance,
  share_local,
  share_compressed,
  share_selected,
  share_memory,
  received,
  selection_count,
  columns
};
struct ColumnInfo {
  const char* name;
  const char* unit;
  bool nsa_only;
};
constexpr std::array<ColumnInfo, columns> infos{{{"gate_local", "", true},
                                                 {"gate_compressed", "", true},
                                                 {"gate_selected", "", true},
                                                 {"entropy", "nat", false},
                                                 {"effective_keys", "points", false},
                                                 {"distance", nullptr, false},
                                                 {"share_local", "", true},
                                                 {"share_compressed", "", true},
                                                 {"share_selected", "", true},
                                                 {"share_memory", "", true},
                                                 {"received", "points", false},
                                                 {"selection_count", "blocks", true}}};

// Adds up a layer's rows; a stripe of rows has its own scratch and its own sums of what points receive.
class LayerSummariser {
public:
  LayerSummariser(const Tap& tap, const LayerTap& layer, std::span<const float> positions, int head, const Job& job)
      : tap_(tap),
        layer_(layer),
        positions_(positions),
        heads_(heads_of(layer, head)),
        job_(job),
        answers_(answers_of(layer, tap.point_count)) {
    for (auto& column : values_) column.assign(at(tap.point_count), not_there);
    const bool copies = has_copies(layer, tap.point_count);
    for (std::int64_t stripe = 0; stripe < stripe_count; ++stripe)
      stripes_.push_back({RowReader(tap, layer, job), WeightSum(layer), PointRow(layer, tap.point_count, copies),
                          std::vector<double>(at(tap.point_count))});
  }

  LayerSummary run(const std::string& unit, int head) {
    for_row_stripes(std::ssize(answers_.slots), 512, job_, "summing up layer " + layer_.name,
                    [this](std::int64_t stripe, std::int64_t first, std::int64_t last) {
                      for (std::int64_t i = first; i < last; ++i) add_slot(stripes_[at(stripe)], i);
                    });
    add_received();
    if (layer_.kind == LayerKind::Nsa) count_selections();
    LayerSummary summary{layer_.layer, layer_.name, head, {}};
    for (std::size_t c = 0; c < columns; ++c) {
      if (infos[c].nsa_only && layer_.kind != LayerKind::Nsa) continue;
      summary.fields.emplace_back(infos[c].name, FieldKind::Scalar, 1, std::move(values_[c]),
                                  infos[c].unit ? infos[c].unit : unit);
    }
    return summary;
  }

private:
  struct Stripe {
    RowReader reader;
    WeightSum sum;
    PointRow row;
    std::vector<double> received;
  };

  void set(Column column, std::int32_t point, double value) { values_[column][at(point)] = static_cast<float>(value); }

  void add_slot(Stripe& stripe, std::int64_t index) {
    job_.check();
    const std::int64_t slot = answers_.slots[at(index)];
    const SlotRange reach = reach_of(layer_, slot);
    const double share = 1 / static_cast<double>(heads_.size());
    stripe.sum.clear(layer_, reach);
    HeadGates gates{0, 0, 0};
    for (const int head : heads_) {
      add_row(stripe.reader, layer_, slot, head, Branch::All, share, stripe.sum);
      const HeadGates own = gates_of(layer_, slot, head);
      gates.local += share * own.local;
      gates.compressed += share * own.compressed;
      gates.selected += share * own.selected;
    }
    stripe.row.read(stripe.sum, reach);
    const std::int64_t first = answers_.begin[at(index)], last = answers_.begin[at(index) + 1];
    for (const std::int32_t to : stripe.row.points())
      stripe.received[at(to)] += static_cast<double>(last - first) * stripe.row.weights()[at(to)];
    const double entropy_of_row = stripe.row.entropy();
    const WeightSum& sum = stripe.sum;
    const double whole = sum.local + sum.compressed_sum + sum.selected + sum.memory;
    for (std::int64_t i = first; i < last; ++i) {
      const std::int32_t point = answers_.points[at(i)];
      set(gate_local, point, gates.local);
      set(gate_compressed, point, gates.compressed);
      set(gate_selected, point, gates.selected);
      set(entropy, point, entropy_of_row);
      set(effective_keys, point, std::exp(entropy_of_row));
      set(mean_distance, point, stripe.row.mean_distance(point, positions_));
      set(share_local, point, whole > 0 ? sum.local / whole : 0);
      set(share_compressed, point, whole > 0 ? sum.compressed_sum / whole : 0);
      set(share_selected, point, whole > 0 ? sum.selected / whole : 0);
      set(share_memory, point, whole > 0 ? sum.memory / whole : 0);
    }
  }

  void add_received() {
    std::vector<double> total(at(tap_.point_count));
    for (const Stripe& stripe : stripes_)
      for (std::size_t p = 0; p < total.size(); ++p) total[p] += stripe.received[p];
    values_[received].assign(total.begin(), total.end());
  }

  void count_selections() {
    std::vector<double> count(at(layer_.blocks()));
    std::vector<int> groups;
    for (const int head : heads_)
      if (groups.empty() || groups.back() != kv_head_of(layer_, head)) groups.push_back(kv_head_of(layer_, head));
    for (std::int64_t block = 0; block < layer_.blocks(); ++block)
      for (const int group : groups)
        for (const std::int32_t chosen : layer_.selected.row({block, group})) {
          if (chosen < 0) break;
          count[at(chosen)] += 1 / static_cast<double>(groups.size());
        }
    for (std::size_t i = 0; i < answers_.slots.size(); ++i)
      for (std::int64_t p = answers_.begin[i]; p < answers_.begin[i + 1]; ++p)
        set(selection_count, answers_.points[at(p)], count[at(answers_.slots[i] / layer_.block_size)]);
  }

  const Tap& tap_;
  const LayerTap& layer_;
  std::span<const float> positions_;
  std::vector<int> heads_;
  const Job& job_;
  Answers answers_;
  std::vector<Stripe> stripes_;
  std::array<std::vector<float>, columns> values_;
};

}  // namespace

const Field* LayerSummary::field(std::string_view wanted) const {
  for (const Field& candidate : fields)
    if (candidate.name() == wanted) return &candidate;
  return nullptr;
}

std::vector<LayerSummary> summarise(const Tap& tap, std::span<const float> positions, const std::string& unit,
                                    const SummaryRequest& request, const Job& job) {
  require_positions(tap, positions);
  std::vector<LayerSummary> summaries;
  for (const int number : layers_of(tap, request.layers)) {
    const LayerTap& layer = tap.require_layer(number);
    require_record(layer);
    summaries.push_back(LayerSummariser(tap, layer, positions, request.head, job).run(unit, request.head));
  }
  return summaries;
}

LayerSummary mean_of(const std::vector<LayerSummary>& layers) {
  LayerSummary mean{-1, "mean over layers", layers.empty() ? -1 : layers.front().head, {}};
  for (const ColumnInfo& info : infos) {
    std::vector<double> sum;
    double count = 0;
    std::string unit;
    for (const LayerSummary& layer : layers) {
      const Field* field = layer.field(info.name);
      if (!field) continue;
      sum.resize(at(field->points()));
      for (std::int64_t p = 0; p < field->points(); ++p) sum[at(p)] += field->value(p);
      unit = field->unit();
      ++count;
    }
    if (count == 0) continue;
    std::vector<float> values;
    for (const double value : sum) values.push_back(static_cast<float>(value / count));
    mean.fields.emplace_back(info.name, FieldKind::Scalar, 1, std::move(values), unit);
  }
  return mean;
}

}  // namespace erwin
