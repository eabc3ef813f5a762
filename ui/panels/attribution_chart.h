#pragma once
// Checked attribution as one figure for print: the parts of the prediction; each block's contribution beside the change
// measured when it was really taken away, and its attention below; the deletion curves. What a layer without blocks
// does not have is left out.

#include <QWidget>
#include <memory>
#include <vector>

#include "core/base/svg.h"
#include "core/engine/attribution_view.h"
#include "core/model/attribution.h"

namespace erwin::ui {

// The layer's share by branch, the remainder, and the prediction that they add up to; a row each, in one scale.
class PartBars : public QWidget {
  Q_OBJECT
public:
  PartBars(const Attribution& result, const QString& unit, QWidget* parent = nullptr);
  QSize sizeHint() const override;

protected:
  void paintEvent(QPaintEvent* event) override;

private:
  struct Row {
    QString name;
    double value = 0;
    bool of_layer = true;  // a part of the layer's share
  };
  std::vector<Row> rows_;
  QString unit_;
};

// Blocks from left to right, largest contribution first: bars of contribution, dots of the measured change, and bars of
// attention below.
class BlockBars : public QWidget {
  Q_OBJECT
public:
  BlockBars(std::vector<AttributedBlock> blocks, const QString& unit, QWidget* parent = nullptr);
  QSize sizeHint() const override { return {820, 280}; }

protected:
  void paintEvent(QPaintEvent* event) override;

private:
  void draw_changes(QPainter& painter, const QRectF& area, const svg::Axis& axis) const;
  void draw_attention(QPainter& painter, const QRectF& area, const svg::Axis& axis) const;
  double half_width(const QRectF& area) const;
  double middle_of(std::size_t block, const QRectF& area) const;

  std::vector<AttributedBlock> blocks_;
  QString unit_;
};

class AttributionChart : public QWidget {
  Q_OBJECT
public:
  explicit AttributionChart(const AttributionView& view, QWidget* parent = nullptr);
  // What was asked and how well it holds. id: of the point in its file.
  static QString caption(const AttributionView& view, std::int64_t id);
};

}  // namespace erwin::ui
