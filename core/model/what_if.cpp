#include "core/model/what_if.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/base/error.h"

namespace erwin {

namespace {

constexpr float hidden_value = std::numeric_limits<float>::quiet_NaN();

[[noreturn]] void refuse(const std::string& message, const std::string& detail = {}) {
  throw Error(ErrorKind::Config, message, detail);
}

void require_point(std::int64_t point, std::int64_t points) {
  if (point < 0 || point >= points)
    refuse("there is no point " + std::to_string(point), "points go from 0 to " + std::to_string(points - 1));
}

}  // namespace

std::vector<int> heads_by_layer(const ModelConfig& config) {
  if (config.kind != ModelKind::Erwin)
    return std::vector<int>(static_cast<std::size_t>(config.flat.depth), config.flat.heads);
  const UnetConfig& unet = config.unet;
  std::vector<int> heads;
  for (std::size_t l = 0; l < unet.encoder_depths.size(); ++l)
    heads.insert(heads.end(), static_cast<std::size_t>(unet.encoder_depths[l]), unet.encoder_heads[l]);
  for (std::size_t l = unet.decoder_depths.size(); l-- > 0;)
    heads.insert(heads.end(), static_cast<std::size_t>(unet.decoder_depths[l]), unet.decoder_heads[l]);
  return heads;
}

void check(const AttentionChanges& changes, const ModelConfig& config) {
  const std::vector<int> heads = heads_by_layer(config);
  const bool nsa = config.kind == ModelKind::ErwinNsa;
  const auto require_layer = [&](int layer) {
    if (layer < -1 || layer >= static_cast<int>(heads.size()))
      refuse("there is no attention layer " + std::to_string(layer),
             "layers go from 0 to " + std::to_string(static_cast<int>(heads.size()) - 1));
  };
  if (!nsa && (!changes.forced.empty() || !changes.selections.empty()))
    refuse("this network selects no blocks, so none can be forced", name_of(config.kind));
  for (const ForcedBlock& forced : changes.forced) {
    require_layer(forced.layer);
    if (forced.kv_head < -1 || forced.kv_head >= config.flat.kv_heads)
      refuse("there is no KV head " + std::to_string(forced.kv_head),
             "KV heads go from 0 to " + std::to_string(config.flat.kv_heads - 1));
    if (forced.block < 0) refuse("there is no block " + std::to_string(forced.block));
    if (forced.everywhere && (forced.query_block >= 0 || forced.kv_head >= 0))
      refuse("a block is hidden from every branch for all queries and heads, or not at all");
  }
  for (const GateOverride& gate : changes.gates) {
    require_layer(gate.layer);
    const int most =
        gate.layer >= 0 ? heads[static_cast<std::size_t>(gate.layer)] : *std::max_element(heads.begin(), heads.end());
    if (gate.head < -1 || gate.head >= most)
      refuse("there is no head " + std::to_string(gate.head), "heads go from 0 to " + std::to_string(most - 1));
    if (!(gate.value >= 0 && gate.value <= 1)) refuse("a gate lies between 0 and 1", std::to_string(gate.value));
    if (!nsa && (gate.branch == Branch::Compressed || gate.branch == Branch::Selected))
      refuse(std::string("this network has no ") + name_of(gate.branch) + " branch", name_of(config.kind));
  }
  for (const SelectionChange& change : changes.selections) {
    require_layer(change.layer);
    if (change.selected_blocks && *change.selected_blocks < 1)
      refuse("at least one block is selected", std::to_string(*change.selected_blocks));
  }
}

namespace {

void move_points(const Movement& movement, std::vector<float>& positions) {
  const auto points = std::ssize(positions) / 3;
  const auto at = [&](std::int64_t point, std::size_t axis) -> float& {
    return positions[static_cast<std::size_t>(3 * point) + axis];
  };
  std::array<double, 3> centre{};
  for (const std::int64_t point : movement.points) {
    require_point(point, points);
    for (std::size_t axis = 0; axis < 3; ++axis)
      centre[axis] += static_cast<double>(at(point, axis)) / static_cast<double>(movement.points.size());
  }
  if (!std::isfinite(movement.scale)) refuse("points cannot be scaled by this", std::to_string(movement.scale));
  for (const std::int64_t point : movement.points)
    for (std::size_t axis = 0; axis < 3; ++axis) {
      const double away = static_cast<double>(at(point, axis)) - centre[axis];
      at(point, axis) = static_cast<float>(centre[axis] + movement.scale * away + movement.offset[axis]);
    }
}

// One frame of a cloud, taken apart.
class CloudEditor {
public:
  CloudEditor(const PointCloud& cloud, std::int64_t frame) : cloud_(cloud), points_(cloud.size()) {
    const std::span<const float> positions = cloud.positions(frame);
    positions_.assign(positions.begin(), positions.end());
    for (const Field& field : cloud.fields()) {
      const std::span<const float> values = field.frame(frame);
      fields_.emplace_back(values.begin(), values.end());
    }
  }

