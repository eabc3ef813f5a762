#include "ui/panels/legend_bar.h"

#include <QPainter>
#include <algorithm>

#include "ui/scene/colour_scale.h"
#include "ui/scene/numbers.h"

namespace erwin::ui {

namespace {

constexpr int edge = 8, gap = 14, widest = 300, bar = 12;

QColor colour_of(Rgb rgb) {
  return {rgb.r, rgb.g, rgb.b};
}

}  // namespace

LegendBar::LegendBar(QWidget* parent) : QWidget(parent) {
  setObjectName("legendBar");
  setAccessibleName(tr("Legend of the pictures"));
  setToolTip(tr("The colours mean the same in all pictures: they have one range"));
  setSizePolicy(QSizePolicy::Preferred, QSizePolicy::Fixed);
}

QSize LegendBar::sizeHint() const {
  return {400, 2 * fontMetrics().height() + bar + 10};
}

QSize LegendBar::minimumSizeHint() const {
  return {200, sizeHint().height()};
}

void LegendBar::show_legend(const QString& caption, const Legend& legend) {
  caption_ = caption;
  legend_ = legend;
  update();
}

// Its name above, its numbers below the colours.
int LegendBar::draw_scale(QPainter& painter, const LegendScale& scale) const {
  const int line = fontMetrics().height(), wide = std::clamp(width() / 2 - 2 * edge, 80, widest);
  const int left = width() - edge - wide, top = 3 + line;
  QString name = QString::fromStdString(scale.title);
  if (!scale.unit.empty()) name += QStringLiteral(" [%1]").arg(QString::fromStdString(scale.unit));
  for (const std::string& remark : scale.remarks) name += ", " + QString::fromStdString(remark);
  painter.setPen(palette().color(QPalette::WindowText));
  painter.drawText(QRect(left, 2, wide, line), Qt::AlignLeft | Qt::AlignVCenter,
                   fontMetrics().elidedText(name, Qt::ElideRight, wide));
  for (int x = 0; x < wide; ++x)
    painter.fillRect(left + x, top, 1, bar, colour_of(scale_colour(scale, (x + 0.5) / wide)));
  const int parts = wide < 180 ? 1 : 2;
  for (int i = 0; i <= parts; ++i) {
    const QString text = QString::fromStdString(short_number(value_at(scale, static_cast<double>(i) / parts)));
    const Qt::Alignment side = i == 0 ? Qt::AlignLeft : i == parts ? Qt::AlignRight : Qt::AlignHCenter;
    painter.drawText(QRect(left, top + bar + 1, wide, line), side | Qt::AlignVCenter, text);
  }
  return left;
}

void LegendBar::paintEvent(QPaintEvent*) {
  QPainter painter(this);
  const int line = fontMetrics().height();
  const int right = legend_.scale ? draw_scale(painter, *legend_.scale) - gap : width() - edge;
  painter.setPen(palette().color(QPalette::WindowText));
  painter.drawText(QRect(edge, 2, right - edge, line), Qt::AlignLeft | Qt::AlignVCenter,
                   fontMetrics().elidedText(caption_, Qt::ElideMiddle, right - edge));
  int x = edge;
  const int below = 3 + line + bar + 1;
  for (const LegendSwatch& swatch : legend_.swatches) {
    const QString text = QString::fromStdString(swatch.text);
    const int wide = 15 + fontMetrics().horizontalAdvance(text);
    if (x + wide > right) break;  // the query panel has them, too
    painter.fillRect(x, below + (line - 10) / 2, 10, 10, colour_of(swatch.colour));
    painter.drawText(QRect(x + 15, below, wide, line), Qt::AlignLeft | Qt::AlignVCenter, text);
    x += wide + gap;
  }
}

}  // namespace erwin::ui
