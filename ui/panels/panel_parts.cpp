#include "ui/panels/panel_parts.h"

#include <QApplication>
#include <QClipboard>
#include <QContextMenuEvent>
#include <QHeaderView>
#include <QKeyEvent>
#include <QLocale>
#include <QMenu>
#include <QScrollBar>
#include <algorithm>

namespace erwin::ui {

QLabel* heading(const QString& text) {
  auto* label = new QLabel(text);
  label->setProperty("role", "heading");
  return label;
}

QLabel* plain_label(const QString& text) {
  auto* label = new QLabel(text);
  label->setTextFormat(Qt::PlainText);
  label->setWordWrap(true);
  label->setTextInteractionFlags(Qt::TextSelectableByMouse);
  return label;
}

Facts::Facts(QWidget* parent) : QLabel(parent) {
  setTextFormat(Qt::RichText);
  setWordWrap(true);
  setTextInteractionFlags(Qt::TextSelectableByMouse);
  setAlignment(Qt::AlignTop | Qt::AlignLeft);
}

void Facts::show_rows(const Rows& rows) {
  if (rows == rows_) return;
  rows_ = rows;
  write();
}

void Facts::write() {
  const QString faint = palette().color(QPalette::PlaceholderText).name();
  QString html = "<table cellspacing='0' cellpadding='0'>";
  for (const auto& [name, value] : rows_)
    html += "<tr><td style='color:" + faint + "; padding:1px 10px 1px 0'>" +
            name.toHtmlEscaped().replace(' ', "&nbsp;") + "</td><td style='padding:1px 0'>" + value.toHtmlEscaped() +
            "</td></tr>";
  setText(html + "</table>");
  setVisible(!rows_.empty());
}

void Facts::changeEvent(QEvent* event) {
  QLabel::changeEvent(event);
  if (event->type() == QEvent::PaletteChange) write();
}

Table::Table(const QStringList& columns, QWidget* parent) : QTreeWidget(parent) {
  setHeaderLabels(columns);
  setRootIsDecorated(false);
  setUniformRowHeights(true);
  setAlternatingRowColors(true);
  setSelectionMode(QAbstractItemView::ExtendedSelection);
  setTabKeyNavigation(false);
  header()->setStretchLastSection(false);  // it would take more than its share
  header()->setSectionResizeMode(QHeaderView::Stretch);
  header()->setMinimumSectionSize(36);
  header()->setDefaultAlignment(Qt::AlignRight | Qt::AlignVCenter);
  header()->setSectionsMovable(false);
}

QTreeWidgetItem* Table::add_row(const QStringList& cells, int first_number) {
  auto* item = new QTreeWidgetItem(this, cells);
  for (int column = first_number; column < cells.size(); ++column)
    item->setTextAlignment(column, Qt::AlignRight | Qt::AlignVCenter);
  return item;
}

QString Table::text(bool marked_only) const {
  QString text;
  for (int column = 0; column < columnCount(); ++column) text += (column ? "\t" : "") + headerItem()->text(column);
  text += '\n';
  for (int row = 0; row < topLevelItemCount(); ++row) {
    const QTreeWidgetItem* item = topLevelItem(row);
    if (marked_only && !item->isSelected()) continue;
    for (int column = 0; column < columnCount(); ++column) text += (column ? "\t" : "") + item->text(column);
    text += '\n';
  }
  return text;
}

void Table::keyPressEvent(QKeyEvent* event) {
  const QList<QAction*> mine = actions();
  if (event->matches(QKeySequence::Copy))
    QApplication::clipboard()->setText(text(!selectedItems().isEmpty()));
  else if (const auto own = std::find_if(
               mine.begin(), mine.end(),
               [&](const QAction* action) { return action->shortcut() == QKeySequence(event->keyCombination()); });
           own != mine.end())
    (*own)->trigger();
  else
    QTreeWidget::keyPressEvent(event);
}

void Table::contextMenuEvent(QContextMenuEvent* event) {
  QMenu menu;
  QAction* marked = menu.addAction(tr("Copy marked rows"));
  marked->setEnabled(!selectedItems().isEmpty());
  const QAction* all = menu.addAction(tr("Copy all rows"));
  if (!actions().isEmpty()) menu.addSeparator();
  menu.addActions(actions());
  const QAction* chosen = menu.exec(event->globalPos());
  if (chosen == marked || chosen == all) QApplication::clipboard()->setText(text(chosen != all));
}

PanelScroll::PanelScroll(QWidget* panel) {
  setWidgetResizable(true);
  setFrameShape(QFrame::NoFrame);
  setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
  setFocusPolicy(Qt::NoFocus);
  setWidget(panel);
}

// A single long word, say a file's name, does not widen the dock any further than this.
QSize PanelScroll::minimumSizeHint() const {
  constexpr int most_width = 380, least_height = 90;
  const int content = std::max(widget()->minimumSizeHint().width(), widget()->minimumWidth());
  return {std::min(content, most_width) + verticalScrollBar()->sizeHint().width(), least_height};
}

// As low as it may be: of the room that a dock is given, others get what they ask for.
QSize PanelScroll::sizeHint() const {
  return minimumSizeHint();
}

bool PanelScroll::eventFilter(QObject* watched, QEvent* event) {
  if (watched == widget() && event->type() == QEvent::LayoutRequest) updateGeometry();
  return QScrollArea::eventFilter(watched, event);
}

QString whole(std::int64_t number) {
  return QLocale(QLocale::English).toString(static_cast<qlonglong>(number));
}

QString number(double value) {
  return QString::number(value, 'g', 4);
}

QString escaped(const std::string& text) {
  return QString::fromStdString(text).toHtmlEscaped();
}

QString memory_text(std::uint64_t bytes) {
  const double mib = static_cast<double>(bytes) / (1 << 20);
  return mib < 1024 ? QObject::tr("%1 MiB").arg(mib, 0, 'f', 0) : QObject::tr("%1 GiB").arg(mib / 1024, 0, 'f', 1);
}

}  // namespace erwin::ui
