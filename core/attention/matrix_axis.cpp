#include <algorithm>
#include <string>

#include "core/attention/internal/row_reader.h"
#include "core/attention/matrix.h"
#include "core/base/error.h"

namespace erwin {

namespace {

using namespace attention;

// Slots of the tree behind one slot of the layer.
std::int64_t pooled_slots(const LayerTap& layer, const BallTree& tree) {
  if (tree.levels.empty() || tree.slot_count < layer.slots() || tree.slot_count % layer.slots() != 0)
    throw Error(ErrorKind::Internal, "the tree is not the one in which the layer ran", "layer " + layer.name);
  return tree.slot_count / layer.slots();
}

SlotRange checked_range(const LayerTap& layer, std::int64_t first, std::int64_t last) {
  const SlotRange range{first, last < 0 ? layer.slots() : last};
  if (range.begin < 0 || range.begin >= range.end || range.end > layer.slots())
    throw Error(ErrorKind::Config, "there are no such slots",
                "slots " + std::to_string(range.begin) + " to " + std::to_string(range.end) + " of " +
                    std::to_string(layer.slots()));
  return range;
}

MatrixAxis clipped(const std::vector<std::int64_t>& begins, SlotRange range) {
  MatrixAxis axis;
  for (const std::int64_t begin : begins)
    if (begin > range.begin && begin < range.end) axis.slot_begin.push_back(begin);
  axis.slot_begin.insert(axis.slot_begin.begin(), range.begin);
  axis.slot_begin.push_back(range.end);
  return axis;
}

}  // namespace

int level_count(const LayerTap& layer, const BallTree& tree) {
  const std::int64_t pooled = pooled_slots(layer, tree);
  int count = 0;
  for (const TreeLevel& level : tree.levels) {
    if (level.slot_begin.size() < 2 || level.slot_begin[1] - level.slot_begin[0] < pooled) break;
    ++count;
  }
  return count;
}

MatrixAxis axis_of_level(const LayerTap& layer, const BallTree& tree, int level, std::int64_t first,
                         std::int64_t last) {
  const int levels = level_count(layer, tree);
  if (level < 0 || level >= levels)
    throw Error(ErrorKind::Config, "the tree has no level " + std::to_string(level),
                "levels go from 0 to " + std::to_string(levels - 1));
  const std::int64_t pooled = pooled_slots(layer, tree);
  std::vector<std::int64_t> begins;
  for (const std::int64_t begin : tree.levels[at(level)].slot_begin) begins.push_back(begin / pooled);
  return clipped(begins, checked_range(layer, first, last));
}

MatrixAxis axis_of_size(const LayerTap& layer, std::int64_t size, std::int64_t first, std::int64_t last) {
  if (size < 1) throw Error(ErrorKind::Config, "a cell must hold a slot", std::to_string(size) + " slots");
  const SlotRange range = checked_range(layer, first, last);
  std::vector<std::int64_t> begins;
  for (std::int64_t begin = range.begin / size * size; begin < range.end; begin += size) begins.push_back(begin);
  return clipped(begins, range);
}

}  // namespace erwin
