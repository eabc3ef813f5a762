// Training in the window: runs are processes of their own, started, watched and steered through their directories.

#include <QAction>
#include <QApplication>
#include <QDir>
#include <QDockWidget>
#include <QFileDialog>
#include <QFileInfo>
#include <QProcess>
#include <QTemporaryFile>
#include <algorithm>
#include <utility>

#include "core/base/error.h"
#include "core/config/config.h"
#include "core/train/probe_file.h"
#include "ui/panels/panel_parts.h"
#include "ui/panels/training_panel.h"
#include "ui/window/actions.h"
#include "ui/window/live_probe.h"
#include "ui/window/main_window.h"
#include "ui/window/run_monitor.h"

namespace erwin::ui {

namespace {

// The answer of a record to a question; null where the record does not hold the layer.
std::shared_ptr<const QueryView> answer(const Tap& tap, const QueryRequest& request, const Job& job) {
  if (request.point < 0 || request.point >= tap.point_count) return nullptr;
  for (const LayerTap& layer : tap.layers)
    if (layer.layer == request.layer && layer.has_qkv())
      return std::make_shared<const QueryView>(make_query_view(tap, request, job));
  return nullptr;
}

}  // namespace

void MainWindow::make_training() {
  QStringList presets;
  for (const std::string& name : preset_names()) presets << QString::fromStdString(name);
  QDockWidget* dock = add_dock("panel-training", tr("Training"),
                               new PanelScroll(training_panel_ = new TrainingPanel(presets)), Qt::LeftDockWidgetArea);
  tabifyDockWidget(docks_.at("panel-data"), dock);
  docks_.at("panel-data")->raise();
  setTabPosition(Qt::LeftDockWidgetArea, QTabWidget::North);
  monitor_ = new RunMonitor(this);
  connect(monitor_, &RunMonitor::changed, this, &MainWindow::show_run);
  connect(monitor_, &RunMonitor::found, training_panel_, &TrainingPanel::show_runs);
  connect(dock, &QDockWidget::visibilityChanged, this, [this](bool visible) {
    if (visible) monitor_->find("runs");
  });
  connect(training_panel_, &TrainingPanel::start_wanted, this,
          [this](const TrainingStart& start) { attempt([&] { start_training(start); }); });
  connect(training_panel_, &TrainingPanel::run_chosen, this, &MainWindow::watch_run);
  connect(training_panel_, &TrainingPanel::browse_wanted, this, [this] { action("train-watch")->trigger(); });
  connect(training_panel_, &TrainingPanel::request_wanted, this,
          [this](int request) { send_request(static_cast<Request>(request)); });
  connect(training_panel_, &TrainingPanel::resume_wanted, this, &MainWindow::resume_training);
  connect(training_panel_, &TrainingPanel::probe_wanted, this, &MainWindow::follow_probes);
  connect(training_panel_, &TrainingPanel::checkpoint_wanted, this,
          [this] { open(QString::fromStdString(RunLayout(monitor_->watched()).last().string())); });
}

void MainWindow::make_training_actions() {
  actions_->on("train-start", [this] { attempt([this] { start_training(training_panel_->start()); }); });
  actions_->on("train-watch", [this] {
    const QString path = QFileDialog::getExistingDirectory(this, tr("Watch a training run"));
    if (!path.isEmpty()) watch_run(path);
  });
  actions_->on("train-pause", [this] { pause_training(); });
  actions_->on("train-step", [this] { send_request(Request::Step); });
  actions_->on("train-save", [this] { send_request(Request::Save); });
  actions_->on("train-stop", [this] { send_request(Request::Stop); });
  actions_->on("train-probe", [this] { training_panel_->set_probing(!follows_probes_); });
}

void MainWindow::start_training(const TrainingStart& start) {
  if (start.data.isEmpty())
    throw Error(ErrorKind::Config, "there is nothing to train on", "the field Data is empty",
                "Open a data set, or give its manifest, folder or file");
  const std::string config = start.config.toStdString();
  find_config(config);  // raises what a wrong name deserves, before any process starts
  const std::filesystem::path run = start.out.isEmpty() ? fresh_run_path(std::filesystem::path(config).stem().string())
                                                        : std::filesystem::path(start.out.toStdString());
  const QString out = QString::fromStdString(std::filesystem::absolute(run).string());
  QStringList arguments{"train", start.config, "--data", QFileInfo(start.data).absoluteFilePath(), "--out", out};
  if (!start.steps.isEmpty()) arguments << "--steps" << start.steps;
  start_process(arguments, out);
}

void MainWindow::resume_training() {
  const QString run = QString::fromStdString(monitor_->watched().string());
  if (!run.isEmpty()) start_process({"train", "--resume", run}, run);
}

// Detached: whatever becomes of this window, the run goes on.
void MainWindow::start_process(const QStringList& arguments, const QString& run) {
  QTemporaryFile file(QDir::tempPath() + "/erwinscope-train-XXXXXX.log");
  file.setAutoRemove(false);
  if (!file.open())
    throw Error(ErrorKind::Io, "no file can be made for the run's messages", file.fileTemplate().toStdString());
  QProcess process;
  process.setProgram(QApplication::applicationFilePath());
  process.setArguments(arguments);
  process.setStandardInputFile(QProcess::nullDevice());
  process.setStandardOutputFile(file.fileName(), QIODevice::Append);
  process.setStandardErrorFile(file.fileName(), QIODevice::Append);
  qint64 id = 0;
  if (!process.startDetached(&id))
    throw Error(ErrorKind::Io, "the training process cannot be started", process.errorString().toStdString());
  say(tr("training in %1 (process %2)").arg(run).arg(id));
  monitor_->watch_start(run.toStdString(), id, file.fileName().toStdString());
}

void MainWindow::watch_run(const QString& path) {
  live_ = nullptr;
  probe_read_.clear();
  monitor_->watch(QFileInfo(path).absoluteFilePath().toStdString());
}

void MainWindow::pause_training() {
  const auto run = monitor_->view();
  if (!run) return;
  if (run->state.can_resume())
    send_request(Request::Resume);
  else if (run->state.can_pause())
    send_request(Request::Pause);
  else if (run->exists)
    resume_training();
}

void MainWindow::send_request(Request request) {
  monitor_->send(request);
}

void MainWindow::follow_probes(bool on) {
  follows_probes_ = on;
  if (!on) {
    monitor_->send(ProbeRequest{{}, false, {}, 0});
    live_ = nullptr;
    derive();
    refresh();
    return;
  }
  ask_for_probe();
}

// The open sample, in the layer that is looked at.
void MainWindow::ask_for_probe() {
  if (!follows_probes_ || !opened_) return;
  ProbeRequest request;
  request.sample = opened_->sample;
  request.layers = {session_.selection().layer};
  monitor_->send(request);
}

void MainWindow::show_run() {
  const auto run = monitor_->view();
  training_panel_->show_run(run.get());
  if (!run || !follows_probes_ || run->probe.empty() || run->probe.string() == probe_read_) return;
  probe_read_ = run->probe.string();
  read_probe(probe_read_);
}

void MainWindow::read_probe(const std::string& path) {
  io_->read("reading what the run sees", [this, path, asked = state().query, cloud = data_.cloud](const Job& job) {
    const Probe probe = load_probe(path);
    auto prediction = std::make_shared<Prediction>();
    prediction->cloud = cloud;
    prediction->fields = probe.fields;
    for (const LayerTap& layer : probe.tap->layers) prediction->layers.push_back(describe(layer));
    auto live = std::make_shared<LiveProbe>();
    live->step = probe.step;
    live->share = probe.share;
    live->sample = probe.sample;
    live->tap = probe.tap;
    live->query = answer(*probe.tap, asked, job);
    live->prediction = prediction;
    QMetaObject::invokeMethod(
        this,
        [this, live] {
          live_ = live;
          derive();
          refresh();
        },
        Qt::QueuedConnection);
  });
}

// Another question to the record that is there.
void MainWindow::ask_probe() {
  if (!live_ || !follows_probes_) return;
  io_->read("looking where the point looks", [this, asked = state().query, from = live_](const Job& job) {
    auto live = std::make_shared<LiveProbe>(*from);
    live->query = answer(*from->tap, asked, job);
    QMetaObject::invokeMethod(
        this,
        [this, live] {
          if (!live_ || live->step < live_->step) return;
          live_ = live;
          derive();
          refresh();
        },
        Qt::QueuedConnection);
  });
}

bool MainWindow::shows_probe() const {
  return live_ && data_.prediction == live_->prediction;
}

// What the run sees takes the place of the window's own network's answers, where it is about the cloud that is shown.
bool MainWindow::derive_probe() {
  if (!follows_probes_ || !live_ || live_->prediction->cloud != data_.cloud || live_->sample != opened_->sample)
    return false;
  const auto& fields = live_->prediction->fields;
  if (std::any_of(fields.begin(), fields.end(), [&](const Field& f) { return f.points() != data_.cloud->size(); }))
    return false;
  data_.prediction = live_->prediction;
  if (live_->query && live_->query->request == state().query) data_.query = live_->query;
  return true;
}

}  // namespace erwin::ui
