#pragma once
// Deletion curves: how far the prediction moves when more and more blocks are taken away, in several orders.

#include <QColor>
#include <QWidget>
#include <vector>

#include "core/model/attribution.h"

namespace erwin::ui {

// What contribution and attention are drawn in, here and in charts beside.
inline const QColor contribution_colour(230, 130, 30), attention_colour(60, 140, 220);

class DeletionPlot : public QWidget {
  Q_OBJECT
public:
  explicit DeletionPlot(QWidget* parent = nullptr);
  void show_curves(std::vector<DeletionCurve> curves, const QString& unit);
  QSize sizeHint() const override { return {240, 190}; }
  QSize minimumSizeHint() const override { return {200, 170}; }

protected:
  void paintEvent(QPaintEvent* event) override;

private:
  std::vector<DeletionCurve> curves_;
  QString unit_;
};

}  // namespace erwin::ui
