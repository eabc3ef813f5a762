#include "ui/panels/attribution_panel.h"

#include <QApplication>
#include <QCheckBox>
#include <QClipboard>
#include <QComboBox>
#include <QFormLayout>
#include <QHBoxLayout>
#include <QHeaderView>
#include <QLabel>
#include <QPushButton>
#include <QSignalBlocker>
#include <QSpinBox>
#include <QVBoxLayout>
#include <cmath>

#include "ui/panels/bar_cells.h"
#include "ui/panels/deletion_plot.h"
#include "ui/panels/panel_parts.h"
#include "ui/scene/tree_nodes.h"

namespace erwin::ui {

namespace {

// As narrow as a column: small numbers have many zeros to say.
QString brief(double value) {
  return std::isfinite(value) ? QString::number(value, 'g', std::abs(value) < 1e-3 ? 2 : 3) : QStringLiteral("–");
}

QString correlation_text(const Attribution& result) {
  if (result.blocks.empty())
    return QObject::tr("This layer selects no blocks, so none can be taken away to check the contributions.");
  return QObject::tr(
             "Spearman's rank correlation with the measured change: contribution %1; attention %2 (with its size). "
             "1: the same order, 0: none.")
      .arg(brief(result.contribution_correlation), brief(result.attention_correlation));
}

}  // namespace

AttributionPanel::AttributionPanel(QWidget* parent)
    : QWidget(parent),
      hint_(plain_label()),
      branches_title_(heading(tr("Parts of the prediction"))),
      blocks_title_(heading(tr("Blocks"))),
      curves_title_(heading(tr("Deletion curves"))),
      note_(plain_label()),
      knock_out_(new QComboBox),
      all_layers_(new QCheckBox(tr("in all layers of the same tree"))),
      component_(new QSpinBox),
      run_(new QPushButton(tr("Attribute"))),
      copy_(new QPushButton(tr("Copy CSV"))),
      colour_(new QPushButton(tr("Colour"))),
      branches_(new Table({tr("part"), tr("contribution")})),
      blocks_(new Table({tr("block"), tr("contrib."), tr("attention"), tr("measured")})),
      plot_(new DeletionPlot) {
  setMinimumWidth(250);
  auto* layout = new QVBoxLayout(this);
  layout->setContentsMargins(10, 10, 10, 10);
  layout->setSpacing(6);
  layout->addWidget(hint_);
  layout->addWidget(form_part_ = make_form());
  branches_->setObjectName("attribution-branches");
  branches_->setAccessibleName(branches_title_->text());
  branches_->headerItem()->setToolTip(
      1, tr("First order: a . out, with a = d prediction / d out of this layer at the point, split by branch. The "
            "remainder is the prediction minus the layer's share"));
  blocks_->setObjectName("attribution-blocks");
  blocks_->setAccessibleName(blocks_title_->text());
  blocks_->setSelectionMode(QAbstractItemView::SingleSelection);
  blocks_->setMinimumHeight(150);
  blocks_->setToolTip(tr("A click marks the block in the picture; double-click, or Enter: fly there"));
  const char* tips[] = {"Block of the layer's own tree",
                        "Contribution: sum over its keys j and the branches b of a . (g_b P_b[i,j] v_j Wout), in the "
                        "target's unit",
                        "Attention A of the point, summed over the block, mean over the heads",
                        "Measured: prediction minus the prediction with the block really taken away"};
  for (int column = 0; column < 4; ++column) blocks_->headerItem()->setToolTip(column, tr(tips[column]));
  for (Table* table : {branches_, blocks_}) {
    table->setItemDelegate(new BarCells(table));
    table->setUniformRowHeights(true);
  }
  blocks_->header()->setSectionResizeMode(0, QHeaderView::ResizeToContents);  // numbers need the room more than ids
  branches_->header()->setDefaultAlignment(Qt::AlignRight | Qt::AlignVCenter);
  layout->addWidget(branches_title_);
  layout->addWidget(branches_);
  layout->addWidget(blocks_title_);
  layout->addWidget(blocks_, 1);
  layout->addWidget(note_);
  layout->addWidget(curves_title_);
  layout->addWidget(plot_);
  layout->addStretch(0);
  connect(blocks_, &QTreeWidget::currentItemChanged, this, [this](QTreeWidgetItem* item) {
    if (item) Q_EMIT block_marked(item->text(0).toInt());
  });
  connect(blocks_, &QTreeWidget::itemActivated, this,
          [this](QTreeWidgetItem* item) { Q_EMIT block_chosen(item->text(0).toInt()); });
}

QWidget* AttributionPanel::make_form() {
  auto* part = new QWidget;
  auto* form = new QFormLayout(part);
  form->setContentsMargins(0, 0, 0, 0);
  form->setHorizontalSpacing(10);
  knock_out_->addItem(tr("from its own selection"), static_cast<int>(KnockOut::Selection));
  knock_out_->addItem(tr("from every branch and query"), static_cast<int>(KnockOut::Everywhere));
  knock_out_->setToolTip(
      tr("What it means to take a block away: it leaves the selection of the point's own block, and "
         "the next best is not promoted; or it is a key for nobody"));
  component_->setToolTip(tr("Component of the prediction, from 0"));
  form->addRow(tr("Taken"), knock_out_);
  form->addRow(QString(), all_layers_);
  form->addRow(tr("Component"), component_);
  auto* line = new QHBoxLayout;
  run_->setObjectName("attribute");
  run_->setProperty("role", "main");
  run_->setToolTip(tr("Split the prediction of the queried point, and take the 32 largest blocks away one by one (A)"));
  copy_->setToolTip(tr("All numbers as comma-separated values"));
  colour_->setToolTip(tr("Colour the points by their contribution"));
  line->addWidget(run_);
  line->addWidget(colour_);
  line->addWidget(copy_);
  line->addStretch(1);
  form->addRow(line);
  connect(run_, &QPushButton::clicked, this, &AttributionPanel::wanted);
  connect(copy_, &QPushButton::clicked, this, [this] { QApplication::clipboard()->setText(csv()); });
  connect(colour_, &QPushButton::clicked, this, [this] { Q_EMIT colour_wanted(contribution_field); });
  return part;
}

AttributionRequest AttributionPanel::request(const SceneState& state) const {
  AttributionRequest request;
  request.point = state.query.point;
  request.layer = state.query.layer;
  request.component = component_->isVisibleTo(this) ? component_->value() : 0;
  request.knock_out = static_cast<KnockOut>(knock_out_->currentData().toInt());
  request.all_layers = all_layers_->isChecked();
  return request;
}

void AttributionPanel::show_attribution(const SceneData& shown, const SceneState& state, bool busy) {
  const bool ready = shown.prediction && shown.prediction->tree && !shown.prediction->fields.empty();
  const bool asked = ready && state.query.point >= 0;
  const AttributionView* view = asked ? shown.attribution.get() : nullptr;
  hint_->setText(!ready   ? tr("Open a cloud and a checkpoint to ask where a prediction comes from.")
                 : !asked ? tr("Click a point in the picture to ask where its prediction comes from.")
                 : view   ? tr("Point %1, %2, in %3 s. A first-order split, checked by taking blocks away.")
                              .arg(whole(shown.cloud->row_id(state.query.point)),
                                   QString::fromStdString("layer " + std::to_string(view->result.request.layer)),
                                   number(view->seconds))
                        : tr("Attribute splits the prediction at point %1 over the branches and blocks of layer %2, "
                             "and then really takes the largest blocks away.")
                              .arg(whole(shown.cloud->row_id(state.query.point)))
                              .arg(state.query.layer));
  form_part_->setVisible(asked);
  run_->setEnabled(!busy);
  const int components = ready ? shown.prediction->fields.front().components() : 1;
  component_->setMaximum(components - 1);
  static_cast<QFormLayout*>(form_part_->layout())->setRowVisible(component_, components > 1);
  copy_->setEnabled(view);
  colour_->setEnabled(view);
  const auto wanted = asked ? shown.attribution : nullptr;
  if (wanted != listed_) {
    listed_ = wanted;
    list();
  }
  const bool blocks = listed_ && !listed_->result.blocks.empty();
  for (QWidget* part :
       {static_cast<QWidget*>(branches_title_), static_cast<QWidget*>(branches_), static_cast<QWidget*>(note_)})
    part->setVisible(listed_ != nullptr);
  for (QWidget* part : {static_cast<QWidget*>(blocks_title_), static_cast<QWidget*>(blocks_),
                        static_cast<QWidget*>(curves_title_), static_cast<QWidget*>(plot_)})
    part->setVisible(blocks);
  mark(shown_block(state));
}

void AttributionPanel::list() {
  const QSignalBlocker quiet(blocks_);
  branches_->clear();
  blocks_->clear();
  marked_ = -1;
  hovered_ = -1;
  if (!listed_) return;
  const Attribution& result = listed_->result;
  const Contribution& parts = result.contribution;
  const QString unit = listed_->unit.empty() ? QString() : " " + QString::fromStdString(listed_->unit);
  const auto part = [&](const QString& name, double value) {
    QTreeWidgetItem* item = branches_->add_row({name, {}}, 1);
    BarCells::set(item, 1, value, number(value) + unit);
    return item;
  };
  part(tr("Local branch"), parts.local_sum);
  if (!result.blocks.empty() || parts.compressed_sum != 0 || parts.selected_sum != 0) {
    part(tr("Compressed branch"), parts.compressed_sum);
    part(tr("Selected branch"), parts.selected_sum);
    part(tr("Memory slot"), parts.memory);
  }
  if (parts.bias != 0) part(tr("Bias"), parts.bias);
  part(tr("Remainder"), result.remainder)
      ->setToolTip(0,
                   tr("Prediction minus the layer's share: everything that does not go through this layer's own row"));
  BarCells::scale(branches_, 1, true);
  QTreeWidgetItem* whole_one = part(tr("Prediction"), result.prediction);
  QFont bold = whole_one->font(0);
  bold.setBold(true);
  for (const int column : {0, 1}) whole_one->setFont(column, bold);
  branches_->setFixedHeight(branches_->header()->sizeHint().height() +
                            branches_->topLevelItemCount() * branches_->sizeHintForRow(0) + 6);
  for (const AttributedBlock& block : result.blocks) {
    QTreeWidgetItem* item = blocks_->add_row({QString::number(block.block), {}, {}, {}});
    BarCells::set(item, 1, block.contribution, brief(block.contribution));
    BarCells::set(item, 2, block.attention, brief(block.attention));
    BarCells::set(item, 3, block.measured, brief(block.measured));
  }
  BarCells::scale(blocks_, 1, true);
  BarCells::scale(blocks_, 2, false);
  BarCells::scale(blocks_, 3, true);
  blocks_title_->setText(tr("%1 blocks, largest contribution first").arg(std::ssize(result.blocks)));
  note_->setText(correlation_text(result));
  plot_->show_curves(result.curves, QString::fromStdString(listed_->unit));
}

void AttributionPanel::mark(int block) {
  if (block == marked_) return;
  const QSignalBlocker quiet(blocks_);
  marked_ = block;
  for (int row = 0; row < blocks_->topLevelItemCount(); ++row) {
    QTreeWidgetItem* item = blocks_->topLevelItem(row);
    if (item->text(0).toInt() != block) continue;
    blocks_->setCurrentItem(item);
    blocks_->scrollToItem(item);
    return;
  }
  blocks_->setCurrentItem(nullptr);
}

void AttributionPanel::hover_block(std::int64_t block) {
  if (block == hovered_) return;
  hovered_ = block;
  for (int row = 0; row < blocks_->topLevelItemCount(); ++row) {
    QTreeWidgetItem* item = blocks_->topLevelItem(row);
    QFont font = item->font(0);
    font.setBold(item->text(0).toLongLong() == block);
    item->setFont(0, font);
    item->setBackground(0, font.bold() ? palette().brush(QPalette::Mid) : QBrush());
  }
}

QString AttributionPanel::csv() const {
  return listed_ ? QString::fromStdString(csv_of(*listed_)) : QString();
}

}  // namespace erwin::ui
