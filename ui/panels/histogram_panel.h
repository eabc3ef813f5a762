#pragma once
// How the values of the shown field are spread, in the colours of the picture and on their scale, linear or
// logarithmic; dragging across it narrows the range of the colours.

#include <QWidget>
#include <memory>
#include <optional>
#include <string>

#include "core/engine/worker.h"
#include "ui/scene/legend.h"
#include "ui/scene/scene_state.h"

class QLabel;

namespace erwin::ui {

class HistogramPlot : public QWidget {
  Q_OBJECT
public:
  explicit HistogramPlot(QWidget* parent = nullptr);
  // Nothing to show where it counts nothing.
  void show_counts(Histogram counted, std::optional<LegendScale> scale);
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
  void draw_decades(class QPainter& painter) const;
  Histogram counted_;
  std::optional<LegendScale> scale_;
  std::optional<double> from_, to_;  // of the drag, in pixels
};

class HistogramPanel : public QWidget {
  Q_OBJECT
public:
  explicit HistogramPanel(QWidget* parent = nullptr);
  // `scale`: of the picture's colours, where it has one.
  void show_field(const SceneData& shown, const SceneState& state, const std::optional<LegendScale>& scale);
  // For files: what is drawn, what it is of, and its bars as a table.
  bool has_counts() const { return counted_ && !counted_->found.counts.empty(); }
  bool is_counting() const { return wanted_ && !(counted_ && counted_->same_as(*wanted_)); }
  HistogramPlot* plot() const { return plot_; }
  QString title() const;
  std::string csv() const;

Q_SIGNALS:
  void range_chosen(double low, double high);
  void whole_range_wanted();

private:
  // What is counted, and what came of it; the fields' owners are held, so that no other field can lie at their address.
  struct Counted {
    SceneData data;
    const Field* field = nullptr;
    int component = 0, frame = 0;
    bool logarithmic = false;  // asked for
    Histogram found;
    bool same_as(const Counted& other) const {
      return field == other.field && component == other.component && frame == other.frame &&
             logarithmic == other.logarithmic;
    }
  };
  static void count(Counted& what);
  void show_counted();

  std::optional<LegendScale> scale_;
  std::shared_ptr<const Counted> wanted_, counted_;
  QLabel *title_, *hint_;
  HistogramPlot* plot_;
  Worker worker_;  // last: it posts to the rest
};

}  // namespace erwin::ui
