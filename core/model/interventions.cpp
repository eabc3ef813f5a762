#include "core/model/internal/interventions.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/base/error.h"

namespace erwin::model {

namespace {

constexpr double untouched = std::numeric_limits<double>::quiet_NaN();

// A row of block ids, best first and -1 behind the last, with their scores.
struct Row {
  std::vector<std::int64_t> ids;
  std::vector<double> scores;
};

// Of the query blocks `index`, KV head by KV head.
std::vector<Row> rows_of(const Selection& selection, const at::Tensor& index) {
  const at::Tensor ids = selection.ids.index_select(0, index).to(at::kCPU, at::kLong).contiguous();
  const at::Tensor scores = selection.scores.index_select(0, index).to(at::kCPU, at::kDouble).contiguous();
  const std::int64_t columns = ids.size(2), count = ids.size(0) * ids.size(1);
  const auto* id = ids.const_data_ptr<std::int64_t>();
  const auto* score = scores.const_data_ptr<double>();
  std::vector<Row> rows(static_cast<std::size_t>(count));
  for (Row& row : rows)
    for (std::int64_t c = 0; c < columns; ++c, ++id, ++score)
      if (*id >= 0) {
        row.ids.push_back(*id);
        row.scores.push_back(*score);
      }
  return rows;
}

// Rows of the query blocks `index` in place of theirs.
void put_back(const std::vector<Row>& rows, const at::Tensor& index, Selection& selection) {
  const std::int64_t before = selection.ids.size(2);
  std::int64_t longest = 0;
  for (const Row& row : rows) longest = std::max(longest, std::ssize(row.ids));
  const std::int64_t columns = std::max(before, longest);
  constexpr double nothing = -std::numeric_limits<double>::infinity();
  std::vector<std::int64_t> ids;
  std::vector<double> scores;
  for (const Row& row : rows) {
    ids.insert(ids.end(), row.ids.begin(), row.ids.end());
    ids.resize(ids.size() + static_cast<std::size_t>(columns - std::ssize(row.ids)), -1);
    scores.insert(scores.end(), row.scores.begin(), row.scores.end());
    scores.resize(ids.size(), nothing);
  }
  const std::vector<std::int64_t> shape{index.numel(), selection.ids.size(1), columns};
  const auto with_rows = [&](const at::Tensor& all, const at::Tensor& changed, double filled) {
    return at::constant_pad_nd(all, {0, columns - before}, filled)
        .index_copy(0, index, changed.view(shape).to(all.options()));
  };
  selection.ids = with_rows(selection.ids, at::tensor(ids, at::kLong), -1);
  selection.scores = with_rows(selection.scores, at::tensor(scores, at::kDouble), nothing);
  selection.columns = std::max(selection.columns, longest);
}

void change_row(Row& row, std::int64_t block, bool in) {
  const auto found = std::find(row.ids.begin(), row.ids.end(), block);
  if (in && found == row.ids.end()) {
    row.ids.push_back(block);
    row.scores.push_back(0);
  }
  if (in || found == row.ids.end()) return;
  row.scores.erase(row.scores.begin() + (found - row.ids.begin()));
  row.ids.erase(found);
}

}  // namespace

// body(forced, first block of the sample, its blocks)
template <typename Body>
void LayerInterventions::for_each_forced(const SlotGeometry& geometry, const Body& body) const {
  if (!all_) return;
  for (std::size_t s = 0; s + 1 < geometry.block_offsets.size(); ++s) {
    const std::int64_t first = geometry.block_offsets[s], blocks = geometry.block_offsets[s + 1] - first;
    const auto visit = [&](const std::vector<ForcedBlock>& list) {
      for (const ForcedBlock& forced : list) {
        if (!concerns(forced.layer)) continue;
        if (forced.block < 0 || forced.block >= blocks || forced.query_block >= blocks)
          throw Error(ErrorKind::Config, "there is no block " + std::to_string(forced.block) + " to force",
                      "layer " + std::to_string(layer_) + " has blocks 0 to " + std::to_string(blocks - 1));
        body(forced, first, blocks);
      }
    };
    visit(all_->changes.forced);
    if (s < all_->of_sample.size()) visit(all_->of_sample[s]);
  }
}

std::vector<double> LayerInterventions::overrides(std::int64_t heads) const {
  std::vector<double> values;
  if (!all_) return values;
  for (const GateOverride& gate : all_->changes.gates) {
    if (!concerns(gate.layer)) continue;
    if (values.empty()) values.assign(static_cast<std::size_t>(3 * heads), untouched);
    for (std::int64_t branch = 0; branch < 3; ++branch) {  // compressed, selected, local
      const Branch name = branch == 0 ? Branch::Compressed : branch == 1 ? Branch::Selected : Branch::Local;
      if (gate.branch != Branch::All && gate.branch != name) continue;
      for (std::int64_t head = 0; head < heads; ++head)
        if (gate.head < 0 || gate.head == head) values[static_cast<std::size_t>(branch * heads + head)] = gate.value;
    }
  }
  return values;
}

at::Tensor LayerInterventions::gates(const at::Tensor& logits, std::int64_t heads) const {
  const std::vector<double> values = overrides(heads);
  if (values.empty()) return logits;
  // sigmoid's inverse; infinite for 0 and 1, which sigmoid gives back exactly.
  const at::Tensor gate = at::tensor(values, at::kDouble);
  const at::Tensor forced = (gate / (1 - gate)).log();
  const at::Tensor keep = gate.isnan().to(logits.device());
  return at::where(keep, logits, forced.to(logits.options()));
}

at::Tensor LayerInterventions::scaled_heads(const at::Tensor& rows) const {
  std::vector<double> values = overrides(rows.size(1));
  if (values.empty()) return rows;
  values.erase(values.begin(), values.begin() + 2 * rows.size(1));  // the local branch's
  for (double& value : values)
    if (std::isnan(value)) value = 1;
  return rows * at::tensor(values, at::kDouble).to(rows.options()).view({1, -1, 1});
}

std::int64_t LayerInterventions::selected_blocks(std::int64_t configured, std::int64_t blocks) const {
  std::int64_t count = configured;
  if (all_)
    for (const SelectionChange& change : all_->changes.selections)
      if (concerns(change.layer) && change.selected_blocks)
        count = std::min<std::int64_t>(*change.selected_blocks, std::max<std::int64_t>(1, blocks));
  return count;
}

Exclude LayerInterventions::exclude(Exclude configured) const {
  if (all_)
    for (const SelectionChange& change : all_->changes.selections)
      if (concerns(change.layer) && change.exclude) configured = *change.exclude;
  return configured;
}

void LayerInterventions::force(Selection& selection, const SlotGeometry& geometry) const {
  const auto for_each_query = [&](const auto& body) {
    for_each_forced(geometry, [&](const ForcedBlock& forced, std::int64_t first, std::int64_t blocks) {
      const bool one = forced.query_block >= 0;
      const std::int64_t begin = one ? forced.query_block : 0, end = one ? begin + 1 : blocks;
      for (std::int64_t query = begin; query < end; ++query) body(forced, first, first + query);
    });
  };
  // Only rows that change go to the host: a question about one query changes one row of many thousands.
  std::vector<std::int64_t> queries;
  for_each_query([&](const ForcedBlock&, std::int64_t, std::int64_t query) { queries.push_back(query); });
  if (queries.empty()) return;
  std::sort(queries.begin(), queries.end());
  queries.erase(std::unique(queries.begin(), queries.end()), queries.end());
  const at::Tensor index = at::tensor(queries, at::kLong).to(selection.ids.device());
  std::vector<Row> rows = rows_of(selection, index);
  const std::int64_t groups = selection.ids.size(1);
  for_each_query([&](const ForcedBlock& forced, std::int64_t first, std::int64_t query) {
    const std::int64_t place = std::lower_bound(queries.begin(), queries.end(), query) - queries.begin();
    for (std::int64_t group = 0; group < groups; ++group)
      if (forced.kv_head < 0 || forced.kv_head == group)
        change_row(rows[static_cast<std::size_t>(place * groups + group)], first + forced.block,
                   forced.in && !forced.everywhere);
  });
  put_back(rows, index, selection);
}

at::Tensor LayerInterventions::hidden_blocks(const SlotGeometry& geometry) const {
  at::Tensor hidden;
  for_each_forced(geometry, [&](const ForcedBlock& forced, std::int64_t first, std::int64_t) {
    if (!forced.everywhere) return;
    if (!hidden.defined()) hidden = at::zeros({geometry.blocks()}, at::kBool);
    hidden.mutable_data_ptr<bool>()[first + forced.block] = true;
  });
  return hidden.defined() ? hidden.to(geometry.mask.device()) : hidden;
}

at::Tensor LayerInterventions::replaced(const std::string& name, const at::Tensor& rows) const {
  return all_ && all_->replace ? all_->replace(name + ".attention", rows) : rows;
}

}  // namespace erwin::model
