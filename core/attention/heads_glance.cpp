#include <algorithm>
#include <cmath>

#include "core/attention/internal/row_reader.h"
#include "core/attention/internal/row_shape.h"
#include "core/attention/summary.h"

namespace erwin {

namespace {

using namespace attention;

// Sums over the queries of one stripe.
struct GlanceSums {
  std::vector<HeadGlance> heads;
  std::vector<double> overlap;
};

class LayerGlancer {
public:
  LayerGlancer(const Tap& tap, const LayerTap& layer, std::span<const float> positions, const Job& job)
      : tap_(tap), layer_(layer), positions_(positions), job_(job) {
    const std::size_t heads = at(layer.heads);
    const HeadGlance nothing{0, 0, 0, 0, 0, 0, 0, 0, 0, 0};
    sums_.assign(at(stripe_count), {std::vector<HeadGlance>(heads, nothing), std::vector<double>(heads * heads)});
  }

  LayerGlance run(std::int64_t most_queries) {
    const std::vector<std::int32_t> points = chosen_points(most_queries);
    const std::vector<std::int32_t> slot_of = answering_slots(layer_, tap_.point_count);
    for_row_stripes(std::ssize(points), 64, job_, "heads of layer " + layer_.name,
                    [&](std::int64_t stripe, std::int64_t first, std::int64_t last) {
                      if (first == last) return;
                      RowReader reader(tap_, layer_, job_);
                      WeightSum sum(layer_);
                      std::vector<PointRow> rows(at(layer_.heads), PointRow(layer_, tap_.point_count, copies_));
                      for (std::int64_t i = first; i < last; ++i)
                        add_query(sums_[at(stripe)], reader, sum, rows, points[at(i)], slot_of[at(points[at(i)])]);
                    });
    return average(std::ssize(points));
  }

private:
  // Evenly spread along the slots, which the tree spreads over space.
  std::vector<std::int32_t> chosen_points(std::int64_t most) const {
    const Answers answers = answers_of(layer_, tap_.point_count);
    const std::int64_t all = std::ssize(answers.points), count = most > 0 ? std::min(most, all) : all;
    std::vector<std::int32_t> points;
    for (std::int64_t i = 0; i < count; ++i) points.push_back(answers.points[at(i * all / count)]);
    return points;
  }

  void add_query(GlanceSums& sums, RowReader& reader, WeightSum& sum, std::vector<PointRow>& rows, std::int32_t point,
                 std::int64_t slot) const {
    const SlotRange reach = reach_of(layer_, slot);
    for (int head = 0; head < layer_.heads; ++head) {
      job_.check();
      sum.clear(layer_, reach);
      add_row(reader, layer_, slot, head, Branch::All, 1, sum);
      PointRow& row = rows[at(head)];
      row.read(sum, reach);
      const HeadGates gates = gates_of(layer_, slot, head);
      HeadGlance& glance = sums.heads[at(head)];
      glance.gate_local += gates.local;
      glance.gate_compressed += gates.compressed;
      glance.gate_selected += gates.selected;
      const double entropy = row.entropy(), whole = row.total() + sum.memory;
      glance.entropy += entropy;
      glance.effective_keys += std::exp(entropy);
      glance.distance += row.mean_distance(point, positions_);
      glance.memory += whole > 0 ? sum.memory / whole : 0;
    }
    for (int a = 0; a < layer_.heads; ++a)
      for (int b = 0; b < a; ++b) {
        const double shared = overlap(rows[at(a)], rows[at(b)]);
        sums.overlap[at(a * layer_.heads + b)] += shared;
        sums.overlap[at(b * layer_.heads + a)] += shared;
      }
  }

  static double overlap(const PointRow& a, const PointRow& b) {
    if (a.total() <= 0 || b.total() <= 0) return 0;
    double shared = 0;
    for (const std::int32_t point : a.points())
      shared += std::min(a.weights()[at(point)] / a.total(), b.weights()[at(point)] / b.total());
    return shared;
  }

  LayerGlance average(std::int64_t queries) const {
    LayerGlance glance{layer_.layer, layer_.name, layer_.kind, {}, {}, queries, tap_.point_count};
    const std::size_t heads = at(layer_.heads);
    const double share = 1 / static_cast<double>(queries);
    glance.overlap.resize(heads * heads);
    for (std::size_t h = 0; h < heads; ++h) {
      HeadGlance mean{layer_.layer, static_cast<int>(h), 0, 0, 0, 0, 0, 0, 0, 0};
      for (const GlanceSums& sums : sums_) {
        const HeadGlance& sum = sums.heads[h];
        mean.gate_local += share * sum.gate_local;
        mean.gate_compressed += share * sum.gate_compressed;
        mean.gate_selected += share * sum.gate_selected;
        mean.entropy += share * sum.entropy;
        mean.effective_keys += share * sum.effective_keys;
        mean.distance += share * sum.distance;
        mean.memory += share * sum.memory;
        for (std::size_t other = 0; other < heads; ++other)
          glance.overlap[h * heads + other] += share * sums.overlap[h * heads + other];
      }
      double shared = 0;
      for (std::size_t other = 0; other < heads; ++other) shared += glance.overlap[h * heads + other];
      mean.agreement = heads > 1 ? shared / static_cast<double>(heads - 1) : 1;
      glance.overlap[h * heads + h] = 1;
      glance.heads.push_back(mean);
    }
    return glance;
  }

  const Tap& tap_;
  const LayerTap& layer_;
  std::span<const float> positions_;
  const Job& job_;
  bool copies_ = has_copies(layer_, tap_.point_count);
  std::vector<GlanceSums> sums_;
};

}  // namespace

std::vector<LayerGlance> glance_at_heads(const Tap& tap, std::span<const float> positions, const GlanceRequest& request,
                                         const Job& job) {
  require_positions(tap, positions);
  std::vector<LayerGlance> glances;
  for (const int number : layers_of(tap, request.layers)) {
    const LayerTap& layer = tap.require_layer(number);
    require_record(layer);
    glances.push_back(LayerGlancer(tap, layer, positions, job).run(request.most_queries));
  }
  return glances;
}

}  // namespace erwin
