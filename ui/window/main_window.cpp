#include "ui/window/main_window.h"

#include <QAction>
#include <QApplication>
#include <QDockWidget>
#include <QDragEnterEvent>
#include <QFileDialog>
#include <QLabel>
#include <QMenuBar>
#include <QMimeData>
#include <QPlainTextEdit>
#include <QProgressBar>
#include <QPushButton>
#include <QScrollArea>
#include <QStatusBar>
#include <QVBoxLayout>
#include <algorithm>
#include <utility>

#include "core/base/log.h"
#include "ui/panels/panels.h"
#include "ui/scene/scene_view.h"

namespace erwin::ui {

MainWindow::MainWindow(QWidget* parent)
    : QMainWindow(parent), engine_(std::make_unique<Engine>()), io_(std::make_unique<IoThread>(*engine_)) {
  setWindowTitle("ErwinScope");
  setAcceptDrops(true);
  resize(1400, 880);
  make_panels();
  make_actions();
  apply_theme();
  // Snapshots wake the GUI thread; it takes the newest when it comes round.
  const auto wake = [this] {
    QMetaObject::invokeMethod(
        this, [this] { receive(); }, Qt::QueuedConnection);
  };
  engine_->mailbox().set_listener(wake);
  io_->mailbox().set_listener(wake);
  set_log_listener([this](LogLevel, std::string_view text) {
    QMetaObject::invokeMethod(
        this, [this, line = QString::fromUtf8(text.data(), static_cast<int>(text.size()))] { say(line); },
        Qt::QueuedConnection);
  });
  refresh();
}

MainWindow::~MainWindow() {
  set_log_listener({});
  engine_->mailbox().set_listener({});
  io_->mailbox().set_listener({});
  io_.reset();  // joins; it may still feed the engine
  engine_.reset();
}

void MainWindow::make_panels() {
  auto* centre = new QWidget;
  auto* layout = new QVBoxLayout(centre);
  layout->setContentsMargins(0, 0, 0, 0);
  layout->setSpacing(0);
  layout->addWidget(banner_ = new Banner);
  layout->addWidget(view_ = new SceneView, 1);
  setCentralWidget(centre);
  connect(view_, &SceneView::point_clicked, this, [this](qint64 point) { ask(point); });
  connect(view_, &SceneView::state_edited, this, [this](const SceneState& edited) {
    SceneState state = state_;
    state.query = edited.query;
    state.level = edited.level;
    state.dim = edited.dim;
    change(state);
  });

  const auto dock = [this](const QString& title, QWidget* content, Qt::DockWidgetArea area) {
    auto* holder = new QDockWidget(title);
    holder->setObjectName(title);
    holder->setWidget(content);
    addDockWidget(area, holder);
    return holder;
  };
  auto* scroll = new QScrollArea;
  scroll->setWidgetResizable(true);
  scroll->setFrameShape(QFrame::NoFrame);
  scroll->setWidget(data_panel_ = new DataPanel);
  scroll->setMinimumWidth(250);
  QDockWidget* left = dock(tr("Data and model"), scroll, Qt::LeftDockWidgetArea);
  QDockWidget* right = dock(tr("Query"), query_panel_ = new QueryPanel, Qt::RightDockWidgetArea);
  log_ = new QPlainTextEdit;
  log_->setReadOnly(true);
  log_->setMaximumBlockCount(1000);
  QDockWidget* below = dock(tr("Log"), log_, Qt::BottomDockWidgetArea);
  resizeDocks({left, right}, {270, 270}, Qt::Horizontal);
  resizeDocks({below}, {90}, Qt::Vertical);
  connect(data_panel_, &DataPanel::sample_chosen, this, &MainWindow::open_sample);
  connect(data_panel_, &DataPanel::colour_chosen, this,
          [this](int value, const QString& field) { colour_by(static_cast<ColourBy>(value), field.toStdString()); });
  connect(query_panel_, &QueryPanel::point_chosen, this, [this](qint64 point) { ask(point); });

  statusBar()->addWidget(status_ = new QLabel, 1);
  statusBar()->addPermanentWidget(progress_ = new QProgressBar);
  statusBar()->addPermanentWidget(cancel_ = new QPushButton(tr("Cancel")));
  progress_->setMaximumWidth(180);
  progress_->setTextVisible(false);
  connect(cancel_, &QPushButton::clicked, this, &MainWindow::cancel);
}

QAction* MainWindow::add_action(QMenu* menu, const char* name, const QString& text, const QString& shortcut,
                                std::function<void()> what) {
  QAction* made = menu->addAction(text);
  made->setObjectName(name);
  made->setShortcut(QKeySequence(shortcut));
  connect(made, &QAction::triggered, this, std::move(what));
  addAction(made);
  return made;
}

void MainWindow::make_actions() {
  QMenu* file = menuBar()->addMenu(tr("&File"));
  add_action(file, "open", tr("&Open cloud or checkpoint…"), "Ctrl+O", [this] { choose_file(); });
  add_action(file, "save-picture", tr("&Save picture…"), "Ctrl+S", [this] { save_picture(); });
  add_action(file, "quit", tr("&Quit"), "Ctrl+Q", [this] { close(); });
  QMenu* colour = menuBar()->addMenu(tr("&Colour"));
  add_action(colour, "colour-target", tr("&Target"), "1", [this] { colour_by(ColourBy::Target); });
  add_action(colour, "colour-prediction", tr("&Prediction"), "2", [this] { colour_by(ColourBy::Prediction); });
  add_action(colour, "colour-error", tr("&Error"), "3", [this] { colour_by(ColourBy::Error); });
  add_action(colour, "colour-balls", tr("&Balls of a level"), "4", [this] { colour_by(ColourBy::Balls); });
  add_action(colour, "colour-attention", tr("&Attention of the clicked point"), "5",
             [this] { colour_by(ColourBy::Attention); });
  QMenu* view = menuBar()->addMenu(tr("&View"));
  add_action(view, "level-down", tr("Coarser balls"), "[", [this] { step_level(-1); });
  add_action(view, "level-up", tr("Finer balls"), "]", [this] { step_level(1); });
  add_action(view, "layer-previous", tr("Previous layer"), ",", [this] { step_layer(-1); });
  add_action(view, "layer-next", tr("Next layer"), ".", [this] { step_layer(1); });
  view->addSeparator();
  add_action(view, "fit", tr("&Fit"), "F", [this] { view_->look("iso"); });
  const std::pair<const char*, const char*> sides[] = {{"front", "Shift+1"}, {"left", "Shift+2"},
                                                       {"top", "Shift+3"},   {"back", "Shift+4"},
                                                       {"right", "Shift+5"}, {"bottom", "Shift+6"}};
  for (const auto& [side, key] : sides)
    add_action(view, side, tr("From %1").arg(side), key, [this, from = std::string(side)] { view_->look(from); });
  view->addSeparator();
  add_action(view, "theme", tr("&Light or dark"), "T", [this] {
    SceneState state = state_;
    state.theme = state.theme == Theme::Dark ? Theme::Light : Theme::Dark;
    change(state);
  });
  add_action(view, "legend", tr("L&egend"), "L", [this] {
    SceneState state = state_;
    state.legend = !state.legend;
    change(state);
  });
  QMenu* run = menuBar()->addMenu(tr("&Run"));
  add_action(run, "predict", tr("&Predict"), "Ctrl+R", [this] { predict(); });
  add_action(run, "cancel", tr("&Cancel"), "Esc", [this] { cancel(); });
  add_action(run, "clear-query", tr("C&lear query"), "Backspace", [this] { ask(-1); });
}

QAction* MainWindow::action(const QString& name) const {
  return findChild<QAction*>(name);
}

void MainWindow::choose_file() {
  const QString path = QFileDialog::getOpenFileName(this, tr("Open cloud or checkpoint"));
  if (!path.isEmpty()) open(path);
}

void MainWindow::save_picture() {
  const QString path = QFileDialog::getSaveFileName(this, tr("Save picture"), "erwinscope.png", tr("PNG (*.png)"));
  if (path.isEmpty()) return;
  try {
    write_png(path.toStdString(), view_->picture());
    say(tr("wrote %1").arg(path));
  } catch (const Error& error) {
    show_failure({0, error.kind(), error.message(), error.detail(), error.hint()});
  }
}

void MainWindow::open(const QString& path) {
  say(tr("opening %1").arg(path));
  io_->open(path.toStdString());
}

void MainWindow::open_own_sample() {
  io_->open_own_sample();
}

void MainWindow::open_sample(const QString& name) {
  if (opened_ && !opened_->path.empty()) io_->open(opened_->path, name.toStdString());
}

void MainWindow::predict() {
  if (data_.cloud) engine_->predict(data_.cloud, state_.frame);
}

void MainWindow::cancel() {
  io_->cancel();
  engine_->cancel();
}

void MainWindow::ask(std::int64_t point) {
  SceneState state = state_;
  state.query.point = point;
  change(state);
}

void MainWindow::colour_by(ColourBy value, const std::string& field) {
  SceneState state = state_;
  state.colour_by = value;
  state.field = field;
  state.range.reset();
  change(state);
}

void MainWindow::change(const SceneState& state) {
  const bool asked = state.query != state_.query;
  const bool theme = state.theme != state_.theme;
  state_ = state;
  if (theme) apply_theme();
  if (asked) engine_->query(state_.query);
  // An answer to another question must not stand beside this one.
  if (asked && state_.query.point < 0) data_.query = nullptr;
  if (data_.query && data_.query->request.point != state_.query.point) data_.query = nullptr;
  refresh();
}

void MainWindow::step_level(int by) {
  if (!data_.tree) return;
  SceneState state = state_;
  state.level = std::clamp(state.level + by, 0, std::max(0, static_cast<int>(data_.tree->levels.size()) - 1));
  state.colour_by = ColourBy::Balls;
  change(state);
}

void MainWindow::step_layer(int by) {
  if (!data_.prediction || data_.prediction->layers.empty()) return;
  SceneState state = state_;
  state.query.layer = std::clamp(state.query.layer + by, 0, data_.prediction->layers.back().layer);
  change(state);
}

void MainWindow::receive() {
  receive_io();
  receive_engine();
}

void MainWindow::receive_io() {
  const auto snapshot = io_->mailbox().take();
  if (!snapshot) return;
  io_progress_ = snapshot->progress;
  show_progress();
  if (snapshot->failure && snapshot->failure->serial != io_failure_) {
    io_failure_ = snapshot->failure->serial;
    show_failure(*snapshot->failure);
  }
  if (snapshot->opened == opened_) return;
  opened_ = snapshot->opened;
  data_ = {opened_->cloud, opened_->tree, opened_->target, nullptr, nullptr};
  state_.query.point = -1;
  state_.frame = 0;
  state_.range.reset();
  if (state_.colour_by != ColourBy::Balls) state_.colour_by = ColourBy::Target;
  state_.level = std::min(state_.level, static_cast<int>(opened_->tree->levels.size()) - 1);
  view_->set_pick_tree(opened_->tree);
  refresh();
  view_->look("iso");
  banner_->hide();
  say(tr("%1: %2 points").arg(QString::fromStdString(opened_->sample)).arg(opened_->cloud->size()));
  if (model_) predict();
}

void MainWindow::receive_engine() {
  const auto snapshot = engine_->mailbox().take();
  if (!snapshot) return;
  engine_progress_ = snapshot->progress;
  show_progress();
  if (snapshot->failure && snapshot->failure->serial != engine_failure_) {
    engine_failure_ = snapshot->failure->serial;
    show_failure(*snapshot->failure);
  }
  if (snapshot->model != model_) {
    model_ = snapshot->model;
    state_.query.layer = 0;
    state_.query.head = -1;
    banner_->hide();
    say(tr("network %1").arg(QString::fromStdString(model_->path)));
    predict();
  }
  // An answer for a cloud that is no longer shown is not shown.
  const auto prediction =
      snapshot->prediction && snapshot->prediction->cloud == data_.cloud ? snapshot->prediction : nullptr;
  const bool fresh = prediction && prediction != data_.prediction;
  const bool first = fresh && !data_.prediction;
  data_.prediction = prediction;
  if (opened_) data_.tree = prediction ? prediction->tree : opened_->tree;
  data_.query = prediction && snapshot->query && snapshot->query->request == state_.query ? snapshot->query : nullptr;
  if (fresh) {
    say(tr("predicted in %1 s").arg(prediction->seconds, 0, 'g', 3));
    state_.level = std::min(state_.level, static_cast<int>(data_.tree->levels.size()) - 1);
    if (first && state_.colour_by == ColourBy::Target) state_.colour_by = ColourBy::Prediction;
    if (state_.query.point >= 0) engine_->query(state_.query);
  }
  refresh();
}

void MainWindow::show_progress() {
  const Progress& shown = engine_progress_.busy ? engine_progress_ : io_progress_;
  progress_->setVisible(shown.busy);
  cancel_->setVisible(shown.busy);
  status_->setText(shown.busy ? QString::fromStdString(shown.what) : QString());
  progress_->setRange(0, shown.fraction < 0 ? 0 : 1000);
  if (shown.fraction >= 0) progress_->setValue(static_cast<int>(1000 * shown.fraction));
}

void MainWindow::show_failure(const Failure& failure) {
  if (failure.kind == ErrorKind::Cancelled) {
    say(tr("cancelled"));
    return;
  }
  failure_ = failure;
  banner_->show_failure(failure);
  say(banner_->text());
}

std::optional<Failure> MainWindow::take_failure() {
  return std::exchange(failure_, std::nullopt);
}

bool MainWindow::idle() {
  // In this order: the I/O thread may feed the engine, and receiving may post new work.
  const bool resting = io_->idle() && engine_->idle();
  receive();
  return resting && io_->idle() && engine_->idle();
}

void MainWindow::refresh() {
  state_.title = opened_ ? opened_->sample : std::string();
  if (data_.query)
    state_.title += ", point " + std::to_string(data_.cloud->row_id(data_.query->request.point)) + ", " +
                    caption_of(data_.query->layer);
  view_->show_scene(data_, state_);
  data_panel_->show_all(opened_.get(), model_.get(), data_, state_);
  query_panel_->show_query(data_, state_);
}

void MainWindow::apply_theme() {
  QPalette palette;
  if (state_.theme == Theme::Dark) {
    const QColor window(32, 36, 43), base(24, 27, 33), text(226, 229, 235);
    palette = QPalette(window);
    for (const auto role : {QPalette::WindowText, QPalette::Text, QPalette::ButtonText, QPalette::ToolTipText})
      palette.setColor(role, text);
    palette.setColor(QPalette::Base, base);
    palette.setColor(QPalette::AlternateBase, QColor(29, 33, 40));
    palette.setColor(QPalette::Highlight, QColor(0, 114, 178));
    palette.setColor(QPalette::PlaceholderText, QColor(150, 156, 168));
  } else {
    palette = QPalette(QColor(238, 239, 241));
    palette.setColor(QPalette::Base, Qt::white);
    palette.setColor(QPalette::Highlight, QColor(0, 114, 178));
  }
  palette.setColor(QPalette::HighlightedText, Qt::white);
  QApplication::setPalette(palette);
}

void MainWindow::say(const QString& text) {
  log_->appendPlainText(text);
}

void MainWindow::dragEnterEvent(QDragEnterEvent* event) {
  if (event->mimeData()->hasUrls()) event->acceptProposedAction();
}

void MainWindow::dropEvent(QDropEvent* event) {
  for (const QUrl& url : event->mimeData()->urls())
    if (url.isLocalFile()) open(url.toLocalFile());
}

}  // namespace erwin::ui
