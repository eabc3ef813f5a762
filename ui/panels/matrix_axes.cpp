#include "ui/panels/matrix_axes.h"

#include <QObject>
#include <algorithm>
#include <bit>

#include "ui/scene/tree_nodes.h"

namespace erwin::ui {

namespace {

// A power of two that all nodes have; 0: they differ, or cannot be halved down to single slots.
std::int64_t common_size(const std::vector<std::int64_t>& begin) {
  const std::int64_t size = begin[1] - begin[0];
  for (std::size_t i = 1; i + 1 < begin.size(); ++i)
    if (begin[i + 1] - begin[i] != size) return 0;
  return std::has_single_bit(static_cast<std::uint64_t>(size)) ? size : 0;
}

}  // namespace

MatrixLevels::MatrixLevels(const SceneData& shown, const SceneState& state) {
  const LayerInfo* layer = shown.prediction && shown.prediction->tree ? shown_layer(shown, state) : nullptr;
  if (!layer || !layer->slots) return;
  slots_ = layer->slots->slots();
  ball_ = layer->ball_size;
  block_ = layer->block_size;
  pooled_ = layer->pool_level > 0;
  count_ = shown_level_count(shown, state);
  for (int level = 0; level < count_; ++level) {
    upper_.push_back(shown_level(shown, state, level)->begin);
    if (common_size(upper_.back())) break;
  }
}

std::int64_t MatrixLevels::size_of(int level) const {
  const int last = static_cast<int>(upper_.size()) - 1;
  const std::int64_t size = common_size(upper_[static_cast<std::size_t>(std::min(level, last))]);
  return level > last ? size >> (level - last) : size;
}

std::int64_t MatrixLevels::nodes(int level) const {
  const auto at = static_cast<std::size_t>(level);
  return at < upper_.size() ? std::ssize(upper_[at]) - 1 : slots_ / std::max<std::int64_t>(1, size_of(level));
}

MatrixAxis MatrixLevels::axis(int level, std::int64_t first, std::int64_t last) const {
  MatrixAxis axis;
  if (static_cast<std::size_t>(level) < upper_.size()) {
    const auto& begin = upper_[static_cast<std::size_t>(level)];
    const auto from = std::upper_bound(begin.begin(), begin.end(), first) - 1;
    const auto to = std::lower_bound(begin.begin(), begin.end(), last);
    axis.slot_begin.assign(from, to == begin.end() ? to : to + 1);
    return axis;
  }
  const std::int64_t size = size_of(level);
  for (std::int64_t slot = first / size * size; slot < last + size && slot <= slots_; slot += size)
    axis.slot_begin.push_back(slot);
  return axis;
}

int MatrixLevels::level_for(std::int64_t first, std::int64_t last, int most) const {
  int level = 0;
  while (level + 1 < count_ && axis(level + 1, first, last).cells() <= most) ++level;
  return level;
}

QString MatrixLevels::name(int level, bool many) const {
  const std::int64_t size = size_of(level);
  if (size > 0 && size == block_) return many ? QObject::tr("blocks") : QObject::tr("block");
  if (size > 0 && size == ball_) return many ? QObject::tr("balls") : QObject::tr("ball");
  if (size == 1 && pooled_) return many ? QObject::tr("pooled nodes") : QObject::tr("pooled node");
  if (size == 1) return many ? QObject::tr("points' slots") : QObject::tr("slot");
  return (many ? QObject::tr("nodes of level %1") : QObject::tr("node of level %1,")).arg(level);
}

}  // namespace erwin::ui
