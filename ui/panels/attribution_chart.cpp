#include "ui/panels/attribution_chart.h"

#include <QGridLayout>
#include <QPainter>
#include <QVBoxLayout>
#include <algorithm>
#include <cmath>
#include <utility>

#include "ui/panels/deletion_plot.h"
#include "ui/panels/panel_parts.h"
#include "ui/panels/value_axis.h"

namespace erwin::ui {

namespace {

QString in_unit(const QString& words, const QString& unit) {
  return unit.isEmpty() ? words : QObject::tr("%1, in %2").arg(words, unit);
}

QWidget* titled(const QString& title, QWidget* chart) {
  auto* part = new QWidget;
  auto* layout = new QVBoxLayout(part);
  layout->setContentsMargins(0, 0, 0, 0);
  QLabel* words = heading(title);
  QFont bold = words->font();  // without the window's style sheet, too
  bold.setBold(true);
  words->setFont(bold);
  layout->addWidget(words);
  layout->addWidget(chart, 1);
  return part;
}

}  // namespace

PartBars::PartBars(const Attribution& result, const QString& unit, QWidget* parent) : QWidget(parent), unit_(unit) {
  const Contribution& parts = result.contribution;
  rows_.push_back({tr("local branch"), parts.local_sum});
  if (!result.blocks.empty() || parts.compressed_sum != 0 || parts.selected_sum != 0) {
    rows_.push_back({tr("compressed branch"), parts.compressed_sum});
    rows_.push_back({tr("selected branch"), parts.selected_sum});
    rows_.push_back({tr("memory slot"), parts.memory});
  }
  if (parts.bias != 0) rows_.push_back({tr("bias"), parts.bias});
  rows_.push_back({tr("remainder"), result.remainder, false});
  rows_.push_back({tr("prediction"), result.prediction, false});
}

QSize PartBars::sizeHint() const {
  return {400, static_cast<int>(rows_.size() + 1) * (fontMetrics().height() + 8)};
}

void PartBars::paintEvent(QPaintEvent*) {
  QPainter painter(this);
  painter.setRenderHint(QPainter::Antialiasing);
  double low = 0, high = 0;
  int names = 0, numbers = 0;
  for (const Row& row : rows_) {
    low = std::min(low, row.value);
    high = std::max(high, row.value);
    names = std::max(names, fontMetrics().horizontalAdvance(row.name));
    numbers = std::max(numbers, fontMetrics().horizontalAdvance(number(row.value)));
  }
  if (!(high > low)) high = 1;
  const int height = fontMetrics().height() + 8;
  const QRectF area(names + 12, height, std::max(10, width() - names - numbers - 28), height * std::ssize(rows_));
  const auto x_of = [&](double value) { return area.left() + area.width() * (value - low) / (high - low); };
  const QColor text = palette().color(QPalette::WindowText);
  painter.setPen(palette().color(QPalette::PlaceholderText));
  painter.drawText(QRectF(0, 0, width(), height), Qt::AlignRight, in_unit(tr("contribution"), unit_));
  for (std::size_t i = 0; i < rows_.size(); ++i) {
    const Row& row = rows_[i];
    const double top = area.top() + height * static_cast<double>(i), zero = x_of(0), end = x_of(row.value);
    const bool sum = i + 1 == rows_.size();
    if (sum) {
      painter.setPen(palette().color(QPalette::Mid));
      painter.drawLine(QPointF(0, top), QPointF(width(), top));
    }
    painter.fillRect(QRectF(std::min(zero, end), top + 5, std::abs(end - zero), height - 10),
                     sum            ? text
                     : row.of_layer ? contribution_colour
                                    : palette().color(QPalette::PlaceholderText));
    painter.setPen(text);
    painter.drawText(QRectF(0, top, names, height), Qt::AlignLeft | Qt::AlignVCenter, row.name);
    painter.drawText(QRectF(area.right(), top, width() - area.right(), height), Qt::AlignRight | Qt::AlignVCenter,
                     number(row.value));
  }
  painter.setPen(palette().color(QPalette::PlaceholderText));
  painter.drawLine(QPointF(x_of(0), area.top()), QPointF(x_of(0), area.bottom()));
}

BlockBars::BlockBars(std::vector<AttributedBlock> blocks, const QString& unit, QWidget* parent)
    : QWidget(parent), blocks_(std::move(blocks)), unit_(unit) {}

double BlockBars::middle_of(std::size_t block, const QRectF& area) const {
  return area.left() + area.width() * (static_cast<double>(block) + 0.5) / static_cast<double>(blocks_.size());
}

// Of a bar.
double BlockBars::half_width(const QRectF& area) const {
  return std::min(16.0, 0.32 * area.width() / static_cast<double>(blocks_.size()));
}

void BlockBars::draw_changes(QPainter& painter, const QRectF& area, const svg::Axis& axis) const {
  draw_value_axis(painter, axis, area, palette());
  const double half = half_width(area), zero = height_of(0, axis, area);
  for (std::size_t i = 0; i < blocks_.size(); ++i) {
    const double x = middle_of(i, area), end = height_of(blocks_[i].contribution, axis, area);
    painter.fillRect(QRectF(x - half, std::min(zero, end), 2 * half, std::abs(end - zero)), contribution_colour);
    if (!std::isfinite(blocks_[i].measured)) continue;
    painter.setPen(QPen(palette().color(QPalette::Base), 1));
    painter.setBrush(palette().color(QPalette::WindowText));
    painter.drawEllipse(QPointF(x, height_of(blocks_[i].measured, axis, area)), 3.5, 3.5);
  }
}

void BlockBars::draw_attention(QPainter& painter, const QRectF& area, const svg::Axis& axis) const {
  draw_value_axis(painter, axis, area, palette());
  const double half = half_width(area);
  for (std::size_t i = 0; i < blocks_.size(); ++i) {
    const double top = height_of(blocks_[i].attention, axis, area);
    painter.fillRect(QRectF(middle_of(i, area) - half, top, 2 * half, area.bottom() - top), attention_colour);
  }
}

void BlockBars::paintEvent(QPaintEvent*) {
  if (blocks_.empty()) return;
  QPainter painter(this);
  painter.setRenderHint(QPainter::Antialiasing);
  double low = 0, high = 0, most = 0;
  int ids = 0;
  for (const AttributedBlock& block : blocks_) {
    for (const double value : {block.contribution, block.measured})
      if (std::isfinite(value)) {
        low = std::min(low, value);
        high = std::max(high, value);
      }
    most = std::max(most, block.attention);
    ids = std::max(ids, fontMetrics().horizontalAdvance(QString::number(block.block)));
  }
  const svg::Axis changes = svg::round_axis(low, high, 4), attention = svg::round_axis(0, most, 2);
  const double height = fontMetrics().height(),
               left = std::max(axis_room(changes, fontMetrics()), axis_room(attention, fontMetrics())) + 2;
  const double room = this->height() - 3 * height - ids - 26;  // for both charts
  const QRectF above(left, height + 8, width() - left - 4, 0.68 * room);
  const QRectF below(left, above.bottom() + height + 12, above.width(), 0.32 * room);
  draw_changes(painter, above, changes);
  draw_attention(painter, below, attention);
  // What is what, above each.
  const QColor text = palette().color(QPalette::WindowText);
  double x = left;
  const auto key = [&](const QColor& colour, bool dot, const QString& words, double top) {
    painter.setPen(Qt::NoPen);
    painter.setBrush(colour);
    if (dot)
      painter.drawEllipse(QPointF(x + 5, top + height / 2), 3.5, 3.5);
    else
      painter.drawRect(QRectF(x, top + height / 2 - 5, 10, 10));
    painter.setPen(text);
    painter.drawText(QPointF(x + 16, top + fontMetrics().ascent()), words);
    x += 16 + fontMetrics().horizontalAdvance(words) + 20;
  };
  key(contribution_colour, false, in_unit(tr("contribution, first order"), unit_), 0);
  key(text, true, tr("measured: prediction minus the prediction without the block"), 0);
  x = left;
  key(attention_colour, false, tr("attention, mean of the heads"), above.bottom() + 8);
  painter.setPen(palette().color(QPalette::PlaceholderText));
  for (std::size_t i = 0; i < blocks_.size(); ++i) {
    painter.save();
    painter.translate(middle_of(i, below) - height / 2, below.bottom() + 4 + ids);
    painter.rotate(-90);
    painter.drawText(QRectF(0, 0, ids, height), Qt::AlignRight | Qt::AlignVCenter, QString::number(blocks_[i].block));
    painter.restore();
  }
  painter.drawText(QRectF(left, this->height() - height, above.width(), height), Qt::AlignHCenter,
                   tr("block of the layer's own tree, largest contribution first"));
}

AttributionChart::AttributionChart(const AttributionView& view, QWidget* parent) : QWidget(parent) {
  const Attribution& result = view.result;
  const QString unit = QString::fromStdString(view.unit);
  const bool blocks = !result.blocks.empty();
  auto* layout = new QGridLayout(this);
  layout->setContentsMargins(0, 0, 0, 0);
  layout->setSpacing(16);
  layout->addWidget(titled(tr("Parts of the prediction"), new PartBars(result, unit)), 0, 0);
  if (blocks) {
    auto* curves = new DeletionPlot;
    curves->show_curves(result.curves, unit);
    layout->addWidget(titled(tr("Deletion curves"), curves), 0, 1);
    layout->addWidget(titled(tr("Blocks"), new BlockBars(result.blocks, unit)), 1, 0, 1, 2);
    for (const int column : {0, 1}) layout->setColumnStretch(column, 1);
  }
  resize(blocks ? QSize(860, 640) : QSize(500, sizeHint().height()));
  ensurePolished();
  layout->activate();
}

QString AttributionChart::caption(const AttributionView& view, std::int64_t id) {
  const Attribution& result = view.result;
  const AttributionRequest& asked = result.request;
  const QString unit = view.unit.empty() ? QString() : " " + QString::fromStdString(view.unit);
  QString text = tr("Prediction at point %1%2: %3%4, of which the share of layer %5 (%6), to first order, is %7%4; the "
                    "remainder does not go through this layer's own row.")
                     .arg(whole(id), asked.component > 0 ? tr(", component %1").arg(asked.component) : QString(),
                          number(result.prediction), unit)
                     .arg(asked.layer)
                     .arg(QString::fromStdString(result.layer_name), number(result.share));
  if (result.blocks.empty()) return text + tr(" This layer selects no blocks.");
  text += asked.knock_out == KnockOut::Selection ? tr(" Blocks are taken from the point's own selection")
                                                 : tr(" Blocks are taken from every branch and query");
  text += asked.all_layers ? tr(", in all layers of the same tree.") : QStringLiteral(".");
  if (std::isnan(result.contribution_correlation)) return text;
  return text + tr(" Spearman's rank correlation with the measured change: contribution %1; attention %2 (with its "
                   "size).")
                    .arg(number(result.contribution_correlation), number(result.attention_correlation));
}

}  // namespace erwin::ui
