#include "core/engine/missed_view.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "core/data/field_list.h"

namespace erwin {

namespace {

// Products of q and k, component by component, that a question may cost.
constexpr double affordable_for_layer = 4e10, affordable_for_block = 2e9;

// How many queries of a block can be afforded; 0: all of them.
std::int64_t queries_per_block(const LayerTap& layer, int head, double blocks, double affordable) {
  const double heads = head < 0 ? layer.heads : 1;
  const double one_each = blocks * heads * static_cast<double>(layer.slots()) * layer.head_dim;
  const double most = std::floor(affordable / std::max(1.0, one_each));
  return most >= layer.block_size ? 0 : std::max<std::int64_t>(1, static_cast<std::int64_t>(most));
}

}  // namespace

std::shared_ptr<const MissedView> make_missed_view(const Tap& tap, const QueryRequest& request, const Job& job) {
  const MissedMass missed = missed_mass(tap, request.layer, request.head, request.point, job);
  const LayerTap& layer = tap.require_layer(request.layer);
  RecallRequest own{.layer = request.layer, .head = request.head};
  own.only_block = layer.slot_of_point(request.point) / layer.block_size;
  own.queries_per_block = queries_per_block(layer, request.head, 1, affordable_for_block);
  const RecallField block = recall_field(tap, own, job);
  auto view = std::make_shared<MissedView>();
  view->request = request;
  view->recall = missed.recall;
  view->missed_sum = missed.missed_sum;
  view->block_recall = block.mean_recall;
  view->rank_correlation = block.mean_rank_correlation;
  for (const MissedBlock& one : missed.missed)
    view->blocks.push_back({one.block, one.mass, one.mass_rank,
                            points_of_slots(layer, std::int64_t{one.block} * layer.block_size,
                                            std::int64_t{one.block + 1} * layer.block_size)});
  return view;
}

const char* meaning_of_recall_field(std::string_view name) {
  if (name == recall_fields[0])
    return "Part of the exact softmax of q.k over all points that lies in the own ball and the selected blocks; mean "
           "over the queries of a point's block";
  if (name == recall_fields[1])
    return "Spearman's rank correlation, over the blocks outside the own ball, of the score with which a block was "
           "chosen and its exact softmax mass";
  return nullptr;
}

const Field* RecallView::field(std::string_view name) const {
  return field_named(recall.fields, name);
}

std::shared_ptr<const RecallView> make_recall_view(const Tap& tap, int layer, int head, const Job& job) {
  const LayerTap& record = tap.require_layer(layer);
  RecallRequest request{.layer = layer, .head = head};
  if (record.kind == LayerKind::Nsa)
    request.queries_per_block =
        queries_per_block(record, head, static_cast<double>(record.blocks()), affordable_for_layer);
  auto view = std::make_shared<RecallView>();
  view->layer = layer;
  view->head = head;
  view->recall = recall_field(tap, request, job);
  return view;
}

}  // namespace erwin