  void move(const Movement& movement) { move_points(movement, positions_); }

  void edit(const FieldEdit& edit) {
    const Field& field = cloud_.require_field(edit.field);
    if (edit.component < -1 || edit.component >= field.components())
      refuse("the field " + edit.field + " has no component " + std::to_string(edit.component));
    std::vector<float>& values = fields_[static_cast<std::size_t>(&field - cloud_.fields().data())];
    for (const std::int64_t point : edit.points) {
      require_point(point, points_);
      for (int c = 0; c < field.components(); ++c) {
        if (edit.component >= 0 && c != edit.component) continue;
        float& value = values[static_cast<std::size_t>(point * field.components() + c)];
        // The stored numbers are relative to the field's offset.
        value = static_cast<float>((static_cast<double>(value) + field.offset()) * edit.factor + edit.offset -
                                   field.offset());
      }
    }
  }

  PointCloudPtr without(const std::vector<std::int64_t>& hidden) const {
    std::vector<std::int64_t> place(static_cast<std::size_t>(points_), 0);
    for (const std::int64_t point : hidden) {
      require_point(point, points_);
      place[static_cast<std::size_t>(point)] = -1;
    }
    std::int64_t kept = 0;
    for (std::int64_t& point : place)
      if (point >= 0) point = kept++;
    if (kept == 0) refuse("every point is hidden", std::to_string(points_) + " points");
    PointCloud::Parts parts;
    parts.positions = kept_rows(positions_, 3, place);
    parts.origin = cloud_.origin();
    parts.dimension = cloud_.dimension();
    parts.unit = cloud_.unit();
    for (std::size_t f = 0; f < fields_.size(); ++f) {
      const Field& field = cloud_.fields()[f];
      parts.fields.emplace_back(field.name(), field.kind(), field.components(),
                                kept_rows(fields_[f], field.components(), place), field.unit(), field.offset());
    }
    parts.cells = {kept_cells(cloud_.cells().triangles, 3, place), kept_cells(cloud_.cells().quads, 4, place),
                   kept_cells(cloud_.cells().lines, 2, place)};
    for (std::int64_t point = 0; point < points_; ++point)
      if (place[static_cast<std::size_t>(point)] >= 0) parts.row_ids.push_back(cloud_.row_id(point));
    parts.source = cloud_.source();
    return std::make_shared<const PointCloud>(std::move(parts));
  }

private:
  static std::vector<float> kept_rows(const std::vector<float>& rows, std::int64_t width,
                                      const std::vector<std::int64_t>& place) {
    std::vector<float> result;
    for (std::size_t point = 0; point < place.size(); ++point)
      if (place[point] >= 0)
        result.insert(result.end(), rows.begin() + static_cast<std::int64_t>(point) * width,
                      rows.begin() + static_cast<std::int64_t>(point + 1) * width);
    return result;
  }

  static std::vector<std::uint32_t> kept_cells(const std::vector<std::uint32_t>& cells, std::size_t corners,
                                               const std::vector<std::int64_t>& place) {
    std::vector<std::uint32_t> result;
    for (std::size_t first = 0; first + corners <= cells.size(); first += corners) {
      const auto whole = std::all_of(cells.begin() + static_cast<std::ptrdiff_t>(first),
                                     cells.begin() + static_cast<std::ptrdiff_t>(first + corners),
                                     [&](std::uint32_t point) { return place[point] >= 0; });
      for (std::size_t c = first; whole && c < first + corners; ++c)
        result.push_back(static_cast<std::uint32_t>(place[cells[c]]));
    }
    return result;
  }

