#pragma once
// The ball tree in numbers: padding, and a row for every level.

#include <QWidget>

#include "ui/scene/scene_state.h"

namespace erwin::ui {

class Facts;
class Table;

class TreePanel : public QWidget {
  Q_OBJECT
public:
  explicit TreePanel(QWidget* parent = nullptr);
  void show_tree(const SceneData& shown, const SceneState& state);

Q_SIGNALS:
  void level_chosen(int level);

private:
  void list_levels(const BallTree& tree);
  BallTreePtr listed_;
  Facts* facts_;
  Table* levels_;
};

}  // namespace erwin::ui
