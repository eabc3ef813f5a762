#pragma once
// How the values of the shown field are spread, in the colours of the picture; dragging across it narrows the range of
// the colours.

#include <QWidget>
#include <optional>
#include <vector>

#include "ui/scene/legend.h"

class QLabel;

namespace erwin::ui {

class HistogramPlot : public QWidget {
  Q_OBJECT
public:
  explicit HistogramPlot(QWidget* parent = nullptr);
  // counts of equal bins between low and high; nothing to show where counts is empty.
  void show_counts(std::vector<std::int64_t> counts, double low, double high, std::optional<LegendScale> scale);
  double value_at(double x) const;
  double x_of(double value) const;
  QSize minimumSizeHint() const override { return {160, 90}; }

Q_SIGNALS:
  void range_chosen(double low, double high);
  void whole_range_wanted();

protected:
  void paintEvent(QPaintEvent* event) override;
  void mousePressEvent(QMouseEvent* event) override;
  void mouseMoveEvent(QMouseEvent* event) override;
  void mouseReleaseEvent(QMouseEvent* event) override;
  void mouseDoubleClickEvent(QMouseEvent* event) override;

private:
  QRect plot_area() const;
  std::vector<std::int64_t> counts_;
  double low_ = 0, high_ = 1;
  std::optional<LegendScale> scale_;
  std::optional<double> from_, to_;  // of the drag, in pixels
};

class HistogramPanel : public QWidget {
  Q_OBJECT
public:
  explicit HistogramPanel(QWidget* parent = nullptr);
  void show_field(const SceneData& shown, const SceneState& state);

Q_SIGNALS:
  void range_chosen(double low, double high);
  void whole_range_wanted();

private:
  void count(const Field& field, int component, int frame);
  const Field* counted_ = nullptr;  // only compared, never followed
  PointCloudPtr cloud_;
  std::shared_ptr<const QueryView> query_;
  std::shared_ptr<const Prediction> prediction_;
  int component_ = -2, frame_ = -1;
  std::vector<std::int64_t> counts_;
  double low_ = 0, high_ = 1;
  std::int64_t unusable_ = 0;
  QLabel *title_, *hint_;
  HistogramPlot* plot_;
};

}  // namespace erwin::ui
