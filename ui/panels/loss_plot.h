#pragma once
// Loss over steps, of training and validation, both axes logarithmic.

#include <QWidget>
#include <vector>

namespace erwin {

class MetricsHistory;

}  // namespace erwin

namespace erwin::ui {

struct LossPoint {
  double step = 0, loss = 0;
};

struct LossCurves {
  std::vector<LossPoint> training, validation;
};
// Of a run so far, thinned to about as many points as a panel has pixels.
LossCurves loss_curves(const MetricsHistory& metrics);

// At most `most` points: runs of neighbours, of equal length on a logarithmic axis, become their mean. The last point
// stays as it is. Losses that are not positive and finite are left out.
std::vector<LossPoint> thinned(const std::vector<LossPoint>& points, std::size_t most);

class LossPlot : public QWidget {
  Q_OBJECT
public:
  explicit LossPlot(QWidget* parent = nullptr);
  void show_losses(std::vector<LossPoint> training, std::vector<LossPoint> validation);
  QSize minimumSizeHint() const override { return {200, 140}; }

protected:
  void paintEvent(QPaintEvent* event) override;
  void mouseMoveEvent(QMouseEvent* event) override;

private:
  struct Axes {
    double left, right, low, high;  // logarithms to the base of ten
    QRect area;
    QPointF place(const LossPoint& point) const;
  };
  Axes axes() const;
  void draw_grid(QPainter& painter, const Axes& axes) const;
  std::vector<LossPoint> training_, validation_;
};

}  // namespace erwin::ui
