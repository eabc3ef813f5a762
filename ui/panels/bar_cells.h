#pragma once
// Table cells with a bar behind their number: from the middle for signed numbers, from the left for others.

#include <QStyledItemDelegate>

class QTreeWidget;
class QTreeWidgetItem;

namespace erwin::ui {

class BarCells : public QStyledItemDelegate {
  Q_OBJECT
public:
  explicit BarCells(QObject* parent = nullptr) : QStyledItemDelegate(parent) {}
  // Number and text of a cell; NaN: no bar.
  static void set(QTreeWidgetItem* item, int column, double value, const QString& text);
  static double value(const QTreeWidgetItem* item, int column);
  // Bars of a column fill it where the number is the largest in size; signed: to both sides of the middle.
  static void scale(QTreeWidget* table, int column, bool is_signed);
  QSize sizeHint(const QStyleOptionViewItem& option, const QModelIndex& index) const override;
  void paint(QPainter* painter, const QStyleOptionViewItem& option, const QModelIndex& index) const override;
};

}  // namespace erwin::ui
