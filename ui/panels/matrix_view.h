#pragma once
// The drawing of an attention matrix: a square window of it, brackets of the tree along both axes, the scale of its
// colours below. The wheel zooms about the cursor, a drag moves, and so do +, -, the arrows and Home. What is not
// computed yet for the window is drawn from the matrix that was there before.

#include <QImage>
#include <QWidget>
#include <memory>
#include <optional>

#include "core/attention/matrix.h"
#include "ui/panels/matrix_axes.h"
#include "ui/scene/scene_state.h"

namespace erwin::ui {

class MatrixView : public QWidget {
  Q_OBJECT
public:
  // The part of the matrix that is seen, in slots.
  struct Window {
    double row = 0, column = 0, length = 0;
    bool operator==(const Window&) const = default;
  };
  struct Cell {
    int row = -1, column = -1;
    bool operator==(const Cell&) const = default;
  };
  static constexpr int most_cells = 192;  // along an axis

  explicit MatrixView(QWidget* parent = nullptr);
  // Another tree starts with the whole of it.
  void show_levels(const MatrixLevels& levels, bool other_tree);
  void show_matrix(std::shared_ptr<const AttentionMatrix> matrix, Theme theme);
  void set_theme(Theme theme);
  const AttentionMatrix* matrix() const { return matrix_.get(); }
  const MatrixLevels& levels() const { return levels_; }

  Window window() const { return window_; }
  void set_window(const Window& window);
  void show_whole();
  // Of the cells that the window should have.
  int level() const;
  MatrixAxis rows() const;
  MatrixAxis columns() const;

  bool logarithmic() const { return logarithmic_; }
  void set_logarithmic(bool on);
  // The row and the column of a slot that is pointed at elsewhere; -1: none.
  void mark_slot(std::int64_t slot);
  std::int64_t marked_slot() const { return marked_; }

  // Where a cell is drawn, in this widget's coordinates; the cell at a place, if any.
  QRectF cell_rect(const Cell& cell) const;
  std::optional<Cell> cell_at(const QPointF& at) const;

  // Of what is drawn; below it this widget is empty where it is higher than wide.
  int drawn_height() const;

  QSize sizeHint() const override { return {320, 350}; }
  QSize minimumSizeHint() const override { return {200, 230}; }

Q_SIGNALS:
  void window_changed();
  void cell_hovered(int row, int column);  // of matrix(); -1, -1: none
  void cell_clicked(int row, int column);

protected:
  void paintEvent(QPaintEvent* event) override;
  void wheelEvent(QWheelEvent* event) override;
  void mousePressEvent(QMouseEvent* event) override;
  void mouseMoveEvent(QMouseEvent* event) override;
  void mouseReleaseEvent(QMouseEvent* event) override;
  void leaveEvent(QEvent* event) override;
  void keyPressEvent(QKeyEvent* event) override;

private:
  QRectF plot() const;
  double x_of(double slot) const;
  double y_of(double slot) const;
  void zoom(double factor, const QPointF& about);
  void hover(std::optional<Cell> cell);
  void find_range();
  void draw_cells();
  void draw_brackets(class QPainter& painter) const;
  void draw_marks(class QPainter& painter) const;
  void draw_scale(class QPainter& painter) const;
  double share_of(float value) const;

  MatrixLevels levels_;
  std::shared_ptr<const AttentionMatrix> matrix_;
  Theme theme_ = Theme::Dark;
  Window window_;
  bool logarithmic_ = true;
  double low_ = 0, high_ = 0;
  std::int64_t marked_ = -1;
  std::optional<Cell> hovered_;
  QPointF pressed_, last_;
  bool held_ = false, dragged_ = false;
  QImage image_;
  bool stale_ = true;
};

}  // namespace erwin::ui
