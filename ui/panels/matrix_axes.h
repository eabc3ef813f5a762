#pragma once
// The levels of the shown layer's own tree as axes of a matrix: which nodes a window of slots shows, and what they are
// called. Cheap: no level is listed further down than its nodes differ in size.

#include <QString>
#include <cstdint>
#include <vector>

#include "core/attention/matrix.h"
#include "ui/scene/scene_state.h"

namespace erwin::ui {

class MatrixLevels {
public:
  MatrixLevels() = default;
  // Of the layer that the state names; empty where no network has run.
  MatrixLevels(const SceneData& shown, const SceneState& state);

  bool empty() const { return count_ == 0; }
  std::int64_t slots() const { return slots_; }
  int count() const { return count_; }
  std::int64_t nodes(int level) const;
  // The nodes of a level that touch slots [first, last), whole.
  MatrixAxis axis(int level, std::int64_t first, std::int64_t last) const;
  // The deepest level of which slots [first, last) touch at most `most` nodes.
  int level_for(std::int64_t first, std::int64_t last, int most) const;
  // "blocks", "balls", "slots"; "nodes of level 3" for all others.
  QString name(int level, bool many = true) const;

private:
  std::int64_t size_of(int level) const;  // slots of a node where all are alike, else 0

  int count_ = 0;
  std::int64_t slots_ = 0, ball_ = 0, block_ = 0;
  bool pooled_ = false;
  // Levels down to the first one below which every node is halved; the last of them has nodes of one size.
  std::vector<std::vector<std::int64_t>> upper_;
};

}  // namespace erwin::ui
