#pragma once
// Small parts that the panels are made of, so that they look and behave alike.

#include <QLabel>
#include <QScrollArea>
#include <QTreeWidget>
#include <QWidget>
#include <string>
#include <utility>
#include <vector>

namespace erwin::ui {

// A bold line above a part of a panel.
QLabel* heading(const QString& text);
// Text that wraps and can be marked and copied.
QLabel* plain_label(const QString& text = {});

// Name and value side by side, one fact a row; values can be marked and copied.
class Facts : public QLabel {
  Q_OBJECT
public:
  using Rows = std::vector<std::pair<QString, QString>>;
  explicit Facts(QWidget* parent = nullptr);
  void show_rows(const Rows& rows);

protected:
  void changeEvent(QEvent* event) override;  // the theme's colours

private:
  void write();
  Rows rows_;
};

// A list of rows that can be copied as text with tabs (Ctrl+C, context menu), the numbers to the right. Actions that
// are added to it are in its menu, too, and have their keys while it has the keyboard.
class Table : public QTreeWidget {
  Q_OBJECT
public:
  explicit Table(const QStringList& columns, QWidget* parent = nullptr);
  QTreeWidgetItem* add_row(const QStringList& cells, int first_number = 0);
  // The marked rows, or all of them, with the columns' names on top.
  QString text(bool marked_only) const;

protected:
  void keyPressEvent(QKeyEvent* event) override;
  void contextMenuEvent(QContextMenuEvent* event) override;
};

// A panel that scrolls up and down where its dock is lower than it is, and that no dock makes narrower than it can be:
// what does not fit would be cut, for nothing scrolls sideways.
class PanelScroll : public QScrollArea {
  Q_OBJECT
public:
  explicit PanelScroll(QWidget* panel);
  QSize minimumSizeHint() const override;
  QSize sizeHint() const override;

protected:
  bool eventFilter(QObject* watched, QEvent* event) override;  // the panel's content has changed
};

// "4,096".
QString whole(std::int64_t number);
// Four significant digits.
QString number(double value);
QString memory_text(std::uint64_t bytes);  // "812 MiB", "1.5 GiB"
QString escaped(const std::string& text);

}  // namespace erwin::ui
