#include "ui/panels/histogram_panel.h"

#include <QLabel>
#include <QMouseEvent>
#include <QPainter>
#include <QVBoxLayout>
#include <algorithm>
#include <cmath>
#include <sstream>
#include <utility>

#include "ui/panels/panel_parts.h"
#include "ui/scene/colour_scale.h"

namespace erwin::ui {

namespace {

constexpr std::size_t bins = 64;
constexpr int margin = 8;

}  // namespace

HistogramPlot::HistogramPlot(QWidget* parent) : QWidget(parent) {
  setMouseTracking(true);
  setCursor(Qt::IBeamCursor);
  setAccessibleName(tr("Histogram"));
}

void HistogramPlot::show_counts(std::vector<std::int64_t> counts, double low, double high,
                                std::optional<LegendScale> scale) {
  counts_ = std::move(counts);
  low_ = low;
  high_ = high;
  scale_ = std::move(scale);
  update();
}

QRect HistogramPlot::plot_area() const {
  return rect().adjusted(margin, 4, -margin, -fontMetrics().height() - 6);
}

double HistogramPlot::value_at(double x) const {
  const QRect area = plot_area();
  return low_ + (high_ - low_) * std::clamp((x - area.left()) / std::max(1, area.width()), 0.0, 1.0);
}

double HistogramPlot::x_of(double value) const {
  const QRect area = plot_area();
  return area.left() + area.width() * (value - low_) / (high_ > low_ ? high_ - low_ : 1);
}

void HistogramPlot::paintEvent(QPaintEvent*) {
  QPainter painter(this);
  if (counts_.empty()) return;
  const QRect area = plot_area();
  // Root of the count: a few values that nearly all points share would hide the rest.
  const double most = std::sqrt(static_cast<double>(*std::max_element(counts_.begin(), counts_.end())));
  const double step = static_cast<double>(area.width()) / static_cast<double>(counts_.size());
  for (std::size_t i = 0; i < counts_.size(); ++i) {
    const double height = most > 0 ? area.height() * std::sqrt(static_cast<double>(counts_[i])) / most : 0;
    const double value = low_ + (high_ - low_) * (static_cast<double>(i) + 0.5) / static_cast<double>(counts_.size());
    const Rgb rgb = scale_ ? colour_of_number(value, *scale_) : Rgb{128, 128, 128};
    painter.fillRect(QRectF(area.left() + step * static_cast<double>(i), area.bottom() + 1 - height,
                            std::max(1.0, step - 1), height),
                     QColor(rgb.r, rgb.g, rgb.b));
  }
  painter.setPen(palette().color(QPalette::Mid));
  painter.drawLine(area.left(), area.bottom() + 1, area.right(), area.bottom() + 1);
  if (scale_) {
    painter.setPen(QPen(palette().color(QPalette::WindowText), 1, Qt::DashLine));
    for (const double end : {scale_->minimum, scale_->maximum})
      if (end > low_ && end < high_)
        painter.drawLine(QPointF(x_of(end), area.top()), QPointF(x_of(end), area.bottom()));
  }
  if (from_ && to_) {
    QColor mark = palette().color(QPalette::Link);
    mark.setAlphaF(0.3f);
    painter.fillRect(
        QRectF(QPointF(std::min(*from_, *to_), area.top()), QPointF(std::max(*from_, *to_), area.bottom())), mark);
  }
  painter.setPen(palette().color(QPalette::PlaceholderText));
  const QRect labels(area.left(), area.bottom() + 4, area.width(), fontMetrics().height());
  painter.drawText(labels, Qt::AlignLeft, number(low_));
  painter.drawText(labels, Qt::AlignRight, number(high_));
}

void HistogramPlot::mousePressEvent(QMouseEvent* event) {
  if (event->button() == Qt::LeftButton && !counts_.empty()) from_ = to_ = event->position().x();
}

void HistogramPlot::mouseMoveEvent(QMouseEvent* event) {
  if (!counts_.empty()) setToolTip(number(value_at(event->position().x())));
  if (!from_) return;
  to_ = event->position().x();
  update();
}

void HistogramPlot::mouseReleaseEvent(QMouseEvent*) {
  if (!from_) return;
  const double a = value_at(*from_), b = value_at(*to_), moved = std::abs(*to_ - *from_);
  from_.reset();
  to_.reset();
  update();
  if (moved >= 4 && a != b) Q_EMIT range_chosen(std::min(a, b), std::max(a, b));
}

void HistogramPlot::mouseDoubleClickEvent(QMouseEvent*) {
  from_.reset();
  Q_EMIT whole_range_wanted();
}

HistogramPanel::HistogramPanel(QWidget* parent)
    : QWidget(parent), title_(heading({})), hint_(plain_label()), plot_(new HistogramPlot) {
  auto* layout = new QVBoxLayout(this);
  layout->setContentsMargins(10, 10, 10, 10);
  layout->setSpacing(6);
  layout->addWidget(title_);
  plot_->setObjectName("histogram");
  layout->addWidget(plot_, 1);
  hint_->setProperty("role", "faint");
  layout->addWidget(hint_);
  connect(plot_, &HistogramPlot::range_chosen, this, &HistogramPanel::range_chosen);
  connect(plot_, &HistogramPlot::whole_range_wanted, this, &HistogramPanel::whole_range_wanted);
}

void HistogramPanel::count(Counted& what) {
  const Field& field = *what.field;
  const auto range = field.range(what.component);
  if (!range) return;
  what.low = range->minimum;
  what.high = range->maximum > what.low ? range->maximum : what.low + 1;
  what.counts.assign(bins, 0);
  const auto width = static_cast<std::size_t>(field.components());
  const auto values = field.frame(field.frames() > 1 ? what.frame : 0);
  const double scale = static_cast<double>(bins) / (what.high - what.low);
  for (std::size_t i = 0; i + width <= values.size(); i += width) {
    double value = 0;
    if (what.component >= 0) {
      value = values[i + static_cast<std::size_t>(what.component)] + field.offset();
    } else {
      for (std::size_t c = 0; c < width; ++c) value += std::pow(values[i + c] + field.offset(), 2);
      value = std::sqrt(value);
    }
    if (!std::isfinite(value))
      ++what.unusable;
    else
      ++what.counts[static_cast<std::size_t>(
          std::clamp((value - what.low) * scale, 0.0, static_cast<double>(bins - 1)))];
  }
}

void HistogramPanel::show_field(const SceneData& shown, const SceneState& state,
                                const std::optional<LegendScale>& scale) {
  scale_ = scale;
  const Field* field = shown.cloud ? shown_field(shown, state) : nullptr;
  if (!field || field->kind() == FieldKind::Label) {
    worker_.cancel();
    wanted_ = counted_ = nullptr;
    title_->setText(tr("No numbers are shown"));
    plot_->show_counts({}, 0, 1, {});
    hint_->setText(tr("Colour the points by a field to see how its values are spread."));
    return;
  }
  auto wanted = std::make_shared<Counted>();
  wanted->data = shown;
  wanted->field = field;
  wanted->component = field->components() == 1 ? 0 : state.component < field->components() ? state.component : -1;
  wanted->frame = state.frame;
  title_->setText(QString::fromStdString(field->name()) +
                  (field->unit().empty() ? QString() : " [" + QString::fromStdString(field->unit()) + "]"));
  if (wanted_ && wanted_->same_as(*wanted)) {
    show_counted();
    return;
  }
  wanted_ = wanted;
  worker_.post(
      [this, wanted](std::stop_token) {
        auto made = std::make_shared<Counted>(*wanted);
        count(*made);
        QMetaObject::invokeMethod(
            this,
            [this, wanted, made] {
              if (wanted != wanted_) return;
              counted_ = made;
              show_counted();
            },
            Qt::QueuedConnection);
      },
      "count");
}

QString HistogramPanel::title() const {
  return title_->text();
}

std::string HistogramPanel::csv() const {
  std::ostringstream out;
  out.precision(9);
  out << "from,to,count\n";
  const double width = (counted_->high - counted_->low) / static_cast<double>(counted_->counts.size());
  for (std::size_t i = 0; i < counted_->counts.size(); ++i) {
    const double from = counted_->low + width * static_cast<double>(i);
    out << from << ',' << from + width << ',' << counted_->counts[i] << '\n';
  }
  return out.str();
}

void HistogramPanel::show_counted() {
  if (!counted_ || !wanted_ || !counted_->same_as(*wanted_)) return;
  plot_->show_counts(counted_->counts, counted_->low, counted_->high, scale_);
  QString hint =
      tr("Drag to choose the range of the colours, double-click for all of it. Bar heights are square roots.");
  if (counted_->unusable > 0) hint += " " + tr("%1 values are not finite.").arg(whole(counted_->unusable));
  hint_->setText(hint);
}

}  // namespace erwin::ui
