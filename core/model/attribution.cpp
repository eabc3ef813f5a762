#include "core/model/attribution.h"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <numeric>
#include <optional>
#include <random>

#include "core/attention/recall.h"
#include "core/base/error.h"
#include "core/model/internal/gradients.h"
#include "core/model/internal/kept_rows.h"
#include "core/model/internal/network.h"
#include "core/model/internal/torch_errors.h"
#include "core/model/what_if.h"

namespace erwin {

namespace {

// What the target's unit is to the network's.
struct Unit {
  double mean = 0, deviation = 1;
};

Unit unit_of(const SampleRecipe& recipe, int component) {
  const Standard& standard = target_standard(recipe);
  if (standard.empty()) return {};
  return {standard.mean[static_cast<std::size_t>(component)], standard.deviation[static_cast<std::size_t>(component)]};
}

std::vector<double> numbers(const at::Tensor& tensor) {
  const at::Tensor host = tensor.detach().to(at::kCPU, at::kDouble).contiguous();
  return {host.const_data_ptr<double>(), host.const_data_ptr<double>() + host.numel()};
}

// The output matrix of a layer [C, H D] and its bias (undefined where it has none).
struct OutputMatrix {
  at::Tensor weight, bias;
};

OutputMatrix output_of(const Model& model, const std::string& layer) {
  const model::Parameters& parameters = model.impl().network->parameters();
  const auto find = [&](const std::string& name) {
    const auto* entry = parameters.find(name);
    return entry ? entry->tensor : at::Tensor();
  };
  if (const at::Tensor out = find(layer + ".attention.out"); out.defined()) return {out, {}};
  for (const char* middle : {".attention.proj", ".BMSA.proj"})
    if (const at::Tensor out = find(layer + middle + ".weight"); out.defined())
      return {out, find(layer + middle + ".bias")};
  throw Error(ErrorKind::Internal, "the layer's output matrix was not found", layer);
}

// Predictions at one point with blocks taken away, several variants per pass.
class Measurer {
public:
  using Blocks = std::vector<std::int32_t>;

  Measurer(const Predictor& predictor, const ModelSample& sample, const AttributionRequest& request, const Unit& unit,
           const Tap& tap, const KeptRows& rows, std::int64_t query_block, const Job& job)
      : predictor_(predictor),
        sample_(sample),
        request_(request),
        unit_(unit),
        own_(tap.require_layer(request.layer)),
        last_(tap.layers.back()),
        rows_(rows),
        query_block_(query_block),
        job_(job) {
    for (const LayerTap& layer : tap.layers)
      if (layer.layer == own_.layer || (request.all_layers && layer.kind == LayerKind::Nsa &&
                                        layer.rotated == own_.rotated && layer.pool_level == own_.pool_level))
        layers_.push_back(layer.layer);
    const bool on_card = !predictor.model().impl().options.device().is_cpu();
    most_copies_ =
        std::clamp<std::int64_t>((on_card ? card_slots : cpu_slots) / std::max<std::int64_t>(1, own_.slots()), 2, 64);
    asked_.first_layer = *std::min_element(layers_.begin(), layers_.end());
  }

  // prediction - prediction without the blocks, for each list; the order within a list does not matter.
  std::vector<double> changes(std::vector<Blocks> removed) {
    for (Blocks& blocks : removed) std::sort(blocks.begin(), blocks.end());
    measure(removed);
    std::vector<double> result;
    for (const Blocks& blocks : removed) result.push_back(known_.at(blocks));
    return result;
  }

private:
  // Of a batch of copies.
  static constexpr std::int64_t cpu_slots = std::int64_t{1} << 18, card_slots = std::int64_t{1} << 19;

