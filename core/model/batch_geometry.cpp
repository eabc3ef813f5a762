#include "core/model/internal/batch_geometry.h"

#include <ATen/ATen.h>

#include "core/model/internal/levels.h"
#include "kernels/ball_tree/batch_plan.h"

namespace erwin::model {

namespace {

// A level while it is built: positions in float64, and what the host knows of its real slots.
struct LevelRows {
  at::Tensor positions;  // [M, d] float64
  at::Tensor mask;       // [M] bool
  std::vector<std::int64_t> offsets, real_offsets;
  std::int64_t slots() const { return offsets.back(); }
  std::int64_t real() const { return real_offsets.back(); }
};

at::Tensor counting(std::int64_t count, const at::Tensor& like) {
  return at::arange(count, like.options().dtype(at::kLong));
}

// The real slots, ascending; how many there are is known, so that nobody waits for the device.
at::Tensor real_slots_of(const LevelRows& level) {
  const at::Tensor slots = counting(level.slots(), level.mask);
  if (level.real() == level.slots()) return slots;
  const at::Tensor place = level.mask.to(at::kLong).cumsum(0).sub_(1);
  // Padding goes to one place behind the others.
  return at::empty({level.real() + 1}, slots.options())
      .scatter_(0, at::where(level.mask, place, level.real()), slots)
      .narrow(0, 0, level.real());
}

// Where the clouds' real rows of a level begin whose slots are `size` of the main tree's.
std::vector<std::int64_t> real_offsets_of(const Batch& batch, const BatchTrees& main, const ModelConfig& config,
                                          std::int64_t size) {
  if (config.padding == Padding::Duplicate) {
    std::vector<std::int64_t> offsets = main.slot_offsets;
    for (std::int64_t& offset : offsets) offset /= size;
    return offsets;
  }
  std::vector<std::int64_t> offsets{0};
  for (std::size_t c = 0; c + 1 < main.slot_offsets.size(); ++c)
    offsets.push_back(offsets.back() +
                      kernels::occupied_runs({batch.point_offsets[c + 1] - batch.point_offsets[c],
                                              main.slot_offsets[c + 1] - main.slot_offsets[c], config.unit()},
                                             size));
  return offsets;
}

// Sums in the order of the children, as on the host.
LevelRows pooled(const LevelRows& fine, std::int64_t stride) {
  LevelRows coarse;
  const at::Tensor children = fine.positions.view({-1, stride, fine.positions.size(1)}),
                   real = fine.mask.view({-1, stride, 1});
  at::Tensor sum = at::zeros_like(children.select(1, 0)), count = at::zeros_like(sum.narrow(1, 0, 1));
  for (std::int64_t c = 0; c < stride; ++c) {
    sum = sum + at::where(real.select(1, c), children.select(1, c), 0.0);
    count = count + real.select(1, c);
  }
  const at::Tensor occupied = count > 0;
  coarse.positions = at::where(occupied, sum / count, children.select(1, 0));
  coarse.mask = occupied.squeeze(1);
  for (const std::int64_t offset : fine.offsets) coarse.offsets.push_back(offset / stride);
  return coarse;
}

at::Tensor pooled_rows(const at::Tensor& rows, std::int64_t stride) {
  const at::Tensor children = rows.view({-1, stride, rows.size(1)});
  at::Tensor sum = at::zeros_like(children.select(1, 0));
  for (std::int64_t c = 0; c < stride; ++c) sum = sum + children.select(1, c);
  return sum / static_cast<double>(stride);
}

class Filler {
public:
  Filler(Batch& batch, const ModelConfig& config, BatchTreeBuilder& trees)
      : batch_(batch), config_(config), builder_(trees), positions_(batch.positions.to(at::kDouble)) {}

  void fill() {
    main_ = builder_.trees(positions_, batch_.point_offsets, {config_.unit(), config_.padding, /*nodes=*/false},
                           /*float32_values=*/true);
    batch_.slot_point = main_.slot_point.to(at::kLong);
    batch_.point_slot = main_.point_slot.to(at::kLong);
    if (config_.mp_steps > 0 && config_.graph.kind == GraphKind::Knn) fill_edges();
    fill_levels();
  }

private:
  bool duplicate() const { return config_.padding == Padding::Duplicate; }

