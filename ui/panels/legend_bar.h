#pragma once
// One legend for several pictures, below them: what they show, the colours with their numbers, and what marks mean.

#include <QWidget>

#include "ui/scene/legend.h"

namespace erwin::ui {

class LegendBar : public QWidget {
  Q_OBJECT
public:
  explicit LegendBar(QWidget* parent = nullptr);
  void show_legend(const QString& caption, const Legend& legend);
  const Legend& legend() const { return legend_; }
  QString caption() const { return caption_; }
  QSize sizeHint() const override;
  QSize minimumSizeHint() const override;

protected:
  void paintEvent(QPaintEvent* event) override;

private:
  int draw_scale(QPainter& painter, const LegendScale& scale) const;  // returns where it begins

  QString caption_;
  Legend legend_;
};

}  // namespace erwin::ui