  // Those that are not known yet. Passes of one call have one shape, and the first copy of all is as it is, so that a
  // difference is not one of rounding.
  void measure(const std::vector<Blocks>& removed) {
    std::vector<Blocks> variants{{}};
    for (const Blocks& blocks : removed)
      if (!known_.contains(blocks) && std::find(variants.begin(), variants.end(), blocks) == variants.end())
        variants.push_back(blocks);
    if (variants.size() == 1) return;
    const auto all = std::ssize(variants), copies = std::min<std::int64_t>(most_copies_, all);
    double whole = 0;
    for (std::int64_t first = 0; first < all; first += copies) {
      job_.check();
      job_.progress(static_cast<double>(first) / static_cast<double>(all), "taking blocks away");
      model::Interventions interventions;
      for (std::int64_t i = first; i < first + copies; ++i)
        interventions.of_sample.push_back(i < all ? forced(variants[static_cast<std::size_t>(i)])
                                                  : std::vector<ForcedBlock>());
      const std::vector<double> values = predict(interventions);
      if (first == 0) whole = values.front();
      for (std::int64_t i = first; i < std::min(first + copies, all); ++i)
        known_[variants[static_cast<std::size_t>(i)]] = whole - values[static_cast<std::size_t>(i - first)];
    }
  }

  std::vector<ForcedBlock> forced(const Blocks& blocks) const {
    const bool everywhere = request_.knock_out == KnockOut::Everywhere;
    std::vector<ForcedBlock> list;
    for (const int layer : layers_)
      for (const std::int32_t block : blocks)
        list.push_back({layer, everywhere ? -1 : query_block_, block, false, -1, everywhere});
    return list;
  }

  std::vector<double> predict(const model::Interventions& interventions) {
    const c10::AutoGradMode without_gradient(false);
    const auto copies = std::ssize(interventions.of_sample);
    if (!batch_ || batch_->samples() != copies) make_copies(copies);
    model::ForwardContext context;
    context.job = &job_;
    context.interventions = &interventions;
    if (start_.defined()) {
      context.next_layer = asked_.first_layer;
      context.start = start_;
      context.asked = &asked_;
    }
    const at::Tensor rows = predictor_.model().impl().network->forward(*batch_, context);
    const at::Tensor at_point =
        rows.view({copies, sample_.points, -1}).select(1, request_.point).select(1, request_.component);
    std::vector<double> values = numbers(at_point);
    for (double& value : values) value = value * unit_.deviation + unit_.mean;
    return values;
  }

  // The batch of a pass. What enters the first layer that a variant changes is the same for all of them; where only the
  // selection of the query's block changes, so is what leaves that layer in all other rows.
  void make_copies(std::int64_t copies) {
    batch_.reset();
    if (rows_.before.empty()) {
      const Model::Impl& impl = predictor_.model().impl();
      const std::vector<const ModelSample*> samples(static_cast<std::size_t>(copies), &sample_);
      batch_ = model::make_batch(samples, impl.config, impl.options, &job_);
      return;
    }
    batch_ = model::copies_of(rows_.batch, copies);
    const auto kept = [&](int layer) {
      return rows_.before[static_cast<std::size_t>(layer)].detach().repeat({copies, 1});
    };
    start_ = kept(asked_.first_layer);
    asked_.of_last = blocks_of_point(last_, copies);
    if (request_.knock_out == KnockOut::Everywhere) return;
    asked_.of_first = blocks_of_point(own_, copies);
    asked_.otherwise = kept(asked_.first_layer + 1);
  }

  // The query's block in every copy.
  at::Tensor blocks_of_point(const LayerTap& layer, std::int64_t copies) const {
    const std::int64_t block = layer.slot_of_point(request_.point) / layer.block_size;
    return at::arange(copies, rows_.batch.slot_point.options()) * layer.blocks() + block;
  }

