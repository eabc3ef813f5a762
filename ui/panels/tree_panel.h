#pragma once
// The shown tree in numbers: which one it is, how its slots are used, and a row for every level.

#include <QWidget>
#include <memory>

#include "core/engine/worker.h"
#include "ui/scene/tree_statistics.h"

class QLabel;

namespace erwin::ui {

class Facts;
class Table;

// The tree in which the query's layer runs: the main one, the rotated one, or that of a pooled level. Those of large
// clouds are counted on a thread of the panel's own.
class TreePanel : public QWidget {
  Q_OBJECT
public:
  explicit TreePanel(QWidget* parent = nullptr);
  void show_tree(const SceneData& shown, const SceneState& state);

Q_SIGNALS:
  void level_chosen(int level);

private:
  using StatisticsPtr = std::shared_ptr<const TreeStatistics>;
  void count(const SceneData& shown, const SceneState& state);
  void list(const TreeStatistics& statistics);
  void mark_level();

  TreeStatistics::Subject wanted_;
  int level_ = 0;
  QLabel* title_;
  Facts* facts_;
  Table* levels_;
  Worker worker_;  // last: its thread uses the others
};

}  // namespace erwin::ui
