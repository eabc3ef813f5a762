#pragma once
// The attention matrix of the shown layer, head and branch in the order of the layer's own tree, and in words what of
// it is shown and how exact it is.

#include <QTimer>
#include <QWidget>
#include <memory>
#include <string>
#include <vector>

#include "ui/panels/matrix_view.h"

class QLabel;
class QPushButton;

namespace erwin::ui {

class MatrixPanel : public QWidget {
  Q_OBJECT
public:
  explicit MatrixPanel(QWidget* parent = nullptr);
  // matrix: the newest of the engine, whatever it is of; null: none. A window that it does not show is asked for. The
  // state says which window, where it says something new and of this tree, and which colours.
  void show_matrix(std::shared_ptr<const AttentionMatrix> matrix, const SceneData& shown, const SceneState& state);
  // A point of the cloud that is pointed at elsewhere, or -1.
  void mark_point(std::int64_t point);
  // The matrix of this window is worked out and shown.
  MatrixRequest request() const;
  MatrixView* view() const { return view_; }
  QString caption() const;

  // The points of a cell's row node or column node; the one in the middle of a row node.
  std::vector<std::int32_t> points_of(bool row, int cell) const;
  std::int64_t middle_of_row(int row) const;
  // "ball 3".
  QString name_of(bool row, int cell) const;

  // The window as it looks, and as a table of its cells: rows are query nodes, columns key nodes.
  QImage picture() const;
  std::string csv() const;
  bool has_matrix() const { return view_->matrix() != nullptr; }

Q_SIGNALS:
  void wanted(const erwin::MatrixRequest& request);
  void cell_hovered(int row, int column);  // of view()->matrix(); -1, -1: none
  void point_chosen(qint64 point);
  void part_chosen(const erwin::ui::MatrixPart& part);  // when the window rests
  void scale_wanted();                                  // the other colours
  void save_wanted();

private:
  bool fits(const AttentionMatrix& matrix) const;
  MatrixPart part() const;
  void rest();
  void ask();
  void follow(const SceneState& state);
  void write();
  void say_cell(int row, int column);

  SceneData shown_;
  SceneState state_;
  std::shared_ptr<const SlotPoints> slots_;     // of the tree that is shown
  std::vector<std::int32_t> slot_of_;           // [n] of every point, made when first needed
  std::shared_ptr<const Prediction> asked_of_;  // by the last `wanted`
  MatrixRequest asked_;
  MatrixPart told_;  // by the state, or to it
  QTimer asking_;    // while the window moves nothing is asked
  QLabel *title_, *caption_, *cell_;
  MatrixView* view_;
  QPushButton *whole_, *scale_, *save_;
};

}  // namespace erwin::ui
