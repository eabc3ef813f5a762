#include "ui/panels/value_axis.h"

#include <QPainter>
#include <algorithm>

#include "ui/panels/panel_parts.h"

namespace erwin::ui {

namespace {
constexpr double gap = 6;  // between numbers and area
}

double axis_room(const svg::Axis& axis, const QFontMetrics& metrics) {
  int widest = 0;
  for (int i = 0; i <= axis.ticks(); ++i) widest = std::max(widest, metrics.horizontalAdvance(number(axis.tick(i))));
  return widest + gap;
}

double height_of(double value, const svg::Axis& axis, const QRectF& area) {
  return area.bottom() - area.height() * axis.share(value);
}

void draw_value_axis(QPainter& painter, const svg::Axis& axis, const QRectF& area, const QPalette& palette) {
  const double height = painter.fontMetrics().height();
  for (int i = 0; i <= axis.ticks(); ++i) {
    const double value = axis.tick(i), y = height_of(value, axis, area);
    painter.setPen(palette.color(value == 0 ? QPalette::PlaceholderText : QPalette::Mid));
    painter.drawLine(QPointF(area.left(), y), QPointF(area.right(), y));
    painter.setPen(palette.color(QPalette::PlaceholderText));
    painter.drawText(QRectF(0, y - height / 2, area.left() - gap, height), Qt::AlignRight | Qt::AlignVCenter,
                     number(value));
  }
}

}  // namespace erwin::ui
