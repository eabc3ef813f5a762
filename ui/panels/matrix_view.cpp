#include "ui/panels/matrix_view.h"

#include <QGuiApplication>
#include <QKeyEvent>
#include <QMouseEvent>
#include <QPainter>
#include <QStyleHints>
#include <QWheelEvent>
#include <algorithm>
#include <cmath>

#include "ui/panels/panel_parts.h"

namespace erwin::ui {

namespace {

constexpr double bracket_width = 7, scale_height = 30, gap = 3;
constexpr int bracket_levels = 3;
constexpr double wheel_zoom = 1.25, key_shift = 0.1, least_slots = 8;
constexpr double decades = 4;  // of the logarithmic scale, below the highest cell

// Which cell of an axis covers the slot; -1: none.
int cell_of(const MatrixAxis& axis, double slot) {
  if (axis.cells() < 1 || slot < static_cast<double>(axis.slot_begin.front()) ||
      slot >= static_cast<double>(axis.slot_begin.back()))
    return -1;
  const auto after = std::upper_bound(axis.slot_begin.begin(), axis.slot_begin.end(), static_cast<std::int64_t>(slot));
  return static_cast<int>(after - axis.slot_begin.begin()) - 1;
}

std::int64_t begin_of(const MatrixAxis& axis, int cell) {
  return axis.slot_begin[static_cast<std::size_t>(cell)];
}

QRgb qrgb(Rgb colour) {
  return qRgb(colour.r, colour.g, colour.b);
}

}  // namespace

MatrixView::MatrixView(QWidget* parent) : QWidget(parent) {
  setMouseTracking(true);
  setFocusPolicy(Qt::StrongFocus);
  setAccessibleName(tr("Attention matrix"));
}

void MatrixView::show_levels(const MatrixLevels& levels, bool other_tree) {
  levels_ = levels;
  if (other_tree) {
    hover(std::nullopt);
    matrix_ = nullptr;
    marked_ = -1;
    window_ = {0, 0, static_cast<double>(levels_.slots())};
  }
  stale_ = true;
  update();
}

void MatrixView::set_theme(Theme theme) {
  if (theme == theme_) return;
  theme_ = theme;
  stale_ = true;
  update();
}

void MatrixView::show_matrix(std::shared_ptr<const AttentionMatrix> matrix, Theme theme) {
  if (matrix == matrix_ && theme == theme_) return;
  matrix_ = std::move(matrix);
  theme_ = theme;
  find_range();
  stale_ = true;
  if (!matrix_) hover(std::nullopt);
  update();
}

void MatrixView::find_range() {
  low_ = high_ = 0;
  if (!matrix_) return;
  const auto columns = static_cast<std::size_t>(matrix_->request.columns.cells());
  for (std::size_t row = 0; row < matrix_->done.size(); ++row)
    if (matrix_->done[row])
      for (std::size_t column = 0; column < columns; ++column)
        high_ = std::max(high_, static_cast<double>(matrix_->cells[row * columns + column]));
  low_ = logarithmic_ ? high_ * std::pow(10, -decades) : 0;
}

double MatrixView::share_of(float value) const {
  if (high_ <= 0) return 0;
  if (!logarithmic_) return value / high_;
  return value <= low_ ? 0 : 1 + std::log10(value / high_) / decades;
}

void MatrixView::set_window(const Window& wanted) {
  Window next = wanted;
  const double all = static_cast<double>(levels_.slots());
  next.length = std::clamp(next.length, std::min(least_slots, all), all);
  next.row = std::clamp(next.row, 0.0, all - next.length);
  next.column = std::clamp(next.column, 0.0, all - next.length);
  if (next == window_) return;
  window_ = next;
  stale_ = true;
  update();
  Q_EMIT window_changed();
}

void MatrixView::show_whole() {
  set_window({0, 0, static_cast<double>(levels_.slots())});
}

void MatrixView::set_logarithmic(bool on) {
  logarithmic_ = on;
  find_range();
  stale_ = true;
  update();
}

void MatrixView::mark_slot(std::int64_t slot) {
  if (slot == marked_) return;
  marked_ = slot;
  update();
}

int MatrixView::level() const {
  const auto level_of = [&](double first) {
    return levels_.level_for(static_cast<std::int64_t>(first),
                             static_cast<std::int64_t>(std::ceil(first + window_.length)), most_cells);
  };
  return std::min(level_of(window_.row), level_of(window_.column));
}

MatrixAxis MatrixView::rows() const {
  return levels_.axis(level(), static_cast<std::int64_t>(window_.row),
                      static_cast<std::int64_t>(std::ceil(window_.row + window_.length)));
}

MatrixAxis MatrixView::columns() const {
  return levels_.axis(level(), static_cast<std::int64_t>(window_.column),
                      static_cast<std::int64_t>(std::ceil(window_.column + window_.length)));
}

// ---- Places ----

QRectF MatrixView::plot() const {
  const double margin = bracket_levels * bracket_width + gap;
  const double side = std::max(20.0, std::min(width() - margin - 1, height() - margin - scale_height));
  return {margin + std::max(0.0, (width() - margin - 1 - side) / 2), margin, side, side};
}

int MatrixView::drawn_height() const {
  return static_cast<int>(std::ceil(plot().bottom() + scale_height));
}

double MatrixView::x_of(double slot) const {
  const QRectF area = plot();
  return area.left() + (slot - window_.column) / window_.length * area.width();
}
double MatrixView::y_of(double slot) const {
  const QRectF area = plot();
  return area.top() + (slot - window_.row) / window_.length * area.height();
}

QRectF MatrixView::cell_rect(const Cell& cell) const {
  if (!matrix_ || cell.row < 0 || cell.column < 0) return {};
  const MatrixAxis &rows = matrix_->request.rows, &columns = matrix_->request.columns;
  if (cell.row >= rows.cells() || cell.column >= columns.cells()) return {};
  const QPointF from(x_of(static_cast<double>(begin_of(columns, cell.column))),
                     y_of(static_cast<double>(begin_of(rows, cell.row))));
  const QPointF to(x_of(static_cast<double>(begin_of(columns, cell.column + 1))),
                   y_of(static_cast<double>(begin_of(rows, cell.row + 1))));
  return QRectF(from, to) & plot();
}

std::optional<MatrixView::Cell> MatrixView::cell_at(const QPointF& at) const {
  const QRectF area = plot();
  if (!matrix_ || !area.contains(at)) return std::nullopt;
  const double row = window_.row + (at.y() - area.top()) / area.height() * window_.length;
  const double column = window_.column + (at.x() - area.left()) / area.width() * window_.length;
  const Cell cell{cell_of(matrix_->request.rows, row), cell_of(matrix_->request.columns, column)};
  if (cell.row < 0 || cell.column < 0) return std::nullopt;
  return cell;
}

// ---- Drawing ----

// Pixel by pixel through two tables of cells: nodes may differ in size.
void MatrixView::draw_cells() {
  const double ratio = devicePixelRatioF();
  const int side = std::max(1, static_cast<int>(plot().width() * ratio));
  image_ = QImage(side, side, QImage::Format_RGB32);
  const QRgb nothing = palette().color(QPalette::Window).rgb();
  image_.fill(nothing);
  stale_ = false;
  if (!matrix_) return;
  const auto cells_along = [&](const MatrixAxis& axis, double first) {
    std::vector<int> cells;
    for (int i = 0; i < side; ++i) cells.push_back(cell_of(axis, first + (i + 0.5) / side * window_.length));
    return cells;
  };
  const auto rows = cells_along(matrix_->request.rows, window_.row);
  const auto columns = cells_along(matrix_->request.columns, window_.column);
  const auto stride = static_cast<std::size_t>(matrix_->request.columns.cells());
  std::vector<QRgb> colours(256);
  for (std::size_t i = 0; i < colours.size(); ++i)
    colours[i] = qrgb(map_colour(ColourMap::Heat, static_cast<double>(i) / 255));
  for (int y = 0; y < side; ++y) {
    const int row = rows[static_cast<std::size_t>(y)];
    if (row < 0 || !matrix_->done[static_cast<std::size_t>(row)]) continue;
    if (matrix_->queries[static_cast<std::size_t>(row)] == 0) continue;
    auto* line = reinterpret_cast<QRgb*>(image_.scanLine(y));
    for (int x = 0; x < side; ++x) {
      const int column = columns[static_cast<std::size_t>(x)];
      if (column < 0) continue;
      const float value = matrix_->cells[static_cast<std::size_t>(row) * stride + static_cast<std::size_t>(column)];
      line[x] = colours[static_cast<std::size_t>(std::clamp(255 * share_of(value), 0.0, 255.0))];
    }
  }
}

// Nodes of the levels above the cells', the coarsest outermost.
void MatrixView::draw_brackets(QPainter& painter) const {
  const QRectF area = plot();
  QColor colour = palette().color(QPalette::PlaceholderText);
  const int cells = level();
  for (int strip = 0; strip < bracket_levels; ++strip) {
    const int shown = cells - 2 * (strip + 1) + 1;  // every second level: 2, 8, 32 cells
    if (shown < 1) break;
    const double offset = gap + bracket_width * strip + 0.5;
    const auto draw = [&](const MatrixAxis& axis, bool rows) {
      for (int node = 0; node < axis.cells(); ++node) {
        const auto first = static_cast<double>(begin_of(axis, node)),
                   last = static_cast<double>(begin_of(axis, node + 1));
        const double low = rows ? area.top() : area.left(), high = rows ? area.bottom() : area.right();
        const double a = std::max(low, (rows ? y_of(first) : x_of(first)) + 1);
        const double b = std::min(high, (rows ? y_of(last) : x_of(last)) - 1);
        if (b - a < 4) continue;  // lines upon lines
        const double at = rows ? area.left() - offset : area.top() - offset, foot = at + bracket_width - 3;
        const QPointF line[4] = {rows ? QPointF(foot, a) : QPointF(a, foot), rows ? QPointF(at, a) : QPointF(a, at),
                                 rows ? QPointF(at, b) : QPointF(b, at), rows ? QPointF(foot, b) : QPointF(b, foot)};
        painter.drawPolyline(line, 4);
      }
    };
    colour.setAlphaF(static_cast<float>(0.55 + 0.2 * strip));
    painter.setPen(QPen(colour, 1));
    const auto end = [&](double first) { return static_cast<std::int64_t>(std::ceil(first + window_.length)); };
    draw(levels_.axis(shown, static_cast<std::int64_t>(window_.row), end(window_.row)), true);
    draw(levels_.axis(shown, static_cast<std::int64_t>(window_.column), end(window_.column)), false);
  }
}

void MatrixView::draw_marks(QPainter& painter) const {
  const QRectF area = plot();
  painter.setClipRect(area.adjusted(-1, -1, 1, 1));
  if (marked_ >= 0 && matrix_) {
    const auto slot = static_cast<double>(marked_);
    QColor line = palette().color(QPalette::Highlight);
    const int row = cell_of(matrix_->request.rows, slot), column = cell_of(matrix_->request.columns, slot);
    painter.setPen(QPen(line, 1.5));
    line.setAlphaF(0.25f);
    painter.setBrush(line);
    if (row >= 0) {
      const QRectF cell = cell_rect({row, 0});
      painter.drawRect(QRectF(area.left(), cell.top(), area.width(), cell.height()));
    }
    if (column >= 0) {
      const QRectF cell = cell_rect({0, column});
      painter.drawRect(QRectF(cell.left(), area.top(), cell.width(), area.height()));
    }
  }
  if (hovered_) {
    const QRectF cell = cell_rect(*hovered_);
    painter.setBrush(Qt::NoBrush);
    painter.setPen(QPen(Qt::black, 3));
    painter.drawRect(cell.adjusted(-1, -1, 1, 1));
    painter.setPen(QPen(Qt::white, 1));
    painter.drawRect(cell.adjusted(-1, -1, 1, 1));
  }
  painter.setClipping(false);
}

void MatrixView::draw_scale(QPainter& painter) const {
  const QRectF area = plot();
  const QRectF bar(area.left(), area.bottom() + 7, area.width(), 6);
  QLinearGradient gradient(bar.topLeft(), bar.topRight());
  for (int i = 0; i <= 16; ++i) {
    const Rgb colour = map_colour(ColourMap::Heat, i / 16.0);
    gradient.setColorAt(i / 16.0, QColor(colour.r, colour.g, colour.b));
  }
  painter.fillRect(bar, gradient);
  QFont small = font();
  small.setPointSizeF(0.85 * small.pointSizeF());
  painter.setFont(small);
  painter.setPen(palette().color(QPalette::WindowText));
  const QRectF text(bar.left(), bar.bottom() + 1, bar.width(), scale_height - 13);
  const auto short_number = [](double value) { return QString::number(value, 'g', 2); };
  painter.drawText(text, Qt::AlignLeft | Qt::AlignTop,
                   (logarithmic_ ? QStringLiteral("≤ ") : QString()) + short_number(low_));
  painter.drawText(text, Qt::AlignHCenter | Qt::AlignTop, logarithmic_ ? tr("logarithmic") : tr("linear"));
  painter.drawText(text, Qt::AlignRight | Qt::AlignTop, short_number(high_));
}

void MatrixView::paintEvent(QPaintEvent*) {
  QPainter painter(this);
  if (levels_.empty() || window_.length <= 0) return;
  const QRectF area = plot();
  const int side = static_cast<int>(area.width() * devicePixelRatioF());
  if (stale_ || image_.width() != side) draw_cells();
  painter.drawImage(area, image_);
  painter.setPen(palette().color(hasFocus() ? QPalette::Highlight : QPalette::Mid));
  painter.setBrush(Qt::NoBrush);
  painter.drawRect(area.adjusted(-0.5, -0.5, 0.5, 0.5));
  draw_brackets(painter);
  draw_marks(painter);
  if (matrix_ && high_ > 0) draw_scale(painter);
}

// ---- Mouse and keys ----

void MatrixView::zoom(double factor, const QPointF& about) {
  const QRectF area = plot();
  const double x = std::clamp((about.x() - area.left()) / area.width(), 0.0, 1.0);
  const double y = std::clamp((about.y() - area.top()) / area.height(), 0.0, 1.0);
  Window next = window_;
  next.length = std::clamp(window_.length / factor, std::min(least_slots, static_cast<double>(levels_.slots())),
                           static_cast<double>(levels_.slots()));
  next.row += y * (window_.length - next.length);
  next.column += x * (window_.length - next.length);
  set_window(next);
}

void MatrixView::hover(std::optional<Cell> cell) {
  if (cell == hovered_) return;
  hovered_ = cell;
  update();
  const Cell told = cell.value_or(Cell{});
  Q_EMIT cell_hovered(told.row, told.column);
}

void MatrixView::wheelEvent(QWheelEvent* event) {
  event->accept();
  if (levels_.empty()) return;
  zoom(std::pow(wheel_zoom, event->angleDelta().y() / 120.0), event->position());
  hover(cell_at(event->position()));
}

void MatrixView::mousePressEvent(QMouseEvent* event) {
  if (event->button() != Qt::LeftButton) return;
  held_ = true;
  dragged_ = false;
  pressed_ = last_ = event->position();
}

void MatrixView::mouseMoveEvent(QMouseEvent* event) {
  const QPointF at = event->position();
  if (held_ && (at - pressed_).manhattanLength() >= QGuiApplication::styleHints()->startDragDistance()) dragged_ = true;
  if (held_ && dragged_ && !levels_.empty()) {
    const double slots = window_.length / plot().width();
    set_window(
        {window_.row - (at.y() - last_.y()) * slots, window_.column - (at.x() - last_.x()) * slots, window_.length});
    last_ = at;
  }
  hover(cell_at(at));
}

void MatrixView::mouseReleaseEvent(QMouseEvent* event) {
  if (event->button() != Qt::LeftButton || !held_) return;
  held_ = false;
  if (dragged_) return;
  if (const auto cell = cell_at(event->position())) Q_EMIT cell_clicked(cell->row, cell->column);
}

void MatrixView::leaveEvent(QEvent*) {
  hover(std::nullopt);
}

void MatrixView::keyPressEvent(QKeyEvent* event) {
  if (levels_.empty() || event->modifiers() & (Qt::ControlModifier | Qt::AltModifier))
    return QWidget::keyPressEvent(event);
  const double by = key_shift * window_.length;
  const auto move = [&](double rows, double columns) {
    set_window({window_.row + rows * by, window_.column + columns * by, window_.length});
  };
  switch (event->key()) {
    case Qt::Key_Left:
      return move(0, -1);
    case Qt::Key_Right:
      return move(0, 1);
    case Qt::Key_Up:
      return move(-1, 0);
    case Qt::Key_Down:
      return move(1, 0);
    case Qt::Key_Plus:
    case Qt::Key_Equal:
      return zoom(wheel_zoom, plot().center());
    case Qt::Key_Minus:
      return zoom(1 / wheel_zoom, plot().center());
    case Qt::Key_Home:
      return show_whole();
    default:
      QWidget::keyPressEvent(event);
  }
}

}  // namespace erwin::ui
