#pragma once
// The ball tree of the shown layer as an icicle, and in words which tree it is and what is under the cursor. Trees of
// large clouds are counted on a thread of the panel's own.

#include <QWidget>
#include <memory>

#include "core/engine/worker.h"
#include "ui/panels/icicle_view.h"

class QComboBox;
class QLabel;

namespace erwin::ui {

class IciclePanel : public QWidget {
  Q_OBJECT
public:
  explicit IciclePanel(QWidget* parent = nullptr);
  void show_tree(const SceneData& shown, const SceneState& state);
  // A point of the cloud that is pointed at elsewhere, or -1.
  void mark_point(std::int64_t point);
  // The next of radius, fill, level.
  void step_colour();
  void set_colour(BallColour colour);
  IcicleView* view() const { return view_; }
  // Which tree, how much of it is seen, and what its boxes mean: for a file.
  QString caption() const;
  // Nothing is being counted.
  bool settled() const { return !counting_; }

private:
  using Map = std::shared_ptr<const BallMap>;
  void count(const SceneData& shown, const SceneState& state);
  void take(const Map& map);
  void mark();
  void write();
  QString tree_text() const;  // of a map that is there

  SceneData shown_;
  SceneState state_;
  TreeStatistics::Subject wanted_;
  bool counting_ = false;
  QLabel *title_, *ball_;
  QComboBox* colour_;
  IcicleView* view_;
  Worker worker_;  // last: its thread uses the others
};

}  // namespace erwin::ui
