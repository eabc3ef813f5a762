#include "core/model/internal/batch.h"

#include <ATen/ATen.h>

#include <algorithm>

#include "core/base/error.h"
#include "core/model/internal/levels.h"
#include "core/model/internal/primitives.h"

namespace erwin::model {

namespace {

template <typename T>
at::Tensor tensor_of(const std::vector<T>& values, std::vector<std::int64_t> shape, at::ScalarType stored,
                     const at::TensorOptions& options) {
  // from_blob only borrows; the copy to type and device makes the tensor its own.
  return at::from_blob(const_cast<T*>(values.data()), shape, at::TensorOptions().dtype(stored))
      .to(options.device(), c10::typeMetaToScalarType(options.dtype()), /*non_blocking=*/false, /*copy=*/true);
}

at::Tensor indices_of(const std::vector<std::int64_t>& values, const at::TensorOptions& options) {
  return tensor_of(values, {static_cast<std::int64_t>(values.size())}, at::kLong, options.dtype(at::kLong));
}

at::Tensor mask_of(const std::vector<std::uint8_t>& values, const at::TensorOptions& options) {
  return tensor_of(values, {static_cast<std::int64_t>(values.size())}, at::kByte, options.dtype(at::kBool));
}

void append(auto& to, const auto& from) {
  to.insert(to.end(), from.begin(), from.end());
}

[[noreturn]] void misfit(const ModelSample& sample, const std::string& what) {
  throw Error(ErrorKind::Internal, "a sample does not fit the network it was given to", sample.name + ": " + what);
}

void check_trees(const ModelSample& sample, const ModelConfig& config) {
  if (!sample.trees.main || sample.trees.main->point_count != sample.points) misfit(sample, "ball tree");
  if (sample.trees.main->slot_count % config.unit() != 0) misfit(sample, "units of the ball tree");
  for (std::size_t level = 0; level < level_count(config); ++level)
    if (runs_rotated(config, level) && (sample.trees.rotated.size() <= level || !sample.trees.rotated[level]))
      misfit(sample, "rotated tree of level " + std::to_string(level));
}

void look(const Job* job) {
  if (job) job->check();
}

// Everything of a level that is appended sample by sample.
struct LevelRows {
  std::vector<double> positions;
  std::vector<std::uint8_t> mask, rotated_mask;
  std::vector<std::int64_t> offsets{0}, rotated_offsets{0}, rotated_source, rotated_inverse;

  void append_level(const LevelPoints& level) {
    append(positions, level.positions);
    append(mask, level.mask);
    offsets.push_back(static_cast<std::int64_t>(mask.size()));
  }

  // Masked: the rotated tree's points are the level's real rows in slot order (level 0: the points). Duplicate: its
  // slots.
  void append_rotated(const BallTree& tree, const std::vector<std::int64_t>& slot_of, bool duplicate) {
    const std::int64_t first_slot = offsets[offsets.size() - 2], first_rotated = rotated_offsets.back();
    rotated_inverse.resize(static_cast<std::size_t>(offsets.back()), 0);
    for (std::size_t slot = 0; slot < tree.slot_point.size(); ++slot) {
      const bool real = duplicate || tree.slot_mask[slot];
      const std::int64_t source = first_slot + slot_of[static_cast<std::size_t>(tree.slot_point[slot])];
      rotated_source.push_back(source);
      rotated_mask.push_back(real);
      if (real) rotated_inverse[static_cast<std::size_t>(source)] = first_rotated + static_cast<std::int64_t>(slot);
    }
    rotated_offsets.push_back(static_cast<std::int64_t>(rotated_source.size()));
  }

  void set_real_slots(LevelGeometry& level, const at::TensorOptions& options) const {
    std::vector<std::int64_t> slots;
    for (std::size_t s = 0; s + 1 < offsets.size(); ++s) {
      level.real_offsets.push_back(static_cast<std::int64_t>(slots.size()));
      for (std::int64_t slot = offsets[s]; slot < offsets[s + 1]; ++slot)
        if (mask[static_cast<std::size_t>(slot)]) slots.push_back(slot);
    }
    level.real_offsets.push_back(static_cast<std::int64_t>(slots.size()));
    level.real_slots = indices_of(slots, options);
  }

