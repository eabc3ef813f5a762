#include "core/model/internal/nsa_geometry.h"

#include <ATen/ATen.h>

#include "core/base/error.h"

namespace erwin::model {

namespace {

// [groups, size] bool to [groups, 1, size]: 1 / count on real slots, else 0.
at::Tensor mean_weights(const at::Tensor& mask, at::ScalarType type) {
  const at::Tensor real = mask.to(type);
  return (real / real.sum(1, true).clamp_min(1)).unsqueeze(1);
}

// [groups, size, d] minus the mean of the group's real rows; 0 on padding.
at::Tensor centred(const at::Tensor& positions, const at::Tensor& mask) {
  const at::Tensor mean = at::bmm(mean_weights(mask, positions.scalar_type()), positions);
  return (positions - mean).mul_(mask.unsqueeze(2).to(positions.scalar_type()));
}

}  // namespace

SlotGeometry make_slot_geometry(const at::Tensor& positions, const at::Tensor& mask,
                                const std::vector<std::int64_t>& offsets, std::int64_t ball_size,
                                std::int64_t block_size) {
  for (const std::int64_t offset : offsets)
    if (offset % ball_size != 0 || (block_size > 0 && ball_size % block_size != 0))
      throw Error(ErrorKind::Internal, "slots do not divide into balls and blocks",
                  "sample begins at slot " + std::to_string(offset) + ", balls of " + std::to_string(ball_size) +
                      ", blocks of " + std::to_string(block_size));
  SlotGeometry geometry{positions, mask, offsets, ball_size, {}, block_size, {}, {}, {}, {}, {}};
  const std::int64_t dimension = positions.size(1);
  geometry.relative =
      centred(positions.view({-1, ball_size, dimension}), mask.view({-1, ball_size})).view({-1, dimension});
  if (block_size == 0) return geometry;
  for (const std::int64_t offset : offsets) geometry.block_offsets.push_back(offset / block_size);
  geometry.block_mask = mask.view({-1, block_size});
  geometry.block_real = geometry.block_mask.any(1);
  geometry.block_weights = mean_weights(geometry.block_mask, positions.scalar_type());
  const at::Tensor offset = centred(positions.view({-1, block_size, dimension}), geometry.block_mask);
  const at::Tensor radius = offset.square().sum(2).sqrt().amax(1).view({-1, 1, 1});
  geometry.block_relative = offset / radius.masked_fill(radius == 0, 1.0);
  return geometry;
}

at::Tensor relative_to_sample(const at::Tensor& positions, const at::Tensor& mask,
                              const std::vector<std::int64_t>& offsets) {
  std::vector<at::Tensor> parts;
  for (std::size_t s = 0; s + 1 < offsets.size(); ++s) {
    const std::int64_t count = offsets[s + 1] - offsets[s];
    parts.push_back(
        centred(positions.narrow(0, offsets[s], count).unsqueeze(0), mask.narrow(0, offsets[s], count).unsqueeze(0))
            .squeeze(0));
  }
  return at::cat(parts);
}

at::Tensor block_means(const at::Tensor& rows, const SlotGeometry& geometry) {
  const std::int64_t channels = rows.size(1) * rows.size(2);
  const at::Tensor weights = geometry.block_weights;
  const at::Tensor wide = rows.to(weights.scalar_type()).reshape({geometry.blocks(), geometry.block_size, channels});
  return at::bmm(weights, wide).view({geometry.blocks(), rows.size(1), rows.size(2)}).to(rows.scalar_type());
}

}  // namespace erwin::model
