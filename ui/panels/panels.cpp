#include "ui/panels/panels.h"

#include <QComboBox>
#include <QHBoxLayout>
#include <QHeaderView>
#include <QLabel>
#include <QLocale>
#include <QPushButton>
#include <QSignalBlocker>
#include <QTreeWidget>
#include <QVBoxLayout>
#include <algorithm>

#include "ui/scene/legend_actors.h"

namespace erwin::ui {

namespace {

QString escaped(const std::string& text) {
  return QString::fromStdString(text).toHtmlEscaped();
}

QLabel* rich_label() {
  auto* label = new QLabel;
  label->setTextFormat(Qt::RichText);
  label->setWordWrap(true);
  label->setTextInteractionFlags(Qt::TextSelectableByMouse);
  label->setAlignment(Qt::AlignTop | Qt::AlignLeft);
  return label;
}

QString heading(const QString& text) {
  return "<p style='margin-bottom:2px'><b>" + text + "</b></p>";
}

QString number(double value) {
  return QString::number(value, 'g', 4);
}

QTreeWidget* table(const QStringList& columns) {
  auto* tree = new QTreeWidget;
  tree->setHeaderLabels(columns);
  tree->setRootIsDecorated(false);
  tree->setUniformRowHeights(true);
  tree->setAlternatingRowColors(true);
  tree->header()->setSectionResizeMode(QHeaderView::ResizeToContents);
  return tree;
}

QTreeWidgetItem* add_row(QTreeWidget* tree, const QStringList& cells) {
  auto* item = new QTreeWidgetItem(tree, cells);
  for (int column = 0; column < cells.size(); ++column)
    item->setTextAlignment(column, Qt::AlignRight | Qt::AlignVCenter);
  return item;
}

QString describe_cloud(const PointCloud& cloud) {
  const QLocale locale(QLocale::English);
  QString text = locale.toString(static_cast<qlonglong>(cloud.size())) + " points";
  if (cloud.frames() > 1) text += ", " + locale.toString(static_cast<qlonglong>(cloud.frames())) + " frames";
  text += "<br>" + escaped(cloud.source().format);
  const Bounds box = cloud.bounds();
  text += "<br>box ";
  for (std::size_t k = 0; k < 3; ++k)
    text += (k ? " × " : "") + QString::fromStdString(short_number(box.maximum[k] - box.minimum[k]));
  if (!cloud.unit().empty()) text += " " + escaped(cloud.unit());
  for (const Field& field : cloud.fields()) {
    text += "<br>" + escaped(field.name()) + ": " + QString::fromUtf8(name_of(field.kind()));
    if (const auto range = field.range(field.components() > 1 ? -1 : 0))
      text += ", " + number(range->minimum) + " … " + number(range->maximum);
    if (!field.unit().empty()) text += " " + escaped(field.unit());
  }
  for (const std::string& remark : cloud.source().remarks) text += "<br><i>" + escaped(remark) + "</i>";
  return text;
}

}  // namespace

Banner::Banner(QWidget* parent) : QFrame(parent), text_(new QLabel) {
  setObjectName("banner");
  setStyleSheet(
      "#banner { background: #8c2f1b; } #banner QLabel { color: #ffffff; } "
      "#banner QPushButton { color: #ffffff; background: #6d2414; border: 1px solid #ffffff; padding: 3px 12px; }");
  auto* layout = new QHBoxLayout(this);
  text_->setWordWrap(true);
  text_->setTextFormat(Qt::PlainText);
  text_->setTextInteractionFlags(Qt::TextSelectableByMouse);
  layout->addWidget(text_, 1);
  auto* close = new QPushButton(tr("Close"));
  connect(close, &QPushButton::clicked, this, &QWidget::hide);
  layout->addWidget(close);
  hide();
}

void Banner::show_failure(const Failure& failure) {
  QString text = QString::fromStdString(failure.message);
  if (!failure.detail.empty()) text += " (" + QString::fromStdString(failure.detail) + ")";
  if (!failure.hint.empty()) text += "\n" + QString::fromStdString(failure.hint);
  text_->setText(text);
  show();
}

QString Banner::text() const {
  return text_->text();
}

DataPanel::DataPanel(QWidget* parent)
    : QWidget(parent), samples_(new QComboBox), colours_(new QComboBox), cloud_(rich_label()), model_(rich_label()) {
  setMinimumWidth(230);
  auto* layout = new QVBoxLayout(this);
  auto* colour_label = new QLabel(tr("&Colour by"));
  colour_label->setBuddy(colours_);
  layout->addWidget(colour_label);
  layout->addWidget(colours_);
  layout->addWidget(samples_);
  layout->addWidget(cloud_);
  layout->addWidget(model_);
  layout->addStretch(1);
  samples_->setSizeAdjustPolicy(QComboBox::AdjustToMinimumContentsLengthWithIcon);
  connect(samples_, &QComboBox::textActivated, this, &DataPanel::sample_chosen);
  connect(colours_, &QComboBox::activated, this, [this](int row) {
    Q_EMIT colour_chosen(colours_->itemData(row, Qt::UserRole).toInt(),
                         colours_->itemData(row, Qt::UserRole + 1).toString());
  });
}

void DataPanel::fill_colours(const SceneData& shown, const SceneState& state) {
  const QSignalBlocker quiet(colours_);
  colours_->clear();
  const auto add = [&](const QString& text, ColourBy colour, const QString& field = {}) {
    colours_->addItem(text, static_cast<int>(colour));
    colours_->setItemData(colours_->count() - 1, field, Qt::UserRole + 1);
    if (colour == state.colour_by && (colour != ColourBy::Field || field.toStdString() == state.field))
      colours_->setCurrentIndex(colours_->count() - 1);
  };
  add(tr("Target"), ColourBy::Target);
  if (shown.prediction) {
    add(tr("Prediction"), ColourBy::Prediction);
    if (shown.prediction->field("error")) add(tr("Error"), ColourBy::Error);
  }
  add(tr("Balls of level %1").arg(state.level), ColourBy::Balls);
  if (shown.query) add(tr("Attention of the clicked point"), ColourBy::Attention);
  if (shown.cloud)
    for (const Field& field : shown.cloud->fields())
      add(tr("Field %1").arg(QString::fromStdString(field.name())), ColourBy::Field,
          QString::fromStdString(field.name()));
}

void DataPanel::show_all(const OpenedCloud* opened, const ModelInfo* model, const SceneData& shown,
                         const SceneState& state) {
  fill_colours(shown, state);
  const QSignalBlocker quiet(samples_);
  samples_->clear();
  if (opened)
    for (const std::string& name : opened->samples) samples_->addItem(QString::fromStdString(name));
  if (opened) samples_->setCurrentText(QString::fromStdString(opened->sample));
  samples_->setVisible(samples_->count() > 1);
  if (opened) cloud_->setText(heading(escaped(opened->sample)) + describe_cloud(*opened->cloud));
  if (!model) {
    model_->setText(heading(tr("No network")) + tr("Open or drop a checkpoint: it predicts this cloud at once."));
    return;
  }
  QString text = heading(escaped(name_of(model->config.kind))) + escaped(model->path) + "<br>" +
                 QLocale(QLocale::English).toString(static_cast<qlonglong>(model->parameters)) +
                 tr(" parameters, step ") + QString::number(model->step) + ", " + escaped(model->device) + "<br>" +
                 tr("predicts ") + escaped(model->target);
  if (shown.prediction) {
    text += "<br>" + tr("answered in ") + number(shown.prediction->seconds) + " s";
    if (const auto& metrics = shown.prediction->metrics)
      text += "<br>" + tr("relative L2 ") + number(metrics->relative_l2) + ", " + tr("mean absolute error ") +
              number(metrics->mae);
  }
  model_->setText(text);
}

QueryPanel::QueryPanel(QWidget* parent)
    : QWidget(parent),
      head_(rich_label()),
      gates_(rich_label()),
      blocks_(table({tr("rank"), tr("block"), tr("score"), tr("weight")})),
      top_(table({tr("point"), tr("weight")})) {
  setMinimumWidth(250);
  auto* layout = new QVBoxLayout(this);
  layout->addWidget(head_);
  layout->addWidget(gates_);
  layout->addWidget(new QLabel(tr("Selected blocks")));
  layout->addWidget(blocks_, 1);
  layout->addWidget(new QLabel(tr("Points it looks at most")));
  layout->addWidget(top_, 1);
  connect(top_, &QTreeWidget::itemActivated, this,
          [this](QTreeWidgetItem* item) { Q_EMIT point_chosen(item->data(0, Qt::UserRole).toLongLong()); });
}

void QueryPanel::show_query(const SceneData& shown, const SceneState& state) {
  blocks_->clear();
  top_->clear();
  gates_->clear();
  if (!shown.cloud || state.query.point < 0) {
    head_->setText(tr("Click a point to ask where it looks."));
    return;
  }
  QString text = heading(tr("Point %1").arg(shown.cloud->row_id(state.query.point)));
  if (const Field* field = shown_field(shown, state); field && field->components() == 1)
    text += escaped(field->name()) + " = " + number(field->value(state.query.point, 0, state.frame)) + " " +
            escaped(field->unit());
  if (!shown.query) {
    head_->setText(text + (shown.prediction ? QString() : "<br>" + tr("Load a checkpoint to see where it looks.")));
    return;
  }
  const QueryView& query = *shown.query;
  head_->setText(text + "<br>" + escaped(caption_of(query.layer)));
  const AttentionRow& row = query.row;
  QString gates;
  if (query.layer.kind == LayerKind::Nsa)
    gates = tr("gates: local %1, selected %2, compressed %3<br>")
                .arg(number(row.gate_local), number(row.gate_selected), number(row.gate_compressed));
  gates += tr("weight: local %1, selected %2, compressed %3, memory slot %4")
               .arg(number(row.local), number(row.selected_sum), number(row.compressed), number(row.memory));
  if (row.compressed > 0)
    gates += "<br><i>" + tr("a compressed weight is spread evenly over its block's points") + "</i>";
  gates_->setText(gates);
  for (const MarkedBlock& block : query.blocks) {
    auto* item = add_row(blocks_, {QString::number(block.rank), QString::number(block.block), number(block.score),
                                   number(block.weight)});
    const Rgb colour = rank_colour(block.rank, query.blocks.back().rank + 1, state.theme);
    item->setBackground(0, QColor(colour.r, colour.g, colour.b));
    item->setForeground(0, colour.g > 120 ? Qt::black : Qt::white);
  }
  for (const TopPoint& point : query.top)
    add_row(top_, {QString::number(shown.cloud->row_id(point.point)), number(point.weight)})
        ->setData(0, Qt::UserRole, static_cast<qlonglong>(point.point));
}

}  // namespace erwin::ui