  const Predictor& predictor_;
  const ModelSample& sample_;
  const AttributionRequest& request_;
  Unit unit_;
  const LayerTap& own_;   // of the share
  const LayerTap& last_;  // of the network
  const KeptRows& rows_;
  std::int64_t query_block_;
  const Job& job_;
  std::vector<int> layers_;
  std::int64_t most_copies_ = 2;
  // Of the batch's copies; without kept rows passes begin at the beginning.
  at::Tensor start_;
  model::AskedRows asked_;
  std::optional<model::Batch> batch_;
  std::map<Blocks, double> known_;
};

double distance_to(const LayerTap& layer, std::int64_t slot, std::int64_t block) {
  double nearest = std::numeric_limits<double>::infinity();
  const auto from = layer.positions.row({slot});
  for (std::int64_t s = block * layer.block_size; s < (block + 1) * layer.block_size; ++s) {
    if (!layer.real(s)) continue;
    const auto to = layer.positions.row({s});
    double square = 0;
    for (std::size_t axis = 0; axis < to.size(); ++axis)
      square += std::pow(static_cast<double>(from[axis]) - static_cast<double>(to[axis]), 2);
    nearest = std::min(nearest, std::sqrt(square));
  }
  return nearest;
}

// Blocks that may be taken away, the largest contribution first.
std::vector<AttributedBlock> candidates(const LayerTap& layer, const AttributionRequest& request, std::int64_t slot,
                                        const Contribution& contribution) {
  std::vector<char> wanted(static_cast<std::size_t>(layer.blocks()), request.knock_out == KnockOut::Everywhere);
  if (request.knock_out == KnockOut::Selection)
    for (const SelectedBlock& selected : selected_blocks(layer, slot))
      wanted[static_cast<std::size_t>(selected.block)] = 1;
  if (request.knock_out == KnockOut::Everywhere) wanted[static_cast<std::size_t>(slot / layer.block_size)] = 0;
  std::vector<AttributedBlock> blocks;
  for (std::int32_t block = 0; block < layer.blocks(); ++block) {
    const double distance = distance_to(layer, slot, block);
    if (wanted[static_cast<std::size_t>(block)] && std::isfinite(distance))
      blocks.push_back(
          {block, contribution.of_block(block), contribution.attention[static_cast<std::size_t>(block)], 0, distance});
  }
  std::stable_sort(blocks.begin(), blocks.end(),
                   [](const auto& a, const auto& b) { return std::abs(a.contribution) > std::abs(b.contribution); });
  if (std::ssize(blocks) > request.most_blocks) blocks.resize(static_cast<std::size_t>(request.most_blocks));
  return blocks;
}

// An order of the blocks, by falling `weight`.
template <typename Weight>
std::vector<std::int32_t> ordered(std::vector<AttributedBlock> blocks, const Weight& weight) {
  std::stable_sort(blocks.begin(), blocks.end(), [&](const auto& a, const auto& b) { return weight(a) > weight(b); });
  std::vector<std::int32_t> order;
  for (const AttributedBlock& block : blocks) order.push_back(block.block);
  return order;
}

std::vector<DeletionCurve> deletion_curves(Measurer& measurer, const std::vector<AttributedBlock>& blocks,
                                           std::uint64_t seed) {
  constexpr int random_orders = 4;
  std::vector<int> steps;
  for (int removed = 1; removed < static_cast<int>(blocks.size()); removed *= 2) steps.push_back(removed);
  steps.push_back(static_cast<int>(blocks.size()));
  std::vector<std::pair<std::string, std::vector<std::int32_t>>> orders{
      {"contribution", ordered(blocks, [](const auto& b) { return std::abs(b.contribution); })},
      {"attention", ordered(blocks, [](const auto& b) { return b.attention; })},
      {"nearest", ordered(blocks, [](const auto& b) { return -b.distance; })}};
  std::mt19937_64 random(seed);
  for (int i = 0; i < random_orders; ++i) {
    std::vector<std::int32_t> order = orders.front().second;
    for (std::size_t last = order.size(); last > 1; --last) std::swap(order[last - 1], order[random() % last]);
    orders.emplace_back("random", std::move(order));
  }
  std::vector<std::vector<std::int32_t>> removed;
  for (const auto& [name, order] : orders)
    for (const int step : steps) removed.emplace_back(order.begin(), order.begin() + step);
  const std::vector<double> changes = measurer.changes(removed);
  std::vector<DeletionCurve> curves;
  for (std::size_t o = 0; o < orders.size(); ++o) {
    if (curves.empty() || curves.back().order != orders[o].first)
      curves.push_back({orders[o].first, steps, std::vector<double>(steps.size()), 0});
    const double share = orders[o].first == "random" ? 1.0 / random_orders : 1;
    for (std::size_t s = 0; s < steps.size(); ++s)
      curves.back().change[s] += share * std::abs(changes[o * steps.size() + s]);
  }
  for (DeletionCurve& curve : curves)
    curve.area = std::accumulate(curve.change.begin(), curve.change.end(), 0.0) / static_cast<double>(steps.size());
  return curves;
}

// First order: prediction, share and its parts.
void add_contributions(const Predictor& predictor, const ModelSample& sample, const Unit& unit, const Job& job,
                       Attribution& result, TapPtr& tap, KeptRows& rows) {
  const AttributionRequest& request = result.request;
  TapRequest wanted;
  wanted.layers = {request.layer};
  int next = 0;
  const auto is_wanted = [&](const std::string& module) {
    return module.ends_with(".attention") && next++ == request.layer;
  };
  KeptRows* const keep = predictor.model().keeps_rows(sample.points) ? &rows : nullptr;
  const model::Probed probed = model::probe(predictor.model(), sample, is_wanted, wanted, job, keep);
  tap = probed.tap;
  const LayerTap& layer = tap->require_layer(request.layer);
  result.layer_name = layer.name;
  const std::int64_t slot = layer.slot_of_point(request.point);
  if (slot < 0)
    throw Error(ErrorKind::Config, "point " + std::to_string(request.point) + " is in no slot of this layer",
                "layer " + layer.name);
  const at::Tensor a =
      probed.gradient(request.point, request.component).select(0, slot).to(at::kDouble) * unit.deviation;
  const OutputMatrix output = output_of(predictor.model(), layer.name);
  ContributionRequest parts;
  parts.layer = request.layer;
  parts.point = request.point;
  parts.direction = numbers(at::mv(output.weight.detach().to(at::kDouble).t(), a));
  if (output.bias.defined()) parts.bias = at::dot(a, output.bias.detach().to(at::kDouble)).item<double>();
  result.share = at::dot(a, probed.rows.detach().select(0, slot).to(at::kDouble)).item<double>();
  result.prediction =
      probed.values.detach().select(0, request.point).select(0, request.component).item<double>() * unit.deviation +
      unit.mean;
  result.remainder = result.prediction - result.share;
  result.contribution = contributions(*tap, parts, job);
}

}  // namespace

Attribution attribute(const Predictor& predictor, const ModelSample& sample, const AttributionRequest& request,
                      const Job& job) {
  const Checkpoint& checkpoint = predictor.checkpoint();
  model::require_output(checkpoint.config, sample, request.point, std::max(0, request.component));
  if (request.component < 0)
    throw Error(ErrorKind::Config, "one component of the prediction is attributed", std::to_string(request.component));
  const auto layers = static_cast<int>(heads_by_layer(checkpoint.config).size());
  if (request.layer < 0 || request.layer >= layers)
    throw Error(ErrorKind::Config, "there is no attention layer " + std::to_string(request.layer),
                "layers go from 0 to " + std::to_string(layers - 1));
  Attribution result;
  result.request = request;
  result.contribution_correlation = result.attention_correlation = std::numeric_limits<double>::quiet_NaN();
  const Unit unit = unit_of(checkpoint.recipe, request.component);
  model::translating_torch_errors("the attribution of " + sample.name, [&] {
    TapPtr tap;
    KeptRows rows;
    add_contributions(predictor, sample, unit, job, result, tap, rows);
    const LayerTap& layer = tap->require_layer(request.layer);
    if (layer.kind != LayerKind::Nsa || request.most_blocks <= 0) return;
    const std::int64_t slot = layer.slot_of_point(request.point);
    result.blocks = candidates(layer, request, slot, result.contribution);
    if (result.blocks.empty()) return;
    Measurer measurer(predictor, sample, result.request, unit, *tap, rows, slot / layer.block_size, job);
    std::vector<std::vector<std::int32_t>> single;
    for (const AttributedBlock& block : result.blocks) single.push_back({block.block});
    const std::vector<double> changes = measurer.changes(single);
    std::vector<double> contribution, attention, measured, size;
    for (std::size_t i = 0; i < changes.size(); ++i) {
      result.blocks[i].measured = changes[i];
      contribution.push_back(result.blocks[i].contribution);
      attention.push_back(result.blocks[i].attention);
      measured.push_back(changes[i]);
      size.push_back(std::abs(changes[i]));
    }
    result.contribution_correlation = rank_correlation(contribution, measured);
    result.attention_correlation = rank_correlation(attention, size);
    if (request.deletion_curves) result.curves = deletion_curves(measurer, result.blocks, request.seed);
  });
  return result;
}

}  // namespace erwin
