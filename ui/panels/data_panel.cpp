#include "ui/panels/data_panel.h"

#include <QComboBox>
#include <QFileInfo>
#include <QFormLayout>
#include <QHBoxLayout>
#include <QHeaderView>
#include <QLabel>
#include <QPushButton>
#include <QSignalBlocker>
#include <QVBoxLayout>
#include <algorithm>

#include "ui/panels/panel_parts.h"

namespace erwin::ui {

namespace {

Facts::Rows cloud_rows(const PointCloud& cloud) {
  Facts::Rows rows{{QObject::tr("Points"), whole(cloud.size())}};
  if (cloud.frames() > 1) rows.emplace_back(QObject::tr("Frames"), whole(cloud.frames()));
  const Bounds box = cloud.bounds();
  QString size;
  for (std::size_t k = 0; k < static_cast<std::size_t>(cloud.dimension()); ++k)
    size += (k ? " × " : "") + QString::number(box.maximum[k] - box.minimum[k], 'g', 3);
  rows.emplace_back(QObject::tr("Size"), size + " " + QString::fromStdString(cloud.unit()));
  const std::size_t cells = cloud.cells().triangles.size() / 3 + cloud.cells().quads.size() / 4;
  if (cells > 0) rows.emplace_back(QObject::tr("Faces"), whole(static_cast<std::int64_t>(cells)));
  rows.emplace_back(QObject::tr("Format"), QString::fromStdString(cloud.source().format));
  return rows;
}

QString model_title(const ModelConfig& config) {
  switch (config.kind) {
    case ModelKind::Erwin:
      return "Erwin";
    case ModelKind::ErwinNsa:
      return "Erwin-NSA";
    default:
      return QString::fromUtf8(name_of(config.kind));
  }
}

// Of a record, what the explorer shows of networks of ours.
QString missing_in(const Prediction& recorded) {
  QStringList missing;
  for (const char* name : {"prediction", "target"})
    if (!recorded.field(name)) missing << QString::fromUtf8(name);
  const auto none = [&](const auto& holds) {
    return std::none_of(recorded.layers.begin(), recorded.layers.end(), holds);
  };
  if (none([](const LayerInfo& layer) {
        return layer.ball_size > 0 && layer.slots && layer.ball_size < layer.slots->slots();
      }))
    missing << QObject::tr("balls");
  if (none([](const LayerInfo& layer) { return layer.kind == LayerKind::Nsa; }))
    missing << QObject::tr("selected blocks") << QObject::tr("gates");
  return missing.isEmpty() ? QObject::tr("nothing") : missing.join(", ");
}

}  // namespace

DataPanel::DataPanel(QWidget* parent)
    : QWidget(parent),
      cloud_name_(heading({})),
      remarks_(plain_label()),
      model_name_(heading({})),
      model_hint_(plain_label(tr("Open or drop a checkpoint: it predicts this cloud at once."))),
      samples_(new QComboBox),
      device_(new QComboBox),
      precision_(new QComboBox),
      cloud_facts_(new Facts),
      model_facts_(new Facts) {
  setMinimumWidth(230);
  auto* layout = new QVBoxLayout(this);
  layout->setContentsMargins(10, 10, 10, 10);
  layout->setSpacing(6);
  cloud_name_->setWordWrap(true);
  layout->addWidget(cloud_name_);
  samples_->setSizeAdjustPolicy(QComboBox::AdjustToMinimumContentsLengthWithIcon);
  samples_->setMinimumContentsLength(12);
  samples_->setAccessibleName(tr("Sample"));
  samples_->setToolTip(tr("Sample of the data set"));
  layout->addWidget(samples_);
  layout->addWidget(cloud_facts_);
  remarks_->setProperty("role", "faint");
  layout->addWidget(remarks_);
  layout->addWidget(colour_part_ = make_colours(), 1);
  layout->addWidget(make_model());
  layout->addStretch(0);
  connect(samples_, &QComboBox::textActivated, this, &DataPanel::sample_chosen);
}

QWidget* DataPanel::make_colours() {
  auto* part = new QWidget;
  auto* layout = new QVBoxLayout(part);
  layout->setContentsMargins(0, 8, 0, 0);
  layout->setSpacing(6);
  layout->addWidget(heading(tr("Colour by")));
  colours_ = new Table({tr("Field"), tr("Values")});
  colours_->setObjectName("colours");
  colours_->setAccessibleName(tr("Colour by"));
  colours_->setSelectionMode(QAbstractItemView::SingleSelection);
  colours_->setHeaderHidden(true);
  colours_->header()->setSectionResizeMode(0, QHeaderView::ResizeToContents);
  colours_->setAlternatingRowColors(false);
  colours_->setMinimumHeight(120);
  layout->addWidget(colours_, 1);
  connect(colours_, &QTreeWidget::currentItemChanged, this, [this](QTreeWidgetItem* item) {
    const int row = item ? colours_->indexOfTopLevelItem(item) : -1;
    if (row < 0 || row >= static_cast<int>(choices_.size())) return;
    const ColourChoice& choice = choices_[static_cast<std::size_t>(row)];
    Q_EMIT colour_chosen(static_cast<int>(choice.by), QString::fromStdString(choice.field));
  });
  return part;
}

QHBoxLayout* DataPanel::make_run_buttons() {
  auto* buttons = new QHBoxLayout;
  run_ = new QPushButton(tr("Predict"));
  run_->setObjectName("run");
  run_->setProperty("role", "main");
  run_->setToolTip(tr("Run the network on this cloud (Ctrl+R)"));
  load_ = new QPushButton(tr("Open checkpoint…"));
  buttons->addWidget(run_);
  buttons->addWidget(load_);
  buttons->addStretch(1);
  connect(run_, &QPushButton::clicked, this, &DataPanel::run_wanted);
  connect(load_, &QPushButton::clicked, this, &DataPanel::checkpoint_wanted);
  return buttons;
}

QWidget* DataPanel::make_model() {
  auto* part = new QWidget;
  auto* layout = new QVBoxLayout(part);
  layout->setContentsMargins(0, 8, 0, 0);
  layout->setSpacing(6);
  layout->addWidget(model_name_);
  layout->addWidget(model_hint_);
  layout->addLayout(make_run_buttons());
  auto* form = new QFormLayout;
  form->setHorizontalSpacing(10);
  // Which devices there are is the engine's knowledge, and asking Torch takes time: any name can be typed.
  device_->setEditable(true);
  device_->setObjectName("device");
  device_->addItems({"auto", "cpu", "cuda:0"});
  device_->setToolTip(tr("Where the network runs: auto takes a GPU where there is one"));
  precision_->setObjectName("precision");
  precision_->setToolTip(tr("Numbers the network computes with"));
  for (const Precision precision : all_precisions())
    precision_->addItem(QString::fromUtf8(name_of(precision)), static_cast<int>(precision));
  form->addRow(tr("Device"), device_);
  form->addRow(tr("Precision"), precision_);
  layout->addLayout(form);
  layout->addWidget(model_facts_);
  const auto chosen = [this] {
    Q_EMIT run_settings_chosen(device_->currentText().trimmed(), precision_->currentData().toInt());
  };
  connect(device_, &QComboBox::textActivated, this, chosen);
  connect(precision_, &QComboBox::activated, this, chosen);
  return part;
}

void DataPanel::fill_colours(const SceneData& shown, const SceneState& state) {
  const QSignalBlocker quiet(colours_);
  const auto choices = colour_choices(shown, state);
  if (choices.size() != choices_.size()) {
    colours_->clear();
    for (std::size_t i = 0; i < choices.size(); ++i) colours_->add_row({{}, {}}, 1);
  }
  choices_ = choices;
  colour_part_->setVisible(!choices_.empty());
  const QColor faint = palette().color(QPalette::PlaceholderText);
  for (std::size_t i = 0; i < choices_.size(); ++i) {
    QTreeWidgetItem* item = colours_->topLevelItem(static_cast<int>(i));
    item->setText(0, choices_[i].text);
    item->setText(1, choices_[i].values);
    item->setForeground(1, faint);
    for (const int column : {0, 1}) item->setToolTip(column, choices_[i].tip);
  }
  const int row = shown_choice(choices_, state);
  colours_->setCurrentItem(row < 0 ? nullptr : colours_->topLevelItem(row));
}

void DataPanel::show_cloud(const OpenedCloud* opened, const SceneData& shown, const SceneState& state) {
  const QSignalBlocker quiet(samples_);
  QStringList names;
  if (opened)
    for (const std::string& name : opened->samples) names << QString::fromStdString(name);
  QStringList listed;
  for (int i = 0; i < samples_->count(); ++i) listed << samples_->itemText(i);
  if (listed != names) {
    samples_->clear();
    samples_->addItems(names);
  }
  if (opened) samples_->setCurrentText(QString::fromStdString(opened->sample));
  samples_->setVisible(names.size() > 1);
  cloud_name_->setText(opened ? QString::fromStdString(opened->sample) : tr("No cloud"));
  if (const PointCloudPtr cloud = opened ? opened->cloud : nullptr; cloud != listed_) {
    listed_ = cloud;  // its box takes a look at every point
    cloud_facts_->show_rows(cloud ? cloud_rows(*cloud) : Facts::Rows{});
  }
  QString remarks;
  if (opened)
    for (const std::string& remark : opened->cloud->source().remarks)
      remarks += (remarks.isEmpty() ? "" : "\n") + QString::fromStdString(remark);
  remarks_->setText(remarks);
  remarks_->setVisible(!remarks.isEmpty());
  fill_colours(shown, state);
}

void DataPanel::show_model(const ModelInfo* model, const SceneData& shown, const RunSettings& settings,
                           const std::optional<MemoryNeed>& memory, bool busy) {
  const bool recorded = model && model->is_record;
  model_name_->setText(recorded ? tr("Attention record")
                       : model  ? tr("%1 network").arg(model_title(model->config))
                                : tr("No network"));
  model_hint_->setText(recorded
                           ? tr("Read-only: what was recorded can be asked. What needs the network itself (another "
                                "cloud, what-if, attribution) cannot.")
                           : tr("Open or drop a checkpoint: it predicts this cloud at once."));
  model_hint_->setVisible(!model || recorded);
  Facts::Rows rows;
  if (recorded) {
    rows.emplace_back(tr("File"), QFileInfo(QString::fromStdString(model->path)).fileName());
    rows.emplace_back(tr("Written by"),
                      model->generator.empty() ? tr("not said") : QString::fromStdString(model->generator));
    if (shown.prediction) rows.emplace_back(tr("Layers"), whole(std::ssize(shown.prediction->layers)));
    if (shown.prediction) rows.emplace_back(tr("It lacks"), missing_in(*shown.prediction));
  } else if (model) {
    rows.emplace_back(tr("File"), QFileInfo(QString::fromStdString(model->path)).fileName());
    if (!model->target.empty()) rows.emplace_back(tr("Predicts"), QString::fromStdString(model->target));
    rows.emplace_back(tr("Parameters"), whole(model->parameters));
    rows.emplace_back(tr("Trained"), model->step > 0 ? tr("%1 steps").arg(whole(model->step)) : tr("not at all"));
    rows.emplace_back(tr("Runs on"), QString::fromStdString(model->device));
    if (memory)
      rows.emplace_back(tr("Memory"),
                        tr("about %1, with %2 free").arg(memory_text(memory->needed), memory_text(memory->free)));
    if (shown.prediction) {
      rows.emplace_back(tr("Took"), tr("%1 s").arg(shown.prediction->seconds, 0, 'g', 3));
      if (const auto& metrics = shown.prediction->metrics) {
        rows.emplace_back(tr("Relative error"), tr("%1 %").arg(100 * metrics->relative_l2, 0, 'f', 1));
        rows.emplace_back(tr("Mean error"), number(metrics->mae));
      }
    }
  }
  model_facts_->show_rows(rows);
  const QSignalBlocker quiet_device(device_), quiet_precision(precision_);
  if (!device_->hasFocus()) device_->setCurrentText(QString::fromStdString(settings.device));
  precision_->setCurrentIndex(precision_->findData(static_cast<int>(settings.precision)));
  run_->setEnabled(model && !recorded && shown.cloud && !busy);
}

}  // namespace erwin::ui
