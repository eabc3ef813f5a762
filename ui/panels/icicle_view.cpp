#include "ui/panels/icicle_view.h"

#include <QGuiApplication>
#include <QHelpEvent>
#include <QKeyEvent>
#include <QMouseEvent>
#include <QPainter>
#include <QStyleHints>
#include <QToolTip>
#include <QWheelEvent>
#include <algorithm>
#include <cmath>
#include <utility>

#include "ui/panels/panel_parts.h"
#include "ui/scene/legend.h"

namespace erwin::ui {

namespace {

constexpr double label_width = 22, scale_height = 18;
constexpr double wheel_zoom = 1.25, least_points = 4;
constexpr double least_pixels = 1, gap_from_pixels = 4;  // of a ball: to be drawn, to be parted from the next
constexpr double print_resolution = 2;                   // as charts are printed (chart_file.h)
constexpr ColourMap ball_map = ColourMap::Sequential;

QColor qcolor(Rgb colour) {
  return QColor(colour.r, colour.g, colour.b);
}

}  // namespace

QString ball_text(const BallMap& map, const BallMap::Ball& ball, const std::string& unit) {
  return QObject::tr("level %1, ball %2: %3 points, %4 % of its slots filled, radius %5%6")
      .arg(ball.level)
      .arg(whole(ball.node), whole(map.points_of(ball)))
      .arg(100 * map.fill(ball), 0, 'f', 1)
      .arg(number(map.radius(ball)), unit.empty() ? QString() : " " + QString::fromStdString(unit));
}

IcicleView::IcicleView(QWidget* parent) : QWidget(parent) {
  setMouseTracking(true);
  setFocusPolicy(Qt::StrongFocus);
  setAccessibleName(tr("Ball tree"));
}

void IcicleView::show_map(std::shared_ptr<const BallMap> map) {
  if (map == map_) return;
  const bool same = map && map_ && map->points() == map_->points() && map->levels.size() == map_->levels.size();
  map_ = std::move(map);
  hover({});
  marked_ = -1;
  if (!same) {
    current_ = {};
    first_ = 0;
    length_ = map_ ? static_cast<double>(map_->points()) : 0;
  }
  find_range();
  stale_ = true;
  update();
  Q_EMIT window_changed();
}

void IcicleView::show_theme(Theme theme) {
  if (theme == theme_) return;
  theme_ = theme;
  stale_ = true;
  update();
}

void IcicleView::set_print(bool print) {
  print_ = print;
  stale_ = true;
  update();
}

void IcicleView::find_range() {
  smallest_ = largest_ = 0;
  if (!map_) return;
  for (const BallMap::Level& level : map_->levels)
    for (const double radius : level.radius) {
      largest_ = std::max(largest_, radius);
      if (radius > 0 && (smallest_ == 0 || radius < smallest_)) smallest_ = radius;
    }
}

void IcicleView::set_colour(BallColour colour) {
  colour_ = colour;
  stale_ = true;
  update();
}

void IcicleView::mark_query(std::int64_t slot) {
  if (slot == query_) return;
  query_ = slot;
  update();
}

void IcicleView::mark_alone(const Ball& ball) {
  if (ball == alone_) return;
  alone_ = ball;
  stale_ = true;
  update();
}

void IcicleView::mark_slot(std::int64_t slot) {
  if (slot == marked_) return;
  marked_ = slot;
  update();
}

// Where the keyboard goes, the window follows.
void IcicleView::set_current(const Ball& ball) {
  if (!map_ || !map_->has(ball)) return;
  current_ = ball;
  const auto first = static_cast<double>(map_->first_point(ball)), points = static_cast<double>(map_->points_of(ball));
  const double narrow = 12 / std::max(1.0, plot().width());  // of the window: too narrow to be seen well
  if (points < narrow * length_)
    set_window(first + points / 2 - points / narrow / 2, points / narrow);
  else if (points < length_ && (first < first_ || first + points > first_ + length_))
    set_window(first + points / 2 - length_ / 2, length_);
  hover(ball);
  update();
}

void IcicleView::show_whole() {
  if (map_) set_window(0, static_cast<double>(map_->points()));
}

void IcicleView::set_window(double first, double length) {
  if (!map_) return;
  const auto all = static_cast<double>(map_->points());
  length = std::clamp(length, std::min(least_points, all), all);
  first = std::clamp(first, 0.0, all - length);
  if (first == first_ && length == length_) return;
  first_ = first;
  length_ = length;
  stale_ = true;
  update();
  Q_EMIT window_changed();
}

// ---- Places ----

QRectF IcicleView::plot() const {
  return {label_width, 1, std::max(20.0, width() - label_width - 2), std::max(20.0, height() - scale_height - 2)};
}

double IcicleView::row_height() const {
  return map_ ? plot().height() / static_cast<double>(map_->levels.size()) : 0;
}

double IcicleView::x_of(double point) const {
  return plot().left() + (point - first_) / length_ * plot().width();
}

double IcicleView::resolution() const {
  return print_ ? print_resolution : devicePixelRatioF();
}

QRectF IcicleView::ball_rect(const Ball& ball) const {
  if (!map_ || !map_->has(ball)) return {};
  const double top = plot().top() + ball.level * row_height();
  const QRectF all(QPointF(x_of(static_cast<double>(map_->first_point(ball))), top),
                   QPointF(x_of(static_cast<double>(map_->end_point(ball))), top + row_height()));
  return all & plot();
}

IcicleView::Ball IcicleView::ball_at(const QPointF& at) const {
  const QRectF area = plot();
  if (!map_ || map_->points() == 0 || !area.contains(at)) return {};
  const int level =
      std::min(static_cast<int>((at.y() - area.top()) / row_height()), static_cast<int>(map_->levels.size()) - 1);
  const auto rank = static_cast<std::int64_t>(first_ + (at.x() - area.left()) / area.width() * length_);
  const Ball ball = map_->at_point(level, std::clamp<std::int64_t>(rank, 0, map_->points() - 1));
  const double pixels = static_cast<double>(map_->points_of(ball)) / length_ * area.width() * resolution();
  return pixels < least_pixels ? Ball{} : ball;
}

int IcicleView::first_left_out() const {
  const int levels = map_ ? static_cast<int>(map_->levels.size()) : 0;
  const double per_pixel = length_ / (plot().width() * resolution());
  for (int level = 0; level < levels; ++level) {
    // Balls of a level differ by little: a few of them tell.
    for (int i = 0; i < 8; ++i) {
      const auto rank = static_cast<std::int64_t>(first_ + (i + 0.5) / 8 * length_);
      const Ball ball = map_->at_point(level, std::clamp<std::int64_t>(rank, 0, map_->points() - 1));
      if (static_cast<double>(map_->points_of(ball)) < least_pixels * per_pixel) return level;
    }
  }
  return levels;
}

// ---- Drawing ----

QRgb IcicleView::colour_of(const Ball& ball) const {
  double share = 0;
  switch (colour_) {
    case BallColour::Fill:
      share = map_->fill(ball);
      break;
    case BallColour::Radius:
      if (const double radius = map_->radius(ball); radius > 0 && largest_ > smallest_)
        share = std::log(radius / smallest_) / std::log(largest_ / smallest_);
      break;
    case BallColour::Level:
      share = static_cast<double>(ball.level) / std::max<double>(1, std::ssize(map_->levels) - 1);
      break;
  }
  Rgb colour = map_colour(ball_map, share);
  const bool inside = !map_->has(alone_) || (map_->first_slot(ball) >= map_->first_slot(alone_) &&
                                             map_->end_slot(ball) <= map_->end_slot(alone_));
  if (!inside) colour = mix(colour, palette_of(theme_).background, 0.75);
  return qcolor(colour).rgb();
}

void IcicleView::walk(int level, int across, const std::function<void(const Ball& ball, int x, int end)>& visit) const {
  const double per_pixel = length_ / across;
  for (int x = 0; x < across;) {
    const auto rank = static_cast<std::int64_t>(first_ + (x + 0.5) * per_pixel);
    const Ball ball = map_->at_point(level, std::clamp<std::int64_t>(rank, 0, map_->points() - 1));
    const double last = (static_cast<double>(map_->end_point(ball)) - first_) / per_pixel;
    const int end = std::clamp(static_cast<int>(std::ceil(last - 0.5)), x + 1, across);
    visit(ball, x, end);
    x = end;
  }
}

// Row by row and pixel by pixel: what it costs depends on the widget's size and hardly on the tree's.
void IcicleView::draw_balls() {
  const double ratio = resolution();
  const int across = std::max(1, qRound(plot().width() * ratio)), down = std::max(1, qRound(plot().height() * ratio));
  image_ = QImage(across, down, QImage::Format_RGB32);
  const QRgb nothing = palette().color(QPalette::Window).rgb();
  image_.fill(nothing);
  stale_ = false;
  if (!map_ || map_->points() == 0) return;
  std::vector<QRgb> line(static_cast<std::size_t>(across));
  for (int level = 0; level < static_cast<int>(map_->levels.size()); ++level) {
    walk(level, across, [&](const Ball& ball, int x, int end) {
      const double pixels = static_cast<double>(map_->points_of(ball)) / length_ * across;
      std::fill(line.begin() + x, line.begin() + end, pixels < least_pixels ? nothing : colour_of(ball));
      if (pixels >= gap_from_pixels && end < across) line[static_cast<std::size_t>(end) - 1] = nothing;
    });
    const double height = static_cast<double>(down) / static_cast<double>(map_->levels.size());
    const int top = qRound(level * height), bottom = std::max(top + 1, qRound((level + 1) * height) - (height > 3));
    for (int y = top; y < std::min(bottom, down); ++y)
      std::copy(line.begin(), line.end(), reinterpret_cast<QRgb*>(image_.scanLine(y)));
  }
}

void IcicleView::draw_rectangles(QPainter& painter) const {
  const int across = std::max(1, qRound(plot().width() * resolution()));
  for (int level = 0; level < static_cast<int>(map_->levels.size()); ++level)
    walk(level, across, [&](const Ball& ball, int, int) {
      const double pixels = static_cast<double>(map_->points_of(ball)) / length_ * across;
      if (pixels < least_pixels) return;
      const double gap = pixels >= gap_from_pixels ? 1 / resolution() : 0;
      painter.fillRect(ball_rect(ball).adjusted(0, 0, -gap, row_height() > 3 ? -1 : 0), QColor(colour_of(ball)));
    });
}

void IcicleView::draw_path(QPainter& painter, std::int64_t slot, const QColor& colour) const {
  if (slot < 0 || slot >= map_->slots->slots()) return;
  for (int level = 0; level < static_cast<int>(map_->levels.size()); ++level) {
    QRectF box = ball_rect(map_->at_slot(level, slot)).adjusted(0.5, 0.5, -0.5, -1.5);
    if (box.height() <= 0 || box.right() < plot().left() || box.left() > plot().right()) continue;
    if (box.width() < 2) box.setWidth(2);
    if (row_height() > 12 && !print_) {  // else the rim would hide the ball; on paper the line is black itself
      painter.setPen(QPen(QColor(0, 0, 0, 160), 3));
      painter.drawRect(box);
    }
    painter.setPen(QPen(colour, row_height() > 12 ? 1.5 : 1));
    painter.drawRect(box);
  }
}

// Where a ball is wide enough for its number of points.
void IcicleView::draw_counts(QPainter& painter) const {
  QFont small = font();
  small.setPointSizeF(0.8 * small.pointSizeF());
  painter.setFont(small);
  const QFontMetricsF metrics(small);
  painter.setPen(palette().color(QPalette::PlaceholderText));
  for (int level = 0; level < static_cast<int>(map_->levels.size()); ++level) {
    const double top = plot().top() + level * row_height();
    const int every = std::max(1, static_cast<int>(std::ceil(metrics.height() * 0.8 / row_height())));
    if (level % every == 0)
      painter.drawText(QRectF(0, top + row_height() / 2 - metrics.height() / 2, label_width - 5, metrics.height()),
                       Qt::AlignRight | Qt::AlignVCenter, QString::number(level));
  }
  if (row_height() < metrics.height() * 0.8) return;
  for (int level = 0; level < static_cast<int>(map_->levels.size()); ++level) {
    Ball ball =
        map_->at_point(level, std::clamp<std::int64_t>(static_cast<std::int64_t>(first_), 0, map_->points() - 1));
    while (true) {
      const QRectF box = ball_rect(ball);
      if (box.width() < 26) break;  // the others of the level are about as narrow
      const QString text = whole(map_->points_of(ball));
      if (metrics.horizontalAdvance(text) + 6 < box.width()) {
        const QColor under = QColor(colour_of(ball));
        painter.setPen(2 * under.red() + 5 * under.green() + under.blue() > 1000 ? Qt::black : Qt::white);
        painter.drawText(box, Qt::AlignCenter, text);
      }
      const Ball next = map_->neighbour(ball, 1);
      if (next == ball || static_cast<double>(map_->first_point(next)) >= first_ + length_) break;
      ball = next;
    }
  }
}

void IcicleView::draw_scale(QPainter& painter) const {
  QFont small = font();
  small.setPointSizeF(0.85 * small.pointSizeF());
  painter.setFont(small);
  painter.setPen(palette().color(QPalette::WindowText));
  const bool radius = colour_ == BallColour::Radius, fill = colour_ == BallColour::Fill;
  const std::string cloud_unit = map_->subject.cloud ? map_->subject.cloud->unit() : std::string();
  const QString unit = cloud_unit.empty() ? QString() : " " + QString::fromStdString(cloud_unit);
  const QString low = fill ? tr("fill 0 %") : radius ? tr("radius %1").arg(number(smallest_)) : tr("level 0");
  const QString high = fill     ? tr("100 % of the slots hold a point")
                       : radius ? tr("%1%2, logarithmic").arg(number(largest_), unit)
                                : QString::number(map_->levels.size() - 1);
  const QFontMetricsF metrics(small);
  const QRectF area = plot();
  const double top = area.bottom() + 3, height = scale_height - 4;
  const QRectF before(area.left(), top, metrics.horizontalAdvance(low) + 2, height);
  painter.drawText(before, Qt::AlignLeft | Qt::AlignVCenter, low);
  const QRectF bar(before.right() + 6, top + height / 2 - 3, std::min(120.0, area.width() / 3), 6);
  constexpr int steps = 60;
  for (int i = 0; i < steps; ++i)
    painter.fillRect(QRectF(bar.left() + bar.width() * i / steps, bar.top(), bar.width() / steps, bar.height()),
                     qcolor(map_colour(ball_map, i / (steps - 1.0))));
  painter.drawText(QRectF(bar.right() + 6, top, area.right() - bar.right() - 6, height),
                   Qt::AlignLeft | Qt::AlignVCenter, high);
}

void IcicleView::paintEvent(QPaintEvent*) {
  QPainter painter(this);
  if (!map_ || map_->points() == 0) return;
  const QRectF area = plot();
  if (print_) {
    draw_rectangles(painter);
  } else {
    if (stale_ || image_.width() != qRound(area.width() * resolution()) ||
        image_.height() != qRound(area.height() * resolution()))
      draw_balls();
    painter.drawImage(area, image_);
  }
  draw_counts(painter);
  draw_scale(painter);
  painter.setBrush(Qt::NoBrush);
  painter.setPen(palette().color(hasFocus() && !print_ ? QPalette::Highlight : QPalette::Mid));
  painter.drawRect(area.adjusted(-0.5, -0.5, 0.5, 0.5));
  painter.setClipRect(area.adjusted(-1, -1, 1, 1));
  const Palette colours = palette_of(theme_);
  if (!print_) draw_path(painter, marked_, qcolor(colours.ball));
  draw_path(painter, query_, qcolor(colours.query));
  if (print_) return;
  for (const Ball& ball : {current_, hovered_})
    if (map_->has(ball)) {
      const QRectF box = ball_rect(ball);
      painter.setPen(QPen(Qt::black, 3));
      painter.drawRect(box);
      painter.setPen(QPen(Qt::white, 1.5));
      painter.drawRect(box);
    }
}

// ---- Mouse and keys ----

void IcicleView::zoom(double factor, double about_x) {
  const double share = std::clamp((about_x - plot().left()) / plot().width(), 0.0, 1.0);
  const double length =
      std::clamp(length_ / factor, std::min(least_points, length_), map_ ? static_cast<double>(map_->points()) : 1.0);
  set_window(first_ + share * (length_ - length), length);
}

void IcicleView::hover(const Ball& ball) {
  if (ball == hovered_) return;
  hovered_ = ball;
  update();
  Q_EMIT ball_hovered(ball.level, ball.node);
}

void IcicleView::wheelEvent(QWheelEvent* event) {
  event->accept();
  if (!map_) return;
  zoom(std::pow(wheel_zoom, event->angleDelta().y() / 120.0), event->position().x());
  hover(ball_at(event->position()));
}

void IcicleView::mousePressEvent(QMouseEvent* event) {
  if (event->button() != Qt::LeftButton) return;
  held_ = true;
  dragged_ = false;
  pressed_ = last_ = event->position();
}

void IcicleView::mouseMoveEvent(QMouseEvent* event) {
  const QPointF at = event->position();
  if (!held_) return hover(ball_at(at));
  if ((at - pressed_).manhattanLength() >= QGuiApplication::styleHints()->startDragDistance()) dragged_ = true;
  if (!dragged_) return;
  set_window(first_ - (at.x() - last_.x()) / plot().width() * length_, length_);
  last_ = at;
}

void IcicleView::mouseReleaseEvent(QMouseEvent* event) {
  if (event->button() != Qt::LeftButton || !std::exchange(held_, false) || dragged_) return;
  const Ball ball = ball_at(event->position());
  if (ball.level < 0) return;
  current_ = ball;
  update();
  if (event->modifiers() & Qt::ControlModifier)
    Q_EMIT ball_queried(ball.level, ball.node);
  else
    Q_EMIT ball_chosen(ball.level, ball.node);
}

void IcicleView::mouseDoubleClickEvent(QMouseEvent* event) {
  const Ball ball = ball_at(event->position());
  if (event->button() == Qt::LeftButton && ball.level >= 0) Q_EMIT ball_isolated(ball.level, ball.node);
}

void IcicleView::leaveEvent(QEvent*) {
  hover({});
}

void IcicleView::keyPressEvent(QKeyEvent* event) {
  if (!map_ || map_->points() == 0) return QWidget::keyPressEvent(event);
  if (!map_->has(current_)) {  // the first key finds a place: the query's ball of the middle level, or the root
    const bool asked = query_ >= 0 && query_ < map_->slots->slots();
    current_ = asked ? map_->at_slot(static_cast<int>(map_->levels.size()) / 2, query_) : Ball{0, 0};
  }
  switch (event->key()) {
    case Qt::Key_Left:
      return set_current(map_->neighbour(current_, -1));
    case Qt::Key_Right:
      return set_current(map_->neighbour(current_, 1));
    case Qt::Key_Up:
      return set_current(map_->parent(current_));
    case Qt::Key_Down:
      return set_current(map_->first_child(current_));
    case Qt::Key_Return:
    case Qt::Key_Enter:
      Q_EMIT ball_chosen(current_.level, current_.node);
      return;
    case Qt::Key_Space:
      Q_EMIT ball_isolated(current_.level, current_.node);
      return;
    case Qt::Key_Plus:
    case Qt::Key_Equal:
      return zoom(wheel_zoom, ball_rect(current_).center().x());
    case Qt::Key_Minus:
      return zoom(1 / wheel_zoom, ball_rect(current_).center().x());
    case Qt::Key_Home:
      return show_whole();
    default:
      QWidget::keyPressEvent(event);
  }
}

QString IcicleView::tip_of(const Ball& ball) const {
  const std::string unit = map_->subject.cloud ? map_->subject.cloud->unit() : std::string();
  return ball_text(*map_, ball, unit) +
         tr(".\nRadius: largest distance of a point to the mean of the ball's points (Erwin, arXiv 2502.17019, 3).\n"
            "Click: fly there. Double-click: look at this ball alone. Ctrl+click: query its middle point");
}

bool IcicleView::event(QEvent* event) {
  if (event->type() != QEvent::ToolTip) return QWidget::event(event);
  const auto* help = static_cast<QHelpEvent*>(event);
  if (const Ball ball = ball_at(help->pos()); ball.level >= 0)
    QToolTip::showText(help->globalPos(), tip_of(ball), this);
  else
    QToolTip::hideText();
  return true;
}

}  // namespace erwin::ui
