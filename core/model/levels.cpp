#include "core/model/internal/levels.h"

#include <algorithm>

namespace erwin::model {

std::vector<std::int64_t> LevelPoints::real_slots() const {
  std::vector<std::int64_t> real;
  for (std::size_t slot = 0; slot < mask.size(); ++slot)
    if (mask[slot]) real.push_back(static_cast<std::int64_t>(slot));
  return real;
}

std::vector<double> LevelPoints::real_positions(int dimension) const {
  const std::size_t d = static_cast<std::size_t>(dimension);
  std::vector<double> real;
  for (std::size_t slot = 0; slot < mask.size(); ++slot)
    if (mask[slot])
      real.insert(real.end(), positions.begin() + static_cast<std::ptrdiff_t>(slot * d),
                  positions.begin() + static_cast<std::ptrdiff_t>((slot + 1) * d));
  return real;
}

std::size_t level_count(const ModelConfig& config) {
  return config.kind == ModelKind::Erwin ? config.unet.widths.size() : 1;
}

bool runs_rotated(const ModelConfig& config, std::size_t level) {
  if (config.rotate_degrees <= 0) return false;
  if (config.kind != ModelKind::Erwin) return config.flat.depth > 1;
  const UnetConfig& unet = config.unet;
  return unet.encoder_depths[level] > 1 || (level < unet.decoder_depths.size() && unet.decoder_depths[level] > 1);
}

int unit_of_level(const ModelConfig& config, std::size_t level) {
  int unit = config.unit();
  for (std::size_t l = 0; l < level; ++l) unit /= config.unet.strides[l];
  return unit;
}

LevelPoints finest_level(std::span<const float> positions, const BallTree& tree, const ModelConfig& config) {
  const std::size_t d = static_cast<std::size_t>(config.dimension), slots = tree.slot_point.size();
  LevelPoints level;
  level.positions.resize(slots * d);
  for (std::size_t slot = 0; slot < slots; ++slot)
    for (std::size_t axis = 0; axis < d; ++axis)
      level.positions[slot * d + axis] = positions[static_cast<std::size_t>(tree.slot_point[slot]) * d + axis];
  level.mask = tree.slot_mask;
  if (config.padding == Padding::Duplicate) std::fill(level.mask.begin(), level.mask.end(), std::uint8_t{1});
  return level;
}

LevelPoints pooled_level(const LevelPoints& fine, int dimension, int stride) {
  const std::size_t d = static_cast<std::size_t>(dimension), s = static_cast<std::size_t>(stride);
  const std::size_t parents = fine.mask.size() / s;
  LevelPoints coarse;
  coarse.positions.assign(parents * d, 0.0);
  coarse.mask.assign(parents, 0);
  for (std::size_t parent = 0; parent < parents; ++parent) {
    double* centre = &coarse.positions[parent * d];
    int real = 0;
    for (std::size_t child = parent * s; child < (parent + 1) * s; ++child) {
      if (!fine.mask[child]) continue;
      ++real;
      for (std::size_t axis = 0; axis < d; ++axis) centre[axis] += fine.positions[child * d + axis];
    }
    coarse.mask[parent] = real > 0;
    for (std::size_t axis = 0; axis < d; ++axis)
      centre[axis] = real > 0 ? centre[axis] / real : fine.positions[parent * s * d + axis];
  }
  return coarse;
}

}  // namespace erwin::model