  void fill_edges() {
    const BatchEdges edges = builder_.neighbours(positions_, batch_.point_offsets, main_, config_.unit(),
                                                 config_.graph.k, config_.graph.self_loop);
    batch_.edge_source = edges.source;
    batch_.edge_receiver = edges.receiver;
    const at::Tensor points = counting(batch_.point_offsets.back() + 1, edges.source);
    batch_.receiver_offsets = at::searchsorted(edges.receiver, points);
    const auto [sorted, order] =
        at::sort(edges.source, /*stable=*/std::optional<bool>(true), /*dim=*/0, /*descending=*/false);
    batch_.source_order = order;
    batch_.source_offsets = at::searchsorted(sorted, points);
  }

  void fill_levels() {
    LevelRows level;
    level.positions = positions_.index_select(0, main_.slot_point);
    level.mask = duplicate() ? at::ones_like(main_.slot_mask) : main_.slot_mask;
    level.offsets = main_.slot_offsets;
    at::Tensor rotated;  // duplicate padding: the rotated slots of the level
    std::int64_t size = 1;
    batch_.levels.clear();
    for (std::size_t l = 0; l < level_count(config_); ++l) {
      const std::int64_t stride = l > 0 ? config_.unet.strides[l - 1] : 1;
      size *= stride;
      if (l > 0) level = pooled(level, stride);
      level.real_offsets = real_offsets_of(batch_, main_, config_, size);
      if (duplicate() && config_.rotate_degrees > 0)
        rotated = l == 0 ? rotated_positions(level.positions, config_.rotate_degrees) : pooled_rows(rotated, stride);
      batch_.levels.push_back(geometry_of(level, l, rotated));
    }
  }

  LevelGeometry geometry_of(const LevelRows& level, std::size_t index, const at::Tensor& rotated_slots) {
    LevelGeometry geometry;
    geometry.positions = level.positions.to(batch_.positions.scalar_type());
    geometry.mask = level.mask;
    geometry.all_real = level.real() == level.slots();
    geometry.offsets = level.offsets;
    geometry.has_rotated = runs_rotated(config_, index);
    const at::Tensor real = real_slots_of(level);
    geometry.real_slots = real;
    geometry.real_offsets = level.real_offsets;
    if (geometry.has_rotated) geometry.rotated = rotated_order(level, index, real, rotated_slots);
    return geometry;
  }

  // Points of the rotated tree: with masked padding the level's real rows in slot order (level 0: the points), with
  // duplicate padding its slots.
  RotatedOrder rotated_order(const LevelRows& level, std::size_t index, const at::Tensor& real,
                             const at::Tensor& rotated_slots) {
    const bool points = !duplicate() && index == 0;
    const at::Tensor slot_of = points ? batch_.point_slot : real;
    const at::Tensor rows = duplicate() ? rotated_slots
                                        : rotated_positions(points ? positions_ : level.positions.index_select(0, real),
                                                            config_.rotate_degrees);
    const BatchTrees tree =
        builder_.trees(rows, level.real_offsets, {unit_of_level(config_, index), Padding::Masked, /*nodes=*/false},
                       /*float32_values=*/false);
    RotatedOrder order;
    order.source = slot_of.index_select(0, tree.slot_point);
    order.mask = duplicate() ? at::ones_like(tree.slot_mask) : tree.slot_mask;
    order.inverse = at::zeros({level.slots()}, slot_of.options()).scatter_(0, slot_of, tree.point_slot.to(at::kLong));
    order.offsets = tree.slot_offsets;
    return order;
  }

  Batch& batch_;
  const ModelConfig& config_;
  BatchTreeBuilder& builder_;
  at::Tensor positions_;  // [P, d] float64
  BatchTrees main_;
};

}  // namespace

void fill_geometry(Batch& batch, const ModelConfig& config, BatchTreeBuilder& builder) {
  Filler(batch, config, builder).fill();
}

}  // namespace erwin::model