  LevelGeometry geometry(int dimension, bool rotated, const at::TensorOptions& options) const {
    LevelGeometry level;
    level.positions = tensor_of(positions, {offsets.back(), dimension}, at::kDouble, options);
    level.mask = mask_of(mask, options);
    level.all_real = std::find(mask.begin(), mask.end(), 0) == mask.end();
    level.offsets = offsets;
    set_real_slots(level, options);
    level.has_rotated = rotated;
    if (!rotated) return level;
    level.rotated.source = indices_of(rotated_source, options);
    level.rotated.mask = mask_of(rotated_mask, options);
    level.rotated.inverse = indices_of(rotated_inverse, options);
    level.rotated.offsets = rotated_offsets;
    return level;
  }
};

// The main slot behind each point of a level's rotated tree.
std::vector<std::int64_t> slots_of_tree_points(const ModelSample& sample, const LevelPoints& level, std::size_t index,
                                               bool duplicate) {
  if (!duplicate && index > 0) return level.real_slots();
  if (!duplicate) return {sample.trees.main->point_slot.begin(), sample.trees.main->point_slot.end()};
  std::vector<std::int64_t> slots(static_cast<std::size_t>(level.slots()));
  for (std::size_t slot = 0; slot < slots.size(); ++slot) slots[slot] = static_cast<std::int64_t>(slot);
  return slots;
}

std::vector<LevelGeometry> levels_of(const std::vector<const ModelSample*>& samples, const ModelConfig& config,
                                     const at::TensorOptions& options, const Job* job) {
  std::vector<LevelRows> rows(level_count(config));
  const bool duplicate = config.padding == Padding::Duplicate;
  for (const ModelSample* sample : samples) {
    LevelPoints level = finest_level(sample->positions, *sample->trees.main, config);
    for (std::size_t l = 0; l < rows.size(); ++l) {
      if (l > 0) level = pooled_level(level, config.dimension, config.unet.strides[l - 1]);
      look(job);
      rows[l].append_level(level);
      if (!runs_rotated(config, l)) continue;
      const auto slots = slots_of_tree_points(*sample, level, l, duplicate);
      if (static_cast<std::size_t>(sample->trees.rotated[l]->point_count) != slots.size())
        misfit(*sample, "rotated tree");
      look(job);
      rows[l].append_rotated(*sample->trees.rotated[l], slots, duplicate);
    }
  }
  std::vector<LevelGeometry> levels;
  for (std::size_t l = 0; l < rows.size(); ++l) {
    look(job);
    levels.push_back(rows[l].geometry(config.dimension, runs_rotated(config, l), options));
  }
  return levels;
}

// The order that sorts `keys` (below `groups`) stably, and where each key's run begins.
std::pair<std::vector<std::int64_t>, std::vector<std::int64_t>> counting_sort(const std::int64_t* keys,
                                                                              std::int64_t count, std::int64_t groups,
                                                                              const Job* job) {
  const auto look_at_times = [job](std::int64_t i) {
    if (i % (1 << 18) == 0) look(job);
  };
  std::vector<std::int64_t> offsets(static_cast<std::size_t>(groups) + 1, 0), order(static_cast<std::size_t>(count));
  for (std::int64_t i = 0; i < count; ++i) {
    look_at_times(i);
    if (keys[i] < 0 || keys[i] >= groups)
      throw Error(ErrorKind::Internal, "an edge names a point that does not exist", "point " + std::to_string(keys[i]));
    ++offsets[static_cast<std::size_t>(keys[i]) + 1];
  }
  for (std::size_t g = 1; g < offsets.size(); ++g) offsets[g] += offsets[g - 1];
  std::vector<std::int64_t> next(offsets.begin(), offsets.end() - 1);
  for (std::int64_t i = 0; i < count; ++i) {
    look_at_times(i);
    order[static_cast<std::size_t>(next[static_cast<std::size_t>(keys[i])]++)] = i;
  }
  return {std::move(order), std::move(offsets)};
}

}  // namespace

void set_edges(Batch& batch, const at::Tensor& source, const at::Tensor& receiver, const Job* job) {
  const at::TensorOptions options = batch.features.options();
  const std::int64_t points = batch.features.size(0), edges = source.numel();
  const at::Tensor receivers = receiver.cpu().contiguous();
  const auto [by_receiver, receiver_offsets] =
      counting_sort(receivers.const_data_ptr<std::int64_t>(), edges, points, job);
  const at::Tensor order = indices_of(by_receiver, at::TensorOptions());
  look(job);
  const at::Tensor sources = source.cpu().index_select(0, order).contiguous();
  const auto [by_source, source_offsets] = counting_sort(sources.const_data_ptr<std::int64_t>(), edges, points, job);
  look(job);
  batch.edge_source = sources.to(options.device());
  batch.edge_receiver = receivers.index_select(0, order).to(options.device());
  look(job);
  batch.receiver_offsets = indices_of(receiver_offsets, options);
  batch.source_order = indices_of(by_source, options);
  batch.source_offsets = indices_of(source_offsets, options);
}

void check_rows(const ModelSample& sample, const ModelConfig& config) {
  const auto count = [&](std::int64_t columns) { return static_cast<std::size_t>(sample.points * columns); };
  if (sample.points < 1 || sample.positions.size() != count(config.dimension)) misfit(sample, "positions");
  if (sample.features.size() != count(config.input_features)) misfit(sample, "input features");
  if (sample.edge_source.size() != sample.edge_receiver.size()) misfit(sample, "edges");
}

Batch make_batch_of_points(const std::vector<const ModelSample*>& samples, const ModelConfig& config,
                           const at::TensorOptions& options, const Job* job) {
  const at::TensorOptions wide = options.dtype(wide_type(c10::typeMetaToScalarType(options.dtype())));
  std::vector<float> features, positions;
  std::vector<std::int64_t> source, receiver;
  Batch batch;
  batch.point_offsets = {0};
  for (const ModelSample* sample : samples) {
    check_rows(*sample, config);
    const std::int64_t first_point = batch.point_offsets.back();
    append(features, sample->features);
    append(positions, sample->positions);
    look(job);
    for (const std::int32_t point : sample->edge_source) source.push_back(first_point + point);
    look(job);
    for (const std::int32_t point : sample->edge_receiver) receiver.push_back(first_point + point);
    look(job);
    batch.point_offsets.push_back(first_point + sample->points);
  }
  const std::int64_t points = batch.point_offsets.back();
  batch.features = tensor_of(features, {points, config.input_features}, at::kFloat, wide);
  batch.positions = tensor_of(positions, {points, config.dimension}, at::kFloat, wide);
  set_edges(batch, indices_of(source, at::TensorOptions()), indices_of(receiver, at::TensorOptions()), job);
  return batch;
}

Batch make_batch(const std::vector<const ModelSample*>& samples, const ModelConfig& config,
                 const at::TensorOptions& options, const Job* job) {
  for (const ModelSample* sample : samples) check_trees(*sample, config);
  Batch batch = make_batch_of_points(samples, config, options, job);
  std::vector<std::int64_t> slot_point, point_slot;
  for (std::size_t s = 0; s < samples.size(); ++s) {
    const std::int64_t first_point = batch.point_offsets[s], first_slot = static_cast<std::int64_t>(slot_point.size());
    for (const std::int32_t point : samples[s]->trees.main->slot_point) slot_point.push_back(first_point + point);
    for (const std::int32_t slot : samples[s]->trees.main->point_slot) point_slot.push_back(first_slot + slot);
  }
  batch.slot_point = indices_of(slot_point, options);
  batch.point_slot = indices_of(point_slot, options);
  look(job);
  batch.levels = levels_of(samples, config, batch.positions.options(), job);
  return batch;
}

}  // namespace erwin::model
