#include "ui/panels/training_panel.h"

#include <QCheckBox>
#include <QComboBox>
#include <QFileInfo>
#include <QFormLayout>
#include <QHBoxLayout>
#include <QIntValidator>
#include <QLabel>
#include <QLineEdit>
#include <QPushButton>
#include <QSignalBlocker>
#include <QVBoxLayout>
#include <cmath>

#include "ui/panels/loss_plot.h"
#include "ui/panels/panel_parts.h"

namespace erwin::ui {

namespace {

QString time_text(double seconds) {
  const auto total = static_cast<qint64>(std::llround(seconds));
  if (total < 60) return QObject::tr("%1 s").arg(total);
  if (total < 3600) return QObject::tr("%1 min").arg((total + 30) / 60);
  return QObject::tr("%1 h %2 min").arg(total / 3600).arg((total % 3600) / 60);
}

QString phase_text(RunPhase phase) {
  QString text = QString::fromUtf8(name_of(phase));
  text[0] = text[0].toUpper();
  return text;
}

Facts::Rows rows_of(const RunView& run) {
  Facts::Rows rows;
  rows.emplace_back(QObject::tr("Step"), QObject::tr("%1 of %2").arg(whole(run.step), whole(run.state.steps)));
  if (run.state.alive() && run.rate > 0)
    rows.emplace_back(QObject::tr("Rate"), QObject::tr("%1 steps per second").arg(run.rate, 0, 'g', 3));
  if (run.state.alive() && run.seconds_left >= 0)
    rows.emplace_back(QObject::tr("Time left"), time_text(run.seconds_left));
  if (run.memory > 0) rows.emplace_back(QObject::tr("Memory"), memory_text(run.memory));
  if (run.state.memory_predicted > 0)
    rows.emplace_back(QObject::tr("Predicted"),
                      QObject::tr("%1, with %2 free")
                          .arg(memory_text(run.state.memory_predicted), memory_text(run.state.memory_free)));
  if (!run.state.device.empty()) rows.emplace_back(QObject::tr("Runs on"), QString::fromStdString(run.state.device));
  if (!run.training.empty()) rows.emplace_back(QObject::tr("Loss"), number(run.training.back().loss));
  if (run.best)
    rows.emplace_back(QObject::tr("Best validation"),
                      QObject::tr("%1 at step %2").arg(number(run.best->score()), whole(run.best->step)));
  if (run.last_probe)
    rows.emplace_back(QObject::tr("Probes take"),
                      QObject::tr("%1 % of the time").arg(100 * run.last_probe->share, 0, 'f', 1));
  return rows;
}

}  // namespace

TrainingPanel::TrainingPanel(const QStringList& presets, QWidget* parent)
    : QWidget(parent),
      config_(new QComboBox),
      runs_(new QComboBox),
      data_(new QLineEdit),
      out_(new QLineEdit),
      steps_(new QLineEdit),
      probe_(new QCheckBox(tr("&Show it in the picture while it trains"))),
      state_(heading({})),
      problem_(plain_label()),
      facts_(new Facts),
      plot_(new LossPlot) {
  auto* layout = new QVBoxLayout(this);
  layout->setContentsMargins(10, 10, 10, 10);
  layout->setSpacing(6);
  layout->addWidget(make_start(presets));
  auto* line = new QHBoxLayout;
  line->addWidget(heading(tr("Run")));
  runs_->setObjectName("runs");
  runs_->setAccessibleName(tr("Run"));
  runs_->setSizeAdjustPolicy(QComboBox::AdjustToMinimumContentsLengthWithIcon);
  runs_->setToolTip(tr("Runs in the folder 'runs', and those chosen here"));
  line->addWidget(runs_, 1);
  auto* browse = new QPushButton(tr("Open…"));
  browse->setToolTip(tr("Watch a run in another folder"));
  line->addWidget(browse);
  layout->addLayout(line);
  layout->addWidget(state_);
  layout->addWidget(problem_);
  layout->addWidget(facts_);
  plot_->setObjectName("loss");
  layout->addWidget(plot_, 1);
  layout->addWidget(make_buttons());
  probe_->setObjectName("probe");
  probe_->setToolTip(tr("The run passes a sample through its weights now and then, in at most 5 % of its time"));
  layout->addWidget(probe_);
  connect(browse, &QPushButton::clicked, this, &TrainingPanel::browse_wanted);
  connect(runs_, &QComboBox::activated, this, [this](int row) { Q_EMIT run_chosen(runs_->itemData(row).toString()); });
  connect(probe_, &QCheckBox::toggled, this, &TrainingPanel::probe_wanted);
  show_run(nullptr);
}

QWidget* TrainingPanel::make_start(const QStringList& presets) {
  auto* part = new QWidget;
  auto* form = new QFormLayout(part);
  form->setContentsMargins(0, 0, 0, 8);
  form->setHorizontalSpacing(10);
  form->setFieldGrowthPolicy(QFormLayout::AllNonFixedFieldsGrow);
  config_->setEditable(true);
  config_->addItems(presets);
  config_->setObjectName("train-config");
  config_->setSizeAdjustPolicy(QComboBox::AdjustToMinimumContentsLengthWithIcon);
  config_->setToolTip(tr("A preset, or the path of a configuration"));
  data_->setObjectName("train-data");
  data_->setPlaceholderText(tr("manifest, folder or file"));
  out_->setObjectName("train-out");
  out_->setPlaceholderText(tr("a new folder in 'runs'"));
  steps_->setObjectName("train-steps");
  steps_->setPlaceholderText(tr("as the preset says"));
  steps_->setValidator(new QIntValidator(1, 1'000'000'000, steps_));
  start_ = new QPushButton(tr("Start training"));
  start_->setObjectName("train-start");
  start_->setProperty("role", "main");
  start_->setToolTip(tr("Train in a process of its own: it goes on when this window closes"));
  form->addRow(tr("Preset"), config_);
  form->addRow(tr("Data"), data_);
  form->addRow(tr("Folder"), out_);
  form->addRow(tr("Steps"), steps_);
  form->addRow(QString(), start_);
  connect(start_, &QPushButton::clicked, this, [this] { Q_EMIT start_wanted(start()); });
  return part;
}

QWidget* TrainingPanel::make_buttons() {
  auto* part = new QWidget;
  auto* grid = new QGridLayout(part);
  grid->setContentsMargins(0, 0, 0, 0);
  int place = 0;
  const auto add = [&](const char* name, const QString& text, const QString& tip) {
    auto* button = new QPushButton(text);
    button->setObjectName(name);
    button->setToolTip(tip);
    grid->addWidget(button, place / 3, place % 3);
    ++place;
    return button;
  };
  pause_ = add("train-pause", tr("Pause"), tr("Wait after this step, or go on"));
  step_ = add("train-step", tr("Step"), tr("One step, while it is paused"));
  save_ = add("train-save", tr("Save"), tr("Write a checkpoint now"));
  stop_ = add("train-stop", tr("Stop"), tr("Finish the step, save and end; the run can be resumed"));
  open_ = add("train-open", tr("Open model"), tr("Open the newest checkpoint of the run in this window"));
  const auto request = [this](Request what) { return [this, what] { Q_EMIT request_wanted(static_cast<int>(what)); }; };
  connect(pause_, &QPushButton::clicked, this, [this] {
    if (resumes_process_)
      Q_EMIT resume_wanted();
    else
      Q_EMIT request_wanted(static_cast<int>(pause_->text() == tr("Resume") ? Request::Resume : Request::Pause));
  });
  connect(step_, &QPushButton::clicked, this, request(Request::Step));
  connect(save_, &QPushButton::clicked, this, request(Request::Save));
  connect(stop_, &QPushButton::clicked, this, request(Request::Stop));
  connect(open_, &QPushButton::clicked, this, &TrainingPanel::checkpoint_wanted);
  return part;
}

TrainingStart TrainingPanel::start() const {
  return {config_->currentText().trimmed(), data_->text().trimmed(), out_->text().trimmed(), steps_->text().trimmed()};
}

void TrainingPanel::set_probing(bool on) {
  probe_->setChecked(on);
}

void TrainingPanel::suggest_data(const QString& path) {
  if (data_->text() == suggested_) data_->setText(path);
  suggested_ = path;
}

void TrainingPanel::show_runs(const QStringList& runs) {
  const QSignalBlocker quiet(runs_);
  const QString shown = runs_->currentData().toString();
  runs_->clear();
  for (const QString& run : runs) runs_->addItem(QFileInfo(run).fileName(), run);
  runs_->setCurrentIndex(runs_->findData(shown));
}

void TrainingPanel::show_run(const RunView* run) {
  const QSignalBlocker quiet(runs_);
  if (run) {
    const QString path = QString::fromStdString(run->root.string());
    if (runs_->findData(path) < 0) runs_->insertItem(0, QFileInfo(path).fileName(), path);
    runs_->setCurrentIndex(runs_->findData(path));
    runs_->setToolTip(path);
  } else {
    runs_->setCurrentIndex(-1);
  }
  QString state = tr("No run is watched"), problem;
  if (run && run->exists)
    state = phase_text(run->state.phase);
  else if (run)
    state = run->start_failed.empty() ? tr("Starting…") : tr("It did not start");
  if (run) {
    problem = QString::fromStdString(run->start_failed.empty() ? run->problem : run->start_failed);
    if (!run->state.error.empty())
      problem = QString::fromStdString(run->state.error + (run->state.hint.empty() ? "" : "\n" + run->state.hint));
  }
  state_->setText(state);
  problem_->setText(problem);
  problem_->setVisible(!problem.isEmpty());
  const bool there = run && run->exists;
  facts_->show_rows(there ? rows_of(*run) : Facts::Rows{});
  plot_->show_losses(there ? run->training : std::vector<LossPoint>{},
                     there ? run->validation : std::vector<LossPoint>{});
  show_buttons(there ? run : nullptr);
}

// What can be asked of a run, its state knows.
void TrainingPanel::show_buttons(const RunView* run) {
  const bool alive = run && run->state.alive();
  const bool waits = run && run->state.can_resume();
  resumes_process_ = run && !alive && run->step < run->state.steps;
  pause_->setText(waits || resumes_process_ ? tr("Resume") : tr("Pause"));
  pause_->setEnabled(waits || resumes_process_ || (run && run->state.can_pause()));
  step_->setEnabled(run && run->state.can_step());
  save_->setEnabled(alive);
  stop_->setEnabled(run && run->state.can_stop());
  open_->setEnabled(run);
  probe_->setEnabled(alive);
}

}  // namespace erwin::ui
