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

constexpr int bins = 64;
constexpr int margin = 8;
constexpr double most_decades = 9;  // below the largest value: weights of a softmax reach down to nothing

// The value at a share of the axis, and the reverse.
double value_of(const Histogram& counted, double share) {
  const auto [low, high] = counted.range;
  return counted.logarithmic ? low * std::pow(high / low, share) : low + (high - low) * share;
}

double share_of(const Histogram& counted, double value) {
  const auto [low, high] = counted.range;
  if (!(high > low)) return 0;
  return counted.logarithmic ? std::log(value / low) / std::log(high / low) : (value - low) / (high - low);
}

}  // namespace

HistogramPlot::HistogramPlot(QWidget* parent) : QWidget(parent) {
  setMouseTracking(true);
  setCursor(Qt::IBeamCursor);
  setAccessibleName(tr("Histogram"));
}

void HistogramPlot::show_counts(Histogram counted, std::optional<LegendScale> scale) {
  counted_ = std::move(counted);
  scale_ = std::move(scale);
  update();
}

QRect HistogramPlot::plot_area() const {
  return rect().adjusted(margin, 4, -margin, -fontMetrics().height() - 6);
}

double HistogramPlot::value_at(double x) const {
  const QRect area = plot_area();
  return value_of(counted_, std::clamp((x - area.left()) / std::max(1, area.width()), 0.0, 1.0));
}

double HistogramPlot::x_of(double value) const {
  const QRect area = plot_area();
  return area.left() + area.width() * share_of(counted_, value);
}

// Of a logarithmic axis.
void HistogramPlot::draw_decades(QPainter& painter) const {
  const QRect area = plot_area();
  const double first = std::ceil(std::log10(counted_.range.minimum)), last = std::log10(counted_.range.maximum);
  for (double decade = first; decade <= last; ++decade) {
    const double x = x_of(std::pow(10, decade));
    painter.drawLine(QPointF(x, area.bottom() + 1), QPointF(x, area.bottom() + 4));
  }
}

void HistogramPlot::paintEvent(QPaintEvent*) {
  QPainter painter(this);
  const std::vector<std::int64_t>& counts = counted_.counts;
  if (counts.empty()) return;
  const QRect area = plot_area();
  // Root of the count: a few values that nearly all points share would hide the rest.
  const double most = std::sqrt(static_cast<double>(*std::max_element(counts.begin(), counts.end())));
  const double step = static_cast<double>(area.width()) / static_cast<double>(counts.size());
  for (std::size_t i = 0; i < counts.size(); ++i) {
    const double height = most > 0 ? area.height() * std::sqrt(static_cast<double>(counts[i])) / most : 0;
    const double value = value_of(counted_, (static_cast<double>(i) + 0.5) / static_cast<double>(counts.size()));
    const Rgb rgb = scale_ ? colour_of_number(value, *scale_) : Rgb{128, 128, 128};
    painter.fillRect(QRectF(area.left() + step * static_cast<double>(i), area.bottom() + 1 - height,
                            std::max(1.0, step - 1), height),
                     QColor(rgb.r, rgb.g, rgb.b));
  }
  painter.setPen(palette().color(QPalette::Mid));
  painter.drawLine(area.left(), area.bottom() + 1, area.right(), area.bottom() + 1);
  if (counted_.logarithmic) draw_decades(painter);
  if (scale_) {
    painter.setPen(QPen(palette().color(QPalette::WindowText), 1, Qt::DashLine));
    for (const double end : {scale_->minimum, scale_->maximum})
      if (end > counted_.range.minimum && end < counted_.range.maximum)
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
  const QString low = number(counted_.range.minimum), high = number(counted_.range.maximum), scale = tr("logarithmic");
  const int widest = std::max(fontMetrics().horizontalAdvance(low), fontMetrics().horizontalAdvance(high));
  if (counted_.logarithmic && fontMetrics().horizontalAdvance(scale) + 2 * (widest + margin) < area.width())
    painter.drawText(labels, Qt::AlignHCenter, scale);
  painter.drawText(labels, Qt::AlignLeft, low);
  painter.drawText(labels, Qt::AlignRight, high);
}

void HistogramPlot::mousePressEvent(QMouseEvent* event) {
  if (event->button() == Qt::LeftButton && !counted_.counts.empty()) from_ = to_ = event->position().x();
}

void HistogramPlot::mouseMoveEvent(QMouseEvent* event) {
  if (!counted_.counts.empty()) setToolTip(number(value_at(event->position().x())));
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

// On the scale that the colours have, where the values can be on it.
void HistogramPanel::count(Counted& what) {
  const Field& field = *what.field;
  const auto range = field.range(what.component);
  if (!range) return;
  double low = range->minimum, high = range->maximum;
  const auto smallest = what.logarithmic && low <= 0 ? smallest_positive(field, what.component) : low;
  const bool logarithmic = what.logarithmic && high > 0 && smallest && *smallest < high;
  if (logarithmic)
    low = std::max(*smallest, high * std::pow(10, -most_decades));
  else if (!(high > low))
    high = low + 1;
  what.found = histogram_of(field, what.component, what.frame, {low, high}, logarithmic, bins);
}

void HistogramPanel::show_field(const SceneData& shown, const SceneState& state,
                                const std::optional<LegendScale>& scale) {
  scale_ = scale;
  const Field* field = shown.cloud ? shown_field(shown, state) : nullptr;
  if (!field || field->kind() == FieldKind::Label) {
    worker_.cancel();
    wanted_ = counted_ = nullptr;
    title_->setText(tr("No numbers are shown"));
    plot_->show_counts({}, {});
    hint_->setText(tr("Colour the points by a field to see how its values are spread."));
    return;
  }
  auto wanted = std::make_shared<Counted>();
  wanted->data = shown;
  wanted->field = field;
  wanted->component = shown_component(*field, state);
  wanted->frame = state.frame;
  wanted->logarithmic = scale && scale->logarithmic;
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
  const std::vector<std::int64_t>& counts = counted_->found.counts;
  const auto end = [&](std::size_t i) {
    return value_of(counted_->found, static_cast<double>(i) / static_cast<double>(counts.size()));
  };
  for (std::size_t i = 0; i < counts.size(); ++i) out << end(i) << ',' << end(i + 1) << ',' << counts[i] << '\n';
  return out.str();
}

void HistogramPanel::show_counted() {
  if (!counted_ || !wanted_ || !counted_->same_as(*wanted_)) return;
  const Histogram& found = counted_->found;
  plot_->show_counts(found, scale_);
  QString hint =
      tr("Drag to choose the range of the colours, double-click for all of it. Bar heights are square roots.");
  if (found.below > 0) hint += " " + tr("%1 values lie below %2.").arg(whole(found.below), number(found.range.minimum));
  if (found.nonfinite > 0) hint += " " + tr("%1 values are not finite.").arg(whole(found.nonfinite));
  hint_->setText(hint);
}

}  // namespace erwin::ui
