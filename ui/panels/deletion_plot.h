#pragma once
// Deletion curves: how far the prediction moves when more and more blocks are taken away, in several orders.

#include <QWidget>
#include <vector>

#include "core/model/attribution.h"

namespace erwin::ui {

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
