#include "ui/panels/share_bars.h"

#include <QPainter>
#include <algorithm>
#include <utility>

namespace erwin::ui {

ShareBars::ShareBars(QWidget* parent) : QWidget(parent) {
  setSizePolicy(QSizePolicy::Expanding, QSizePolicy::Fixed);
}

int ShareBars::row_height() const {
  return fontMetrics().height() + 6;
}

QSize ShareBars::sizeHint() const {
  return {220, static_cast<int>(rows_.size() + 1) * row_height()};
}

void ShareBars::show_rows(std::vector<Row> rows) {
  rows_ = std::move(rows);
  QStringList spoken;
  for (const Row& row : rows_) spoken << tr("%1 %2").arg(row.name).arg(row.weight, 0, 'f', 2);
  setAccessibleName(spoken.join(", "));
  setVisible(!rows_.empty());
  updateGeometry();
  update();
}

void ShareBars::paintEvent(QPaintEvent*) {
  QPainter painter(this);
  const QColor text = palette().color(QPalette::WindowText), faint = palette().color(QPalette::PlaceholderText);
  const int height = row_height();
  int name_width = 0;
  for (const Row& row : rows_) name_width = std::max(name_width, fontMetrics().horizontalAdvance(row.name));
  const int number_width = fontMetrics().horizontalAdvance("0.000") + 8;
  const bool gates = std::any_of(rows_.begin(), rows_.end(), [](const Row& row) { return row.gate >= 0; });
  const int gate_width = gates ? std::max(number_width, fontMetrics().horizontalAdvance(tr("gate")) + 8) : 0;
  const int bar_left = name_width + 10, bar_right = width() - number_width - gate_width;
  const auto right_text = [&](int right, int width, int top, const QString& what) {
    painter.drawText(QRect(right - width, top, width, height), Qt::AlignRight | Qt::AlignVCenter, what);
  };
  painter.setPen(faint);
  right_text(width() - gate_width, number_width + 40, 0, tr("weight"));
  if (gates) right_text(width(), gate_width, 0, tr("gate"));
  int top = height;
  for (const Row& row : rows_) {
    painter.setPen(text);
    painter.drawText(QRect(0, top, name_width, height), Qt::AlignLeft | Qt::AlignVCenter, row.name);
    const QRect bar(bar_left, top + height / 2 - 4, std::max(0, bar_right - bar_left), 8);
    painter.fillRect(bar, palette().color(QPalette::Mid));
    painter.fillRect(QRect(bar.topLeft(), QSize(qRound(bar.width() * std::clamp(row.weight, 0.0, 1.0)), 8)),
                     palette().color(QPalette::Link));
    right_text(width() - gate_width, number_width, top, QString::number(row.weight, 'f', 3));
    if (row.gate >= 0) right_text(width(), gate_width, top, QString::number(row.gate, 'f', 2));
    top += height;
  }
}

}  // namespace erwin::ui
