#pragma once
// The levels of a trunk over one sample's main tree, before anything becomes a tensor: where the rows of a level lie
// and which of them are real.

#include <cstdint>
#include <span>
#include <vector>

#include "core/config/model_config.h"
#include "core/model/sample.h"

namespace erwin::model {

// One level of one sample: slots of the main tree, pooled l times.
struct LevelPoints {
  std::vector<double> positions;   // [slots, d] float32 positions widened; pooled: means of the real children
  std::vector<std::uint8_t> mask;  // [slots] 1: real (all of them with duplicate padding)
  std::int64_t slots() const { return static_cast<std::int64_t>(mask.size()); }
  // Slots of the real rows, ascending.
  std::vector<std::int64_t> real_slots() const;
  // Positions of the real rows, [real, d].
  std::vector<double> real_positions(int dimension) const;
};

// How many levels the trunk has, and whether a block of a level runs on a rotated tree.
std::size_t level_count(const ModelConfig& config);
bool runs_rotated(const ModelConfig& config, std::size_t level);
// Slots of a unit of level l's rotated tree: unit / prod(strides[:l]).
int unit_of_level(const ModelConfig& config, std::size_t level);

LevelPoints finest_level(std::span<const float> positions, const BallTree& tree, const ModelConfig& config);
// A parent per `stride` slots: its centre is the mean of its real children, it is real when one of them is
// (method 8.2).
LevelPoints pooled_level(const LevelPoints& fine, int dimension, int stride);

}  // namespace erwin::model
