#include "ui/panels/welcome.h"

#include <QCommandLinkButton>
#include <QFileInfo>
#include <QLabel>
#include <QPushButton>
#include <QScrollArea>
#include <QVBoxLayout>
#include <functional>

#include "ui/panels/panel_parts.h"

namespace erwin::ui {

namespace {

void clear(QVBoxLayout* list) {
  while (QLayoutItem* item = list->takeAt(0)) {
    if (item->widget()) item->widget()->deleteLater();
    delete item;
  }
}

}  // namespace

Welcome::Welcome(QWidget* parent)
    : QFrame(parent), last_(new QVBoxLayout), samples_(new QVBoxLayout), recent_(new QVBoxLayout) {
  setObjectName("welcome");
  setAutoFillBackground(true);
  auto* outer = new QVBoxLayout(this);
  outer->setContentsMargins(0, 0, 0, 0);
  auto* scroll = new QScrollArea;
  scroll->setWidgetResizable(true);
  scroll->setFrameShape(QFrame::NoFrame);
  outer->addWidget(scroll);
  auto* page = new QWidget;
  scroll->setWidget(page);
  auto* centred = new QHBoxLayout(page);
  auto* column = new QWidget;
  column->setMaximumWidth(620);
  centred->addStretch(1);
  centred->addWidget(column, 8);
  centred->addStretch(1);
  auto* layout = new QVBoxLayout(column);
  layout->setContentsMargins(24, 32, 24, 24);
  layout->setSpacing(8);
  auto* title = new QLabel(tr("See where the model looks"));
  title->setProperty("role", "title");
  layout->addWidget(title);
  auto* text =
      plain_label(tr("Open a point cloud and a checkpoint, or drop them here. Then click a point: the blocks "
                     "it selected and its attention light up."));
  text->setProperty("role", "faint");
  layout->addWidget(text);
  auto* open = new QPushButton(tr("Open…"));
  open->setObjectName("welcome-open");
  open->setProperty("role", "main");
  open->setToolTip(tr("Open a cloud, a data set or a checkpoint (Ctrl+O)"));
  connect(open, &QPushButton::clicked, this, &Welcome::open_wanted);
  layout->addSpacing(4);
  layout->addWidget(open, 0, Qt::AlignLeft);
  layout->addLayout(last_);
  layout->addSpacing(12);
  layout->addWidget(heading(tr("Samples that come with the program")));
  samples_->setSpacing(6);
  layout->addLayout(samples_);
  recent_part_ = new QWidget;
  auto* recent = new QVBoxLayout(recent_part_);
  recent->setContentsMargins(0, 12, 0, 0);
  recent->addWidget(heading(tr("Recent")));
  recent_->setSpacing(6);
  recent->addLayout(recent_);
  layout->addWidget(recent_part_);
  layout->addStretch(1);
  show_samples({});
  show_recent({});
}

void Welcome::add_choice(QVBoxLayout* list, const QString& title, const QString& text, const QString& name,
                         std::function<void()> what) {
  auto* button = new QCommandLinkButton(title, text);
  button->setObjectName(name);
  button->setIcon({});
  connect(button, &QCommandLinkButton::clicked, this, std::move(what));
  list->addWidget(button);
}

void Welcome::show_samples(const std::vector<ShippedSample>& samples) {
  clear(samples_);
  int index = 0;
  for (const ShippedSample& sample : samples) {
    const QString path = QString::fromStdString(sample.data.string());
    const QString model = QString::fromStdString(sample.model.string());
    add_choice(samples_, QString::fromStdString(sample.title), QString::fromStdString(sample.description),
               QStringLiteral("sample-%1").arg(index++), [this, path, model] { Q_EMIT path_chosen(path, model); });
  }
  if (samples.empty())
    add_choice(samples_, tr("Made-up car"), tr("4,096 points that the program makes itself; pressure"), "sample-own",
               [this] { Q_EMIT own_sample_chosen(); });
}

void Welcome::show_last(const QString& text) {
  clear(last_);
  last_->setContentsMargins(0, 8, 0, 0);
  add_choice(last_, tr("Go on where you were"), text, "last-session", [this] { Q_EMIT last_session_wanted(); });
}

void Welcome::show_recent(const QStringList& recent) {
  clear(recent_);
  recent_part_->setVisible(!recent.isEmpty());
  int index = 0;
  for (const QString& path : recent.mid(0, 5)) {
    const QFileInfo info(path);
    add_choice(recent_, info.fileName(), info.absolutePath(), QStringLiteral("recent-%1").arg(index++),
               [this, path] { Q_EMIT path_chosen(path, {}); });
  }
}

}  // namespace erwin::ui
