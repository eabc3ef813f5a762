#pragma once
// How much each branch counts for a query: one bar a branch, and its gate.

#include <QWidget>
#include <vector>

namespace erwin::ui {

class ShareBars : public QWidget {
  Q_OBJECT
public:
  struct Row {
    QString name;
    double weight = 0;  // share of the attention, 0 to 1
    double gate = -1;   // negative: this row has none
  };
  explicit ShareBars(QWidget* parent = nullptr);
  void show_rows(std::vector<Row> rows);
  const std::vector<Row>& rows() const { return rows_; }
  QSize sizeHint() const override;

protected:
  void paintEvent(QPaintEvent* event) override;

private:
  int row_height() const;
  std::vector<Row> rows_;
};

}  // namespace erwin::ui
