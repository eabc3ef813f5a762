#include "core/model/attribution.h"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <random>

#include "core/attention/recall.h"
#include "core/base/error.h"
#include "core/model/internal/gradients.h"
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
  Measurer(const Predictor& predictor, const ModelSample& sample, const AttributionRequest& request, const Unit& unit,
           const Tap& tap, std::int64_t query_block, const Job& job)
      : predictor_(predictor), sample_(sample), request_(request), unit_(unit), query_block_(query_block), job_(job) {
    const LayerTap& own = tap.require_layer(request.layer);
    for (const LayerTap& layer : tap.layers)
      if (layer.layer == own.layer || (request.all_layers && layer.kind == LayerKind::Nsa &&
                                       layer.rotated == own.rotated && layer.pool_level == own.pool_level))
        layers_.push_back(layer.layer);
    // As many copies as a batch of about a quarter of a million slots holds.
    copies_ = std::clamp<std::int64_t>((std::int64_t{1} << 18) / std::max<std::int64_t>(1, own.slots()), 2, 64);
  }

  // prediction - prediction without the blocks, for each list.
  std::vector<double> changes(const std::vector<std::vector<std::int32_t>>& removed) const {
    std::vector<double> result;
    for (std::size_t first = 0; first < removed.size(); first += static_cast<std::size_t>(copies_ - 1)) {
      job_.check();
      job_.progress(static_cast<double>(first) / static_cast<double>(removed.size()), "taking blocks away");
      const std::size_t count = std::min(removed.size() - first, static_cast<std::size_t>(copies_ - 1));
      model::Interventions interventions;
      interventions.of_sample.emplace_back();  // the first copy is as it is: differences are within one pass
      for (std::size_t i = 0; i < count; ++i) interventions.of_sample.push_back(forced(removed[first + i]));
      const std::vector<double> values = predict(interventions);
      for (std::size_t i = 0; i < count; ++i) result.push_back(values[0] - values[i + 1]);
    }
    return result;
  }

private:
  std::vector<ForcedBlock> forced(const std::vector<std::int32_t>& blocks) const {
    const bool everywhere = request_.knock_out == KnockOut::Everywhere;
    std::vector<ForcedBlock> list;
    for (const int layer : layers_)
      for (const std::int32_t block : blocks)
        list.push_back({layer, everywhere ? -1 : query_block_, block, false, -1, everywhere});
    return list;
  }

  std::vector<double> predict(const model::Interventions& interventions) const {
    const c10::AutoGradMode without_gradient(false);
    const Model::Impl& impl = predictor_.model().impl();
    const std::vector<const ModelSample*> copies(interventions.of_sample.size(), &sample_);
    const model::Batch batch = model::make_batch(copies, impl.config, impl.options, &job_);
    model::ForwardContext context;
    context.job = &job_;
    context.interventions = &interventions;
    const at::Tensor rows = impl.network->forward(batch, context);
    const at::Tensor at_point = rows.view({static_cast<std::int64_t>(copies.size()), sample_.points, -1})
                                    .select(1, request_.point)
                                    .select(1, request_.component);
    std::vector<double> values = numbers(at_point);
    for (double& value : values) value = value * unit_.deviation + unit_.mean;
    return values;
  }

  const Predictor& predictor_;
  const ModelSample& sample_;
  const AttributionRequest& request_;
  Unit unit_;
  std::int64_t query_block_;
  const Job& job_;
  std::vector<int> layers_;
  std::int64_t copies_ = 2;
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

std::vector<DeletionCurve> deletion_curves(const Measurer& measurer, const std::vector<AttributedBlock>& blocks,
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
                       Attribution& result, TapPtr& tap) {
  const AttributionRequest& request = result.request;
  TapRequest wanted;
  wanted.layers = {request.layer};
  int next = 0;
  const auto is_wanted = [&](const std::string& module) {
    return module.ends_with(".attention") && next++ == request.layer;
  };
  const model::Probed probed = model::probe(predictor.model(), sample, is_wanted, wanted, job);
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
    add_contributions(predictor, sample, unit, job, result, tap);
    const LayerTap& layer = tap->require_layer(request.layer);
    if (layer.kind != LayerKind::Nsa || request.most_blocks <= 0) return;
    const std::int64_t slot = layer.slot_of_point(request.point);
    result.blocks = candidates(layer, request, slot, result.contribution);
    if (result.blocks.empty()) return;
    const Measurer measurer(predictor, sample, result.request, unit, *tap, slot / layer.block_size, job);
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
