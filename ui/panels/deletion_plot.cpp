#include "ui/panels/deletion_plot.h"

#include <QPainter>
#include <QPainterPath>
#include <algorithm>
#include <array>
#include <utility>

#include "ui/panels/panel_parts.h"
#include "ui/panels/value_axis.h"
#include "ui/scene/colour.h"

namespace erwin::ui {

namespace {

// Told apart by their dashes as well as by their colours.
struct Look {
  const char* order;
  QColor colour;
  Qt::PenStyle style;
};
const std::array<Look, 4> looks{{{"contribution", contribution_colour, Qt::SolidLine},
                                 {"attention", attention_colour, Qt::DashLine},
                                 {"nearest", QColor(0, 158, 115), Qt::DotLine},
                                 {"random", QColor(140, 146, 158), Qt::DashDotLine}}};

}  // namespace

DeletionPlot::DeletionPlot(QWidget* parent) : QWidget(parent) {
  setToolTip(
      tr("Deletion curves: |prediction - prediction without the first k blocks|, the blocks in order of "
         "contribution, of attention, of distance, and the mean of four random orders. The higher a curve, the "
         "better its order finds what matters"));
  setAccessibleName(tr("Deletion curves"));
}

void DeletionPlot::show_curves(std::vector<DeletionCurve> curves, const QString& unit) {
  curves_ = std::move(curves);
  unit_ = unit;
  QStringList spoken;
  for (const DeletionCurve& curve : curves_)
    spoken << tr("%1: mean change %2").arg(QString::fromStdString(curve.order), number(curve.area));
  setAccessibleDescription(spoken.join(", "));
  update();
}

void DeletionPlot::paintEvent(QPaintEvent*) {
  if (curves_.empty() || curves_.front().removed.empty()) return;
  QPainter painter(this);
  painter.setRenderHint(QPainter::Antialiasing);
  double most = 0;
  for (const DeletionCurve& curve : curves_)
    for (const double change : curve.change) most = std::max(most, change);
  if (most == 0) most = 1;
  const int height = fontMetrics().height(), last = curves_.front().removed.back();
  const svg::Axis axis = svg::round_axis(0, most), blocks = svg::round_axis(0, last, std::min(4, last));
  const QRectF area = QRectF(rect()).adjusted(axis_room(axis, fontMetrics()) + 2, height + 10, -10, -3 * height - 12);
  draw_value_axis(painter, axis, area, palette());
  painter.setPen(palette().color(QPalette::PlaceholderText));
  painter.drawText(
      QRectF(0, 0, width(), height), Qt::AlignLeft,
      unit_.isEmpty() ? tr("change over blocks taken away") : tr("change in %1 over blocks taken away").arg(unit_));
  const auto place = [&](double removed, double change) {
    return QPointF(area.left() + area.width() * removed / last, height_of(change, axis, area));
  };
  for (int i = 0; i <= blocks.ticks() && blocks.tick(i) <= last; ++i)
    painter.drawText(QRectF(place(blocks.tick(i), 0).x() - 30, area.bottom() + 3, 60, height), Qt::AlignHCenter,
                     number(blocks.tick(i)));
  double x = 4, y = area.bottom() + height + 8;
  for (const Look& look : looks)
    for (const DeletionCurve& curve : curves_) {
      if (curve.order != look.order) continue;
      QPainterPath path(place(0, 0));
      for (std::size_t i = 0; i < curve.removed.size(); ++i) path.lineTo(place(curve.removed[i], curve.change[i]));
      painter.setPen(QPen(look.colour, 2, look.style));
      painter.setBrush(Qt::NoBrush);
      painter.drawPath(path);
      const QString name = QString::fromStdString(curve.order);
      const double wide = 30 + fontMetrics().horizontalAdvance(name) + 12;
      if (x + wide > width()) {
        x = 4;
        y += height + 2;
      }
      painter.drawLine(QPointF(x, y + height / 2.0), QPointF(x + 24, y + height / 2.0));
      painter.setPen(palette().color(QPalette::WindowText));
      painter.drawText(QPointF(x + 30, y + fontMetrics().ascent()), name);
      x += wide;
    }
}

}  // namespace erwin::ui