  const PointCloud& cloud_;
  std::int64_t points_;
  std::vector<float> positions_;
  std::vector<std::vector<float>> fields_;
};

}  // namespace

PointCloudPtr changed_cloud(const PointCloud& cloud, std::int64_t frame, const CloudChanges& changes) {
  CloudEditor editor(cloud, frame);
  for (const Movement& movement : changes.movements) editor.move(movement);
  for (const FieldEdit& edit : changes.edits) editor.edit(edit);
  return editor.without(changes.hidden);
}

std::vector<float> moved_positions(const PointCloud& cloud, std::int64_t frame,
                                   const std::vector<Movement>& movements) {
  const std::span<const float> as_they_are = cloud.positions(frame);
  std::vector<float> positions(as_they_are.begin(), as_they_are.end());
  for (const Movement& movement : movements) move_points(movement, positions);
  return positions;
}

WhatIfRunner::WhatIfRunner(const Predictor& predictor, PointCloudPtr cloud, std::int64_t frame, const Job& job)
    : predictor_(predictor), cloud_(std::move(cloud)), frame_(frame) {
  const Checkpoint& checkpoint = predictor_.checkpoint();
  sample_ =
      std::make_shared<const ModelSample>(prepare_sample(*cloud_, frame_, checkpoint.recipe, checkpoint.config, job));
  Model::Output output = predictor_.model().predict(*sample_, std::nullopt, job, nullptr, /*keep=*/true);
  const Field* target = checkpoint.recipe.target.empty() ? nullptr : cloud_->field(checkpoint.recipe.target);
  baseline_ = result_fields(output.values, *sample_, checkpoint.recipe,
                            static_cast<int>(checkpoint.config.output_features), target ? target->unit() : "")
                  .front();
  rows_ = std::move(output.rows);
}

std::shared_ptr<const ModelSample> WhatIfRunner::changed_sample(const PointCloud& changed, const CloudChanges& changes,
                                                                const Job& job) const {
  const Checkpoint& checkpoint = predictor_.checkpoint();
  const bool same_places = changes.hidden.empty() && changes.movements.empty();
  // Positions that are seen once are not worth a place in the cache.
  auto sample = std::make_shared<ModelSample>(prepare_sample(changed, 0, checkpoint.recipe, checkpoint.config, job,
                                                             /*with_geometry=*/!same_places, /*cached=*/false));
  if (same_places) {
    sample->edge_source = sample_->edge_source;
    sample->edge_receiver = sample_->edge_receiver;
    sample->trees = sample_->trees;
  }
  return sample;
}

Model::Output WhatIfRunner::predict(const ModelSample& sample, const WhatIf& what_if, const Job& job) const {
  const Model& model = predictor_.model();
  if (rows_ && what_if.cloud.empty()) return model.predict_from(*rows_, what_if.attention, job);
  return model.predict(sample, std::nullopt, job, &what_if.attention, /*keep=*/true);
}

WhatIfRunner::Result WhatIfRunner::run(const WhatIf& what_if, const Job& job) const {
  const Checkpoint& checkpoint = predictor_.checkpoint();
  PointCloudPtr cloud = cloud_;
  std::shared_ptr<const ModelSample> sample = sample_;
  std::vector<std::int64_t> kept;
  if (!what_if.cloud.empty()) {
    cloud = changed_cloud(*cloud_, frame_, what_if.cloud);
    sample = changed_sample(*cloud, what_if.cloud, job);
    std::vector<char> hidden(static_cast<std::size_t>(cloud_->size()));
    for (const std::int64_t point : what_if.cloud.hidden) hidden[static_cast<std::size_t>(point)] = 1;
    for (std::int64_t point = 0; point < cloud_->size() && !what_if.cloud.hidden.empty(); ++point)
      if (!hidden[static_cast<std::size_t>(point)]) kept.push_back(point);
  }
  Model::Output output = predict(*sample, what_if, job);
  const int components = static_cast<int>(checkpoint.config.output_features);
  const Field predicted =
      result_fields(output.values, *sample, checkpoint.recipe, components, baseline_->unit()).front();
  const auto width = static_cast<std::size_t>(components);
  std::vector<float> values(static_cast<std::size_t>(cloud_->size()) * width, hidden_value), difference = values;
  double largest = 0;
  for (std::int64_t point = 0; point < predicted.points(); ++point) {
    const std::int64_t whole = kept.empty() ? point : kept[static_cast<std::size_t>(point)];
    double square = 0;
    for (int c = 0; c < components; ++c) {
      const std::size_t at = static_cast<std::size_t>(whole) * width + static_cast<std::size_t>(c);
      const double change = predicted.value(point, c) - baseline_->value(whole, c);
      values[at] = static_cast<float>(predicted.value(point, c));
      difference[at] = static_cast<float>(change);
      square += change * change;
    }
    largest = std::max(largest, std::sqrt(square));
  }
  const FieldKind kind = baseline_->kind();
  return {Field("prediction", kind, components, std::move(values), baseline_->unit()),
          Field("difference", kind, components, std::move(difference), baseline_->unit()),
          std::move(cloud),
          std::move(sample),
          std::move(kept),
          largest,
          what_if.attention,
          std::move(output.rows)};
}

TapPtr WhatIfRunner::record(const Result& result, int layer, const Job& job) const {
  const Model& model = predictor_.model();
  if (result.rows) return model.record(*result.rows, result.attention, layer, job);
  TapRequest wanted;
  wanted.layers = {layer};
  TapPtr tap = model.predict(*result.sample, wanted, job, &result.attention).tap;
  (void)tap->require_layer(layer);
  return tap;
}

}  // namespace erwin
