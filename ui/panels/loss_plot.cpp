#include "ui/panels/loss_plot.h"

#include <QMouseEvent>
#include <QPainter>
#include <QPainterPath>
#include <algorithm>
#include <cmath>
#include <utility>

#include "core/train/metrics.h"
#include "ui/panels/panel_parts.h"

namespace erwin::ui {

namespace {

// Both can be told apart from each other with any colour vision, and from either background.
const QColor training_colour(86, 150, 210), validation_colour(222, 130, 20);

QString decade(int power) {
  if (power >= 0 && power <= 5) return whole(static_cast<std::int64_t>(std::llround(std::pow(10.0, power))));
  return power >= -3 && power < 0 ? QString::number(std::pow(10.0, power)) : QStringLiteral("1e%1").arg(power);
}

}  // namespace

std::vector<LossPoint> thinned(const std::vector<LossPoint>& points, std::size_t most) {
  std::vector<LossPoint> usable;
  for (const LossPoint& point : points)
    if (point.step > 0 && point.loss > 0 && std::isfinite(point.loss)) usable.push_back(point);
  if (usable.size() <= most || most < 2) return usable;
  const LossPoint last = usable.back();
  const double first = std::log(usable.front().step), span = std::log(last.step) - first;
  std::vector<LossPoint> result;
  std::size_t begin = 0;
  for (std::size_t bin = 1; bin < most && begin + 1 < usable.size(); ++bin) {
    const double end = first + span * static_cast<double>(bin) / static_cast<double>(most - 1);
    LossPoint sum;
    std::size_t count = 0;
    for (; begin + 1 < usable.size() && std::log(usable[begin].step) <= end; ++begin, ++count) {
      sum.step += usable[begin].step;
      sum.loss += usable[begin].loss;
    }
    if (count > 0) result.push_back({sum.step / static_cast<double>(count), sum.loss / static_cast<double>(count)});
  }
  result.push_back(last);
  return result;
}

LossCurves loss_curves(const MetricsHistory& metrics) {
  constexpr std::size_t most = 600;
  LossCurves curves;
  for (const TrainEntry& entry : metrics.training())
    curves.training.push_back({static_cast<double>(entry.step), entry.loss});
  for (const ValidationEntry& entry : metrics.validation())
    curves.validation.push_back({static_cast<double>(entry.step), entry.score()});
  return {thinned(curves.training, most), thinned(curves.validation, most)};
}

LossPlot::LossPlot(QWidget* parent) : QWidget(parent) {
  setMouseTracking(true);
  setAccessibleName(tr("Loss over steps"));
}

void LossPlot::show_losses(std::vector<LossPoint> training, std::vector<LossPoint> validation) {
  training_ = std::move(training);
  validation_ = std::move(validation);
  update();
}

LossPlot::Axes LossPlot::axes() const {
  Axes axes{0, 1, 0, 0,
            rect().adjusted(fontMetrics().horizontalAdvance("0.001") + 12, 8, -10, -2 * fontMetrics().height() - 8)};
  bool first = true;
  for (const auto* points : {&training_, &validation_})
    for (const LossPoint& point : *points) {
      const double loss = std::log10(point.loss);
      axes.right = std::max(axes.right, std::log10(point.step));
      axes.low = first ? loss : std::min(axes.low, loss);
      axes.high = first ? loss : std::max(axes.high, loss);
      first = false;
    }
  const double room = std::max(0.05, 0.05 * (axes.high - axes.low));
  axes.low -= room;
  axes.high += room;
  return axes;
}

QPointF LossPlot::Axes::place(const LossPoint& point) const {
  return {area.left() + area.width() * (std::log10(point.step) - left) / (right - left),
          area.bottom() - area.height() * (std::log10(point.loss) - low) / (high - low)};
}

void LossPlot::draw_grid(QPainter& painter, const Axes& axes) const {
  const QColor line = palette().color(QPalette::Mid), text = palette().color(QPalette::PlaceholderText);
  const int height = fontMetrics().height();
  painter.setPen(line);
  painter.drawRect(axes.area);
  for (int power = static_cast<int>(std::ceil(axes.left)); power <= axes.right; ++power) {
    const double x = axes.place({std::pow(10.0, power), 1}).x();
    painter.setPen(line);
    painter.drawLine(QPointF(x, axes.area.top()), QPointF(x, axes.area.bottom()));
    painter.setPen(text);
    painter.drawText(QRectF(x - 40, axes.area.bottom() + 2, 80, height), Qt::AlignHCenter, decade(power));
  }
  // Marks at 1, 2 and 5 of every decade; where they would be crowded, at 1 only.
  const bool narrow = axes.high - axes.low < 1.5;
  for (int power = static_cast<int>(std::floor(axes.low)); power <= std::ceil(axes.high); ++power)
    for (const double part : {1.0, 2.0, 5.0}) {
      const double value = part * std::pow(10.0, power), at = std::log10(value);
      if (at < axes.low || at > axes.high || (part != 1.0 && !narrow)) continue;
      const double y = axes.place({1, value}).y();
      painter.setPen(line);
      painter.drawLine(QPointF(axes.area.left(), y), QPointF(axes.area.right(), y));
      painter.setPen(text);
      painter.drawText(QRectF(0, y - height / 2.0, axes.area.left() - 6, height), Qt::AlignRight | Qt::AlignVCenter,
                       QString::number(value, 'g', 3));
    }
}

void LossPlot::paintEvent(QPaintEvent*) {
  QPainter painter(this);
  painter.setRenderHint(QPainter::Antialiasing);
  const Axes axes = this->axes();
  if (training_.empty() && validation_.empty()) {
    painter.setPen(palette().color(QPalette::PlaceholderText));
    painter.drawText(rect(), Qt::AlignCenter, tr("The loss appears with the first step"));
    return;
  }
  draw_grid(painter, axes);
  const auto draw = [&](const std::vector<LossPoint>& points, const QColor& colour, bool dots) {
    QPainterPath path;
    for (std::size_t i = 0; i < points.size(); ++i)
      i == 0 ? path.moveTo(axes.place(points[i])) : path.lineTo(axes.place(points[i]));
    painter.setPen(QPen(colour, 1.6));
    painter.setBrush(Qt::NoBrush);
    painter.drawPath(path);
    painter.setBrush(colour);
    if (dots || points.size() == 1)
      for (const LossPoint& point : points) painter.drawEllipse(axes.place(point), 2.5, 2.5);
  };
  draw(training_, training_colour, false);
  draw(validation_, validation_colour, true);
  const int bottom = height() - fontMetrics().height() - 2;
  int x = axes.area.left();
  for (const auto& [name, colour, there] : {std::tuple(tr("training"), training_colour, !training_.empty()),
                                            std::tuple(tr("validation"), validation_colour, !validation_.empty())}) {
    if (!there) continue;
    painter.setPen(QPen(colour, 3));
    painter.drawLine(x, bottom + fontMetrics().height() / 2, x + 16, bottom + fontMetrics().height() / 2);
    painter.setPen(palette().color(QPalette::WindowText));
    painter.drawText(x + 22, bottom + fontMetrics().ascent(), name);
    x += 40 + fontMetrics().horizontalAdvance(name);
  }
  painter.setPen(palette().color(QPalette::PlaceholderText));
  painter.drawText(QRect(0, bottom, axes.area.right(), fontMetrics().height()), Qt::AlignRight, tr("steps"));
}

void LossPlot::mouseMoveEvent(QMouseEvent* event) {
  const Axes axes = this->axes();
  const LossPoint* nearest = nullptr;
  double best = 40;
  for (const auto* points : {&training_, &validation_})
    for (const LossPoint& point : *points) {
      const QPointF way = axes.place(point) - event->position();
      const double far = std::hypot(way.x(), way.y());
      if (far < best) {
        best = far;
        nearest = &point;
      }
    }
  setToolTip(nearest ? tr("step %1, loss %2").arg(whole(std::llround(nearest->step)), number(nearest->loss))
                     : QString());
}

}  // namespace erwin::ui
