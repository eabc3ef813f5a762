#include "ui/panels/bar_cells.h"

#include <QPainter>
#include <QTreeWidget>
#include <algorithm>
#include <cmath>

namespace erwin::ui {

namespace {

constexpr int bar_height = 3;
constexpr int value_role = Qt::UserRole, share_role = Qt::UserRole + 1, signed_role = Qt::UserRole + 2;
// Blue and orange, as the diverging colours of the picture.
const QColor more(214, 118, 40), less(58, 118, 200), plain(120, 128, 142);

}  // namespace

void BarCells::set(QTreeWidgetItem* item, int column, double value, const QString& text) {
  item->setText(column, text);
  item->setData(column, value_role, value);
  item->setTextAlignment(column, Qt::AlignRight | Qt::AlignVCenter);
}

double BarCells::value(const QTreeWidgetItem* item, int column) {
  return item->data(column, value_role).toDouble();
}

void BarCells::scale(QTreeWidget* table, int column, bool is_signed) {
  double most = 0;
  for (int row = 0; row < table->topLevelItemCount(); ++row)
    if (const double size = std::abs(value(table->topLevelItem(row), column)); std::isfinite(size))
      most = std::max(most, size);
  for (int row = 0; row < table->topLevelItemCount(); ++row) {
    QTreeWidgetItem* item = table->topLevelItem(row);
    const double share = most > 0 ? value(item, column) / most : 0;
    item->setData(column, share_role, std::isfinite(share) ? share : 0);
    item->setData(column, signed_role, is_signed);
  }
}

QSize BarCells::sizeHint(const QStyleOptionViewItem& option, const QModelIndex& index) const {
  return QStyledItemDelegate::sizeHint(option, index) + QSize(0, 2 * bar_height);
}

void BarCells::paint(QPainter* painter, const QStyleOptionViewItem& option, const QModelIndex& index) const {
  QStyledItemDelegate::paint(painter, option, index);
  const double share = index.data(share_role).toDouble();
  if (share == 0) return;
  // Below the number, so that both can be read.
  const QRectF room = QRectF(option.rect).adjusted(4, 0, -4, 0);
  const double height = bar_height, bottom = room.bottom() - height;
  const bool is_signed = index.data(signed_role).toBool();
  const double middle = is_signed ? room.center().x() : room.left();
  const double length = share * (is_signed ? room.width() / 2 : room.width());
  painter->fillRect(QRectF(std::min(middle, middle + length), bottom, std::abs(length), height), !is_signed  ? plain
                                                                                                 : share > 0 ? more
                                                                                                             : less);
  if (is_signed)
    painter->fillRect(QRectF(middle - 0.5, bottom - 1, 1, height + 2), option.palette.color(QPalette::PlaceholderText));
}

}  // namespace erwin::ui
