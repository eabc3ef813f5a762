#include "ui/panels/heads_panel.h"

#include <QHeaderView>
#include <QLabel>
#include <QSignalBlocker>
#include <QVBoxLayout>
#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "ui/panels/panel_parts.h"

namespace erwin::ui {

namespace {

constexpr double none = std::numeric_limits<double>::quiet_NaN();
constexpr int first_measure = 2, measures = 8;  // columns after layer and head
constexpr int value_role = Qt::UserRole;        // the number behind a cell's text

struct Column {
  const char *title, *tip;
};
constexpr std::array<Column, first_measure + measures> columns{
    {{"layer", "Attention layer, in order of evaluation from 0"},
     {"head", "Query head from 0; mean: of the numbers of the layer's heads"},
     {"dist.",
      "Distance: how far the head looks: mean over queries i of sum_j a_ij |x_i - x_j|, a_ij the share of i's row"},
     {"entropy", "How widely it looks: mean over queries of -sum_j a_ij ln a_ij, in nats; exp of it counts keys"},
     {"keys", "Over how many points a look is spread: mean over queries of exp(entropy)"},
     {"local", "Mean gate of the local branch, 0 to 1"},
     {"compr.", "Mean gate of the compressed branch, 0 to 1"},
     {"select.", "Mean gate of the selected branch, 0 to 1"},
     {"mem.", "Memory: part of the rows that goes to the memory slot, and so to no point"},
     {"agree",
      "Agreement: mean over the layer's other heads of the overlap sum_j min(a_ij, a'_ij): 1 for equal looks"}}};

// Rows are ordered by their numbers, not by their texts.
class Row : public QTreeWidgetItem {
public:
  using QTreeWidgetItem::QTreeWidgetItem;
  bool operator<(const QTreeWidgetItem& other) const override {
    const int column = std::max(0, treeWidget()->sortColumn());
    const double a = data(column, value_role).toDouble(), b = other.data(column, value_role).toDouble();
    if (std::isnan(a) || std::isnan(b)) return std::isnan(a) && !std::isnan(b);
    if (a != b) return a < b;
    const auto place = [](const QTreeWidgetItem& row) {
      return std::pair(row.data(0, value_role).toDouble(), row.data(1, value_role).toDouble());
    };
    return place(*this) < place(other);
  }
};

using Measures = std::array<double, measures>;

Measures measures_of(const HeadGlance& head, bool gated) {
  return {head.distance,
          head.entropy,
          head.effective_keys,
          gated ? head.gate_local : none,
          gated ? head.gate_compressed : none,
          gated ? head.gate_selected : none,
          gated ? head.memory : none,
          head.agreement};
}

// Three digits, two where a small number needs an exponent.
QString brief(double value) {
  return QString::number(value, 'g', std::abs(value) < 1e-3 ? 2 : 3);
}

Row* make_row(int layer, int head, const Measures& numbers) {
  auto* row = new Row(QStringList{QString::number(layer), head < 0 ? QObject::tr("mean") : QString::number(head)});
  row->setData(0, value_role, layer);
  row->setData(1, value_role, head);
  for (int i = 0; i < measures; ++i) {
    const double value = numbers[static_cast<std::size_t>(i)];
    row->setText(first_measure + i, std::isnan(value) ? QStringLiteral("–") : brief(value));
    row->setData(first_measure + i, value_role, value);
  }
  for (int column = 0; column < first_measure + measures; ++column)
    row->setTextAlignment(column, Qt::AlignRight | Qt::AlignVCenter);
  if (head < 0) {
    QFont bold = row->font(0);
    bold.setBold(true);
    for (int column = 0; column < first_measure + measures; ++column) row->setFont(column, bold);
  }
  return row;
}

QStringList titles() {
  QStringList names;
  for (const Column& column : columns) names << QObject::tr(column.title);
  return names;
}

}  // namespace

HeadsPanel::HeadsPanel(QWidget* parent) : QWidget(parent), hint_(plain_label()), table_(new Table(titles())) {
  auto* layout = new QVBoxLayout(this);
  layout->setContentsMargins(10, 6, 10, 6);
  layout->setSpacing(4);
  hint_->setProperty("role", "faint");
  layout->addWidget(hint_);
  table_->setObjectName("heads");
  table_->setAccessibleName(tr("Layers and heads"));
  table_->setSelectionMode(QAbstractItemView::SingleSelection);
  for (std::size_t column = 0; column < columns.size(); ++column)
    table_->headerItem()->setToolTip(static_cast<int>(column), tr(columns[column].tip));
  table_->setSortingEnabled(true);
  table_->header()->setSectionsClickable(true);
  table_->sortByColumn(0, Qt::AscendingOrder);
  layout->addWidget(table_, 1);
  connect(table_, &QTreeWidget::currentItemChanged, this, [this](QTreeWidgetItem* row) {
    if (row) Q_EMIT head_chosen(row->data(0, value_role).toInt(), row->data(1, value_role).toInt());
  });
}

void HeadsPanel::show_heads(const Glances& glances, const SceneData& shown, const SceneState& state) {
  if (glances != listed_ || state.theme != theme_) {
    listed_ = glances;
    theme_ = state.theme;
    list();
  }
  if (!listed_)
    hint_->setText(shown.prediction ? tr("The heads are being compared. This takes a moment.")
                                    : tr("Open a cloud and a checkpoint to compare the heads of its layers."));
  else if (!listed_->empty())
    hint_->setText(
        tr("Means over %1 of %2 points as queries%3; distances%4. A click on a row shows that layer and head.")
            .arg(whole(listed_->front().queries), whole(listed_->front().points),
                 listed_->size() < (shown.prediction ? shown.prediction->layers.size() : 0)
                     ? tr(", of the layers that are recorded")
                     : QString(),
                 shown.cloud && !shown.cloud->unit().empty()
                     ? tr(" in %1").arg(QString::fromStdString(shown.cloud->unit()))
                     : tr(" in the cloud's unit")));
  table_->setVisible(listed_ != nullptr);
  mark(state.query.layer, state.query.head);
}

void HeadsPanel::list() {
  const QSignalBlocker quiet(table_);
  table_->clear();
  marked_layer_ = -1;
  if (!listed_) return;
  QList<QTreeWidgetItem*> rows;
  for (const LayerGlance& layer : *listed_) {
    const bool gated = layer.kind == LayerKind::Nsa;
    Measures mean{};
    QList<QTreeWidgetItem*> heads;
    for (const HeadGlance& head : layer.heads) {
      const Measures numbers = measures_of(head, gated);
      for (std::size_t i = 0; i < mean.size(); ++i) mean[i] += numbers[i] / static_cast<double>(layer.heads.size());
      heads << make_row(layer.layer, head.head, numbers);
    }
    rows << make_row(layer.layer, -1, mean) << heads;
  }
  table_->addTopLevelItems(rows);
  tint();
}

// A column's cells are the fuller of colour the larger their number is among the heads.
void HeadsPanel::tint() {
  const QColor accent = palette().color(QPalette::Highlight);
  for (int column = first_measure; column < first_measure + measures; ++column) {
    double low = std::numeric_limits<double>::infinity(), high = -low;
    for (int row = 0; row < table_->topLevelItemCount(); ++row) {
      const double value = table_->topLevelItem(row)->data(column, value_role).toDouble();
      if (std::isnan(value)) continue;
      low = std::min(low, value);
      high = std::max(high, value);
    }
    for (int row = 0; row < table_->topLevelItemCount(); ++row) {
      const double value = table_->topLevelItem(row)->data(column, value_role).toDouble();
      if (std::isnan(value) || high <= low) continue;
      QColor colour = accent;
      colour.setAlphaF(static_cast<float>(0.42 * (value - low) / (high - low)));
      table_->topLevelItem(row)->setBackground(column, colour);
    }
  }
}

void HeadsPanel::mark(int layer, int head) {
  if (layer == marked_layer_ && head == marked_head_) return;
  const QSignalBlocker quiet(table_);
  marked_layer_ = layer;
  marked_head_ = head;
  for (int i = 0; i < table_->topLevelItemCount(); ++i) {
    QTreeWidgetItem* row = table_->topLevelItem(i);
    if (row->data(0, value_role).toInt() != layer || row->data(1, value_role).toInt() != head) continue;
    table_->setCurrentItem(row);
    table_->scrollToItem(row);
    return;
  }
  table_->setCurrentItem(nullptr);
}

QString HeadsPanel::text() const {
  return table_->text(false);
}

}  // namespace erwin::ui
