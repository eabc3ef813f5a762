#pragma once
// The ball tree as an icicle: a row for every level with the root on top, a ball as wide as the points it holds. Balls
// narrower than a pixel are left out, so that it draws trees of any size. For print every ball is a rectangle of its
// own down to half a point: of a tree that is halved level by level that is at most four times the chart's width in
// points, however large the cloud. The wheel zooms about the cursor, a drag moves; the keyboard walks from ball to
// ball.

#include <QImage>
#include <QWidget>
#include <functional>
#include <memory>

#include "ui/scene/ball_map.h"

namespace erwin::ui {

enum class BallColour { Radius, Fill, Level };

class IcicleView : public QWidget {
  Q_OBJECT
public:
  using Ball = BallMap::Ball;

  explicit IcicleView(QWidget* parent = nullptr);
  // Another tree starts with the whole of it; null: nothing to draw.
  void show_map(std::shared_ptr<const BallMap> map);
  const BallMap* map() const { return map_.get(); }
  void show_theme(Theme theme);

  // On paper: black on white, without what mouse and keyboard mark.
  void set_print(bool print);

  BallColour colour() const { return colour_; }
  void set_colour(BallColour colour);
  // The balls that hold the query's slot, and the one that is looked at alone; -1 and no ball: none.
  void mark_query(std::int64_t slot);
  void mark_alone(const Ball& ball);
  // The balls that hold a point that is pointed at elsewhere, by its slot; -1: none.
  void mark_slot(std::int64_t slot);
  std::int64_t query_slot() const { return query_; }
  std::int64_t marked_slot() const { return marked_; }
  Ball alone() const { return alone_; }

  // Where the keyboard is; no ball at first.
  Ball current() const { return current_; }
  void set_current(const Ball& ball);
  void show_whole();
  // The range of points in slot order that is seen.
  double first_point() const { return first_; }
  double shown_points() const { return length_; }

  QRectF ball_rect(const Ball& ball) const;  // in this widget's coordinates, cut to what is seen
  Ball ball_at(const QPointF& at) const;     // no ball where none is drawn
  // The coarsest level of which the seen part holds balls that are left out; the number of levels where none does.
  int first_left_out() const;

  QSize sizeHint() const override { return {480, 140}; }
  QSize minimumSizeHint() const override { return {160, 80}; }

Q_SIGNALS:
  void window_changed();
  void ball_hovered(int level, qint64 node);  // -1, -1: none
  void ball_chosen(int level, qint64 node);
  void ball_isolated(int level, qint64 node);
  void ball_queried(int level, qint64 node);

protected:
  void paintEvent(QPaintEvent* event) override;
  void wheelEvent(QWheelEvent* event) override;
  void mousePressEvent(QMouseEvent* event) override;
  void mouseMoveEvent(QMouseEvent* event) override;
  void mouseReleaseEvent(QMouseEvent* event) override;
  void mouseDoubleClickEvent(QMouseEvent* event) override;
  void leaveEvent(QEvent* event) override;
  void keyPressEvent(QKeyEvent* event) override;
  bool event(QEvent* event) override;  // tooltips

private:
  QRectF plot() const;
  double x_of(double point) const;
  double row_height() const;
  void set_window(double first, double length);
  void zoom(double factor, double about_x);
  void hover(const Ball& ball);
  void find_range();
  QRgb colour_of(const Ball& ball) const;
  double resolution() const;  // pixels that a ball must fill one of, to a point of the widget
  // The balls that are seen, from left to right with the pixels whose middles lie in them; those between are skipped.
  void walk(int level, int across, const std::function<void(const Ball& ball, int x, int end)>& visit) const;
  void draw_balls();
  void draw_rectangles(class QPainter& painter) const;
  void draw_path(class QPainter& painter, std::int64_t slot, const QColor& colour) const;
  void draw_counts(class QPainter& painter) const;
  void draw_scale(class QPainter& painter) const;
  QString tip_of(const Ball& ball) const;

  std::shared_ptr<const BallMap> map_;
  Theme theme_ = Theme::Dark;
  BallColour colour_ = BallColour::Radius;
  double first_ = 0, length_ = 0;      // in points
  double smallest_ = 0, largest_ = 0;  // radii above 0
  std::int64_t query_ = -1, marked_ = -1;
  Ball alone_, current_, hovered_;
  QPointF pressed_, last_;
  bool held_ = false, dragged_ = false;
  QImage image_;
  bool stale_ = true;
  bool print_ = false;
};

// "level 5, ball 13: 112 points, 87.5 % of its slots filled, radius 0.21".
QString ball_text(const BallMap& map, const BallMap::Ball& ball, const std::string& unit);

}  // namespace erwin::ui
