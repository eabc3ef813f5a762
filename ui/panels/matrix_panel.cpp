#include "ui/panels/matrix_panel.h"

#include <QHBoxLayout>
#include <QLabel>
#include <QPainter>
#include <QPushButton>
#include <QVBoxLayout>
#include <algorithm>
#include <sstream>

#include "core/engine/matrix_window.h"
#include "ui/panels/panel_parts.h"
#include "ui/panels/point_sets.h"
#include "ui/scene/tree_nodes.h"

namespace erwin::ui {

namespace {

constexpr int pause_ms = 120;

QString branch_text(Branch branch) {
  return branch == Branch::All ? QObject::tr("all branches together, gated")
                               : QObject::tr("branch %1").arg(QString::fromStdString(name_of(branch)));
}

}  // namespace

MatrixPanel::MatrixPanel(QWidget* parent)
    : QWidget(parent),
      title_(heading({})),
      caption_(plain_label()),
      cell_(plain_label()),
      view_(new MatrixView),
      whole_(new QPushButton(tr("Whole"))),
      scale_(new QPushButton),
      save_(new QPushButton(tr("Save…"))) {
  auto* layout = new QVBoxLayout(this);
  layout->setContentsMargins(10, 10, 10, 10);
  layout->setSpacing(6);
  title_->setWordWrap(true);
  layout->addWidget(title_);
  caption_->setObjectName("matrix-caption");
  caption_->setProperty("role", "faint");
  layout->addWidget(caption_);
  view_->setObjectName("matrix");
  view_->setToolTip(
      tr("A row: where the points of a node look, mean over them of the sum of A over the column's points. "
         "A compressed weight is spread evenly over its block. Wheel: zoom; drag: move; click: query the "
         "row's middle point"));
  layout->addWidget(view_, 1);
  cell_->setObjectName("matrix-cell");
  cell_->setMinimumHeight(2 * cell_->fontMetrics().lineSpacing());
  cell_->setAlignment(Qt::AlignLeft | Qt::AlignTop);
  layout->addWidget(cell_);
  auto* buttons = new QHBoxLayout;
  whole_->setToolTip(tr("Show the whole cloud again (Shift+M)"));
  scale_->setToolTip(tr("Colours over four decades below the highest cell, or linear from 0 (Shift+L)"));
  save_->setToolTip(tr("Write this window as PNG or CSV (Ctrl+M)"));
  scale_->setText(tr("Linear"));
  for (QPushButton* button : {whole_, scale_, save_}) buttons->addWidget(button);
  buttons->addStretch(1);
  layout->addLayout(buttons);
  asking_.setSingleShot(true);
  connect(&asking_, &QTimer::timeout, this, &MatrixPanel::rest);
  connect(view_, &MatrixView::window_changed, this, [this] {
    asking_.start(pause_ms);
    write();
  });
  connect(view_, &MatrixView::cell_hovered, this, [this](int row, int column) {
    say_cell(row, column);
    Q_EMIT cell_hovered(row, column);
  });
  connect(view_, &MatrixView::cell_clicked, this, [this](int row, int) {
    if (const std::int64_t point = middle_of_row(row); point >= 0) Q_EMIT point_chosen(point);
  });
  connect(whole_, &QPushButton::clicked, view_, &MatrixView::show_whole);
  connect(scale_, &QPushButton::clicked, this, &MatrixPanel::scale_wanted);
  connect(save_, &QPushButton::clicked, this, &MatrixPanel::save_wanted);
}

MatrixPart MatrixPanel::part() const {
  const MatrixView::Window& seen = view_->window();
  const std::int64_t slots = view_->levels().slots();
  if (seen.length >= static_cast<double>(slots)) return {};
  return {seen.row, seen.column, seen.length, slots};
}

// What was chosen by hand is the state's from now on.
void MatrixPanel::rest() {
  ask();
  if (view_->levels().empty() || part() == told_) return;
  told_ = part();
  Q_EMIT part_chosen(told_);
}

// A state says a window once; of a tree with other slots, when that tree is there.
void MatrixPanel::follow(const SceneState& state) {
  if (view_->logarithmic() != state.matrix_log) view_->set_logarithmic(state.matrix_log);
  scale_->setText(view_->logarithmic() ? tr("Linear") : tr("Logarithmic"));
  if (view_->levels().empty()) return;
  const MatrixPart& wanted = state.matrix;
  if (wanted == told_) return;
  told_ = wanted;
  if (wanted.slots == view_->levels().slots())
    view_->set_window({wanted.row, wanted.column, wanted.length});
  else
    view_->show_whole();
  asking_.stop();
}

MatrixRequest MatrixPanel::request() const {
  MatrixRequest wanted;
  wanted.layer = state_.query.layer;
  wanted.head = state_.query.head;
  wanted.branch = state_.query.branch;
  wanted.rows = view_->rows();
  wanted.columns = view_->columns();
  return wanted;
}

bool MatrixPanel::fits(const AttentionMatrix& matrix) const {
  const MatrixRequest& made = matrix.request;
  return made.layer == state_.query.layer && made.head == state_.query.head && made.branch == state_.query.branch &&
         !made.rows.slot_begin.empty() && made.rows.slot_begin.back() <= view_->levels().slots();
}

void MatrixPanel::show_matrix(std::shared_ptr<const AttentionMatrix> matrix, const SceneData& shown,
                              const SceneState& state) {
  shown_ = shown;
  state_ = state;
  const LayerInfo* layer = shown.prediction && shown.prediction->tree ? shown_layer(shown, state) : nullptr;
  const auto slots = layer ? layer->slots : nullptr;
  if (slots != slots_) {
    const bool same_cloud = slots && slots_ && slots->slots() == slots_->slots();
    slots_ = slots;
    slot_of_.clear();
    view_->show_levels(MatrixLevels(shown, state), !same_cloud);
    if (!same_cloud) told_ = {};
  }
  follow(state);
  // What belongs to another layer, or to a cloud that is gone, is not shown; another window of this one is, for now.
  view_->show_matrix(matrix && slots_ && fits(*matrix) ? matrix : nullptr, state.theme);
  if (slots_ && !asking_.isActive() &&
      (asked_of_ != shown.prediction || asked_.layer != state.query.layer || asked_.head != state.query.head ||
       asked_.branch != state.query.branch))
    ask();
  for (QPushButton* button : {whole_, scale_}) button->setEnabled(slots_ != nullptr);
  save_->setEnabled(has_matrix());
  write();
}

void MatrixPanel::ask() {
  if (!slots_ || view_->levels().empty()) return;
  const MatrixRequest next = request();
  if (asked_of_ == shown_.prediction && same_window(next, asked_)) return;
  asked_ = next;
  asked_of_ = shown_.prediction;
  Q_EMIT wanted(next);
}

QString MatrixPanel::caption() const {
  return title_->text() + "\n" + caption_->text();
}

void MatrixPanel::write() {
  const LayerInfo* layer = slots_ ? shown_layer(shown_, state_) : nullptr;
  if (!layer) {
    title_->setText(tr("No matrix"));
    caption_->setText(shown_.cloud ? tr("Open a checkpoint to see who looks at whom.")
                                   : tr("Open a cloud and a checkpoint to see who looks at whom."));
    cell_->clear();
    return;
  }
  title_->setText(tr("Layer %1, %2, %3")
                      .arg(layer->layer)
                      .arg(state_.query.head < 0 ? tr("mean of %1 heads").arg(layer->heads)
                                                 : tr("head %1 of %2").arg(state_.query.head).arg(layer->heads))
                      .arg(branch_text(state_.query.branch)));
  const int level = view_->level();
  QString text = tr("%1 x %2 of %3 %4, in the order of the %5")
                     .arg(view_->rows().cells())
                     .arg(view_->columns().cells())
                     .arg(whole(view_->levels().nodes(level)), view_->levels().name(level),
                          QString::fromStdString(tree_caption(*layer)));
  const AttentionMatrix* matrix = view_->matrix();
  const bool current = matrix && same_window(matrix->request, request());
  if (!current) {
    text += tr(". Being computed; until then what was there before");
  } else {
    const auto exact = std::count(matrix->exact.begin(), matrix->exact.end(), 1);
    if (exact == std::ssize(matrix->exact))
      text += tr(". Exact");
    else
      text += tr(". From the mean queries of one block a row; %1 of %2 rows exact so far")
                  .arg(exact)
                  .arg(std::ssize(matrix->exact));
  }
  caption_->setText(text + ".");
}

QString MatrixPanel::name_of(bool row, int cell) const {
  const AttentionMatrix* matrix = view_->matrix();
  if (!matrix) return {};
  const auto& begin = (row ? matrix->request.rows : matrix->request.columns).slot_begin;
  const std::int64_t first = begin[static_cast<std::size_t>(cell)], last = begin[static_cast<std::size_t>(cell) + 1];
  const LayerInfo* layer = shown_layer(shown_, state_);
  const std::int64_t size = last - first;
  if (layer && size == layer->block_size) return tr("block %1").arg(first / size);
  if (layer && size == layer->ball_size) return tr("ball %1").arg(first / size);
  return size == 1 ? tr("slot %1").arg(first) : tr("slots %1 to %2").arg(first).arg(last - 1);
}

void MatrixPanel::say_cell(int row, int column) {
  const AttentionMatrix* matrix = view_->matrix();
  if (!matrix || row < 0) return cell_->clear();
  const auto at = static_cast<std::size_t>(row) * static_cast<std::size_t>(matrix->request.columns.cells()) +
                  static_cast<std::size_t>(column);
  const auto points = [&](bool rows, int cell) {
    return tr("%1 (%2 points)").arg(name_of(rows, cell)).arg(whole(std::ssize(points_of(rows, cell))));
  };
  cell_->setText(tr("%1 → %2: %3%4")
                     .arg(points(true, row), points(false, column), number(matrix->cells[at]),
                          matrix->exact[static_cast<std::size_t>(row)] ? QString() : tr(", from mean queries")));
}

std::vector<std::int32_t> MatrixPanel::points_of(bool row, int cell) const {
  const AttentionMatrix* matrix = view_->matrix();
  if (!matrix || !slots_ || cell < 0) return {};
  const auto& begin = (row ? matrix->request.rows : matrix->request.columns).slot_begin;
  const auto points = slots_->of(begin[static_cast<std::size_t>(cell)], begin[static_cast<std::size_t>(cell) + 1]);
  return {points.begin(), points.end()};
}

std::int64_t MatrixPanel::middle_of_row(int row) const {
  return shown_.cloud ? middle_point(*shown_.cloud, state_.frame, points_of(true, row)) : -1;
}

void MatrixPanel::mark_point(std::int64_t point) {
  if (!slots_ || point < 0 || !shown_.cloud) return view_->mark_slot(-1);
  if (slot_of_.empty()) {
    slot_of_.assign(static_cast<std::size_t>(shown_.cloud->size()), -1);
    for (std::int64_t slot = 0; slot < slots_->slots(); ++slot)
      for (const std::int32_t held : slots_->of(slot, slot + 1))
        if (auto& place = slot_of_[static_cast<std::size_t>(held)]; place < 0) place = static_cast<std::int32_t>(slot);
  }
  view_->mark_slot(point < std::ssize(slot_of_) ? slot_of_[static_cast<std::size_t>(point)] : -1);
}

QImage MatrixPanel::picture() const {
  const int margin = 12, side = std::max(view_->width(), 320);
  const QString text = caption();
  const QRect words = view_->fontMetrics().boundingRect(QRect(0, 0, side, 10000), Qt::TextWordWrap, text);
  const double ratio = view_->devicePixelRatioF();
  const QSize size(side + 2 * margin, words.height() + view_->drawn_height() + 3 * margin);
  QImage image(size * ratio, QImage::Format_RGB32);
  image.setDevicePixelRatio(ratio);
  image.fill(view_->palette().color(QPalette::Window));
  QPainter painter(&image);
  painter.setFont(view_->font());
  painter.setPen(view_->palette().color(QPalette::WindowText));
  painter.drawText(QRect(margin, margin, side, words.height()), Qt::TextWordWrap, text);
  view_->render(&painter, QPoint(margin, words.height() + 2 * margin), QRegion(), QWidget::DrawChildren);
  return image;
}

std::string MatrixPanel::csv() const {
  std::ostringstream out;
  out.precision(9);
  const AttentionMatrix& matrix = *view_->matrix();
  out << "# " << title_->text().toStdString() << "; " << caption_->text().toStdString() << "\n"
      << "# rows: query nodes as slots first-last; columns: key nodes\n"
      << "query_slots,queries,exact,memory";
  const auto slots = [](const MatrixAxis& axis, std::size_t i) {
    return std::to_string(axis.slot_begin[i]) + "-" + std::to_string(axis.slot_begin[i + 1] - 1);
  };
  const auto rows = static_cast<std::size_t>(matrix.request.rows.cells());
  const auto columns = static_cast<std::size_t>(matrix.request.columns.cells());
  for (std::size_t column = 0; column < columns; ++column) out << ',' << slots(matrix.request.columns, column);
  out << '\n';
  for (std::size_t row = 0; row < rows; ++row) {
    if (!matrix.done[row]) continue;
    out << slots(matrix.request.rows, row) << ',' << matrix.queries[row] << ',' << int{matrix.exact[row]} << ','
        << matrix.memory[row];
    for (std::size_t column = 0; column < columns; ++column) out << ',' << matrix.cells[row * columns + column];
    out << '\n';
  }
  return out.str();
}

}  // namespace erwin::ui
