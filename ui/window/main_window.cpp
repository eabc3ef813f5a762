#include "ui/window/main_window.h"

#include <QAction>
#include <QApplication>
#include <QCloseEvent>
#include <QDockWidget>
#include <QDragEnterEvent>
#include <QLabel>
#include <QMenu>
#include <QMimeData>
#include <QPlainTextEdit>
#include <QProgressBar>
#include <QPushButton>
#include <QScrollBar>
#include <QSplitter>
#include <QStackedLayout>
#include <QStatusBar>
#include <QStyle>
#include <QTimer>
#include <QVBoxLayout>
#include <utility>

#include "core/base/log.h"
#include "ui/panels/appearance_panel.h"
#include "ui/panels/banner.h"
#include "ui/panels/data_panel.h"
#include "ui/panels/histogram_panel.h"
#include "ui/panels/legend_bar.h"
#include "ui/panels/panel_parts.h"
#include "ui/panels/query_panel.h"
#include "ui/panels/tree_panel.h"
#include "ui/panels/welcome.h"
#include "ui/scene/scene_view.h"
#include "ui/window/actions.h"
#include "ui/window/theme.h"

namespace erwin::ui {

namespace {

constexpr const char* seen_property = "seen";

}  // namespace

MainWindow::MainWindow(const Settings& settings, QWidget* parent)
    : QMainWindow(parent),
      settings_(settings),
      engine_(std::make_unique<Engine>()),
      io_(std::make_unique<IoThread>(*engine_)) {
  setWindowTitle("ErwinScope");
  setAcceptDrops(true);
  resize(1400, 880);
  actions_ = new Actions(*this);
  make_picture();
  make_panels();
  make_training();
  make_attention_panels();
  make_tree_panels();
  make_session();
  make_what_if();
  make_attribution();
  make_status_bar();
  connect_panels();
  make_actions();
  answer_.setSingleShot(true);
  connect(&answer_, &QTimer::timeout, this, &MainWindow::refresh);
  connect(&session_, &Session::changed, this, &MainWindow::follow);
  connect(qApp, &QApplication::focusChanged, this, [this](QWidget*, QWidget* now) { mark_focus(now); });
  listen();
  QString remark;
  restore(settings_.read(&remark));
  if (!remark.isEmpty()) say(remark);
  apply_theme();
  refresh();
}

MainWindow::~MainWindow() {
  disconnect(qApp, nullptr, this, nullptr);  // children that still have the keyboard give it up when they go
  set_log_listener({});
  engine_->mailbox().set_listener({});
  io_->mailbox().set_listener({});
  io_.reset();  // joins; it may still feed the engine
  engine_.reset();
}

// Snapshots and lines of the log wake the GUI thread; it takes the newest when it comes round.
void MainWindow::listen() {
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
}

void MainWindow::make_picture() {
  auto* centre = new QWidget;
  auto* layout = new QVBoxLayout(centre);
  layout->setContentsMargins(0, 0, 0, 0);
  layout->setSpacing(0);
  layout->addWidget(banner_ = new Banner);
  frame_ = new QFrame;
  frame_->setObjectName("pictureFrame");
  layout->addWidget(pictures_ = new QSplitter(Qt::Horizontal), 1);
  pictures_->setChildrenCollapsible(false);
  pictures_->addWidget(left_ = new QSplitter(Qt::Vertical));
  left_->setChildrenCollapsible(false);
  left_->addWidget(frame_);
  layout->addWidget(legend_bar_ = new LegendBar);
  legend_bar_->hide();
  // The welcome lies over the picture instead of replacing it: the OpenGL widget keeps its context.
  auto* over = new QStackedLayout(frame_);
  over->setStackingMode(QStackedLayout::StackAll);
  over->setContentsMargins(2, 2, 2, 2);
  over->addWidget(view_ = new SceneView);
  over->addWidget(welcome_ = new Welcome);
  over->setCurrentWidget(welcome_);
  setCentralWidget(centre);
  view_->setAccessibleName(tr("Picture"));
}

bool MainWindow::is_seen(const char* dock) const {
  return docks_.at(dock)->property(seen_property).toBool();
}

QDockWidget* MainWindow::add_dock(const char* action, const QString& title, QWidget* content, Qt::DockWidgetArea area) {
  auto* dock = new QDockWidget(title);
  dock->setObjectName(QString::fromUtf8(action));
  dock->setWidget(content);
  addDockWidget(area, dock);
  docks_[action] = dock;
  connect(dock, &QDockWidget::visibilityChanged, dock, [dock](bool seen) { dock->setProperty(seen_property, seen); });
  return dock;
}

void MainWindow::make_panels() {
  setDockOptions(QMainWindow::AnimatedDocks | QMainWindow::AllowTabbedDocks | QMainWindow::AllowNestedDocks);
  // The side panels are the taller ones.
  setCorner(Qt::BottomLeftCorner, Qt::LeftDockWidgetArea);
  setCorner(Qt::BottomRightCorner, Qt::RightDockWidgetArea);
  setTabPosition(Qt::RightDockWidgetArea, QTabWidget::North);
  setTabPosition(Qt::BottomDockWidgetArea, QTabWidget::North);
  log_ = new QPlainTextEdit;
  log_->setReadOnly(true);
  log_->setTabChangesFocus(true);
  log_->setMaximumBlockCount(1000);
  log_->setAccessibleName(tr("Log"));
  add_dock("panel-data", tr("Data and model"), new PanelScroll(data_panel_ = new DataPanel), Qt::LeftDockWidgetArea);
  QDockWidget* query =
      add_dock("panel-query", tr("Query"), new PanelScroll(query_panel_ = new QueryPanel), Qt::RightDockWidgetArea);
  QDockWidget* appearance = add_dock("panel-appearance", tr("Appearance"),
                                     new PanelScroll(appearance_panel_ = new AppearancePanel), Qt::RightDockWidgetArea);
  QDockWidget* tree = add_dock("panel-tree", tr("Tree"), tree_panel_ = new TreePanel, Qt::RightDockWidgetArea);
  QDockWidget* histogram =
      add_dock("panel-histogram", tr("Histogram"), histogram_panel_ = new HistogramPanel, Qt::BottomDockWidgetArea);
  QDockWidget* log = add_dock("panel-log", tr("Log"), log_, Qt::BottomDockWidgetArea);
  tabifyDockWidget(query, appearance);
  tabifyDockWidget(appearance, tree);
  tabifyDockWidget(histogram, log);
  query->raise();
  histogram->raise();
}

// Only a window that is shown has a size to share out among its docks.
void MainWindow::showEvent(QShowEvent* event) {
  QMainWindow::showEvent(event);
  if (std::exchange(shared_out_, true) || !settings_.read().layout.isEmpty()) return;
  QTimer::singleShot(0, this, [this] {
    const auto dock = [this](const char* name) { return findChild<QDockWidget*>(name); };
    resizeDocks({dock("panel-data"), dock("panel-query")}, {290, 340}, Qt::Horizontal);
    resizeDocks({dock("panel-histogram")}, {150}, Qt::Vertical);
  });
}

void MainWindow::connect_panels() {
  connect(view_, &SceneView::point_clicked, this, [this](qint64 point) { click_picture(0, point); });
  connect(view_, &SceneView::camera_moved, this, [this](const Camera& camera) { share_camera(view_, camera); });
  connect(view_, &SceneView::points_chosen, this,
          [this](const std::vector<std::int64_t>& points) { choose_points(points); });
  connect(view_, &SceneView::state_edited, this, [this](const SceneState& edited) { take_edit(view_, edited); });
  connect(view_, &SceneView::drawing_changed, this, [this](qint64 drawn, qint64 total) {
    drawn_ = drawn;
    drawable_ = total;
    show_progress();
    show_histogram();
    show_legend_bar();
  });
  connect(data_panel_, &DataPanel::sample_chosen, this,
          [this](const QString& name) { attempt([&] { open_sample(name); }); });
  connect(data_panel_, &DataPanel::colour_chosen, this,
          [this](int value, const QString& field) { colour_by(static_cast<ColourBy>(value), field.toStdString()); });
  connect(data_panel_, &DataPanel::run_wanted, this, &MainWindow::predict);
  connect(data_panel_, &DataPanel::checkpoint_wanted, this, &MainWindow::choose_file);
  connect(data_panel_, &DataPanel::run_settings_chosen, this, [this](const QString& device, int precision) {
    configure({device.toStdString(), static_cast<Precision>(precision)});
  });
  connect(query_panel_, &QueryPanel::point_chosen, this, [this](qint64 point) { ask(point); });
  connect(query_panel_, &QueryPanel::block_chosen, this, [this](int row) {
    if (data_.query && row < static_cast<int>(data_.query->blocks.size()))
      view_->fly_to(data_.query->blocks[static_cast<std::size_t>(row)].points);
  });
  connect(query_panel_, &QueryPanel::id_typed, this, [this](qint64 id) { attempt([&] { ask_id(id); }); });
  connect(appearance_panel_, &AppearancePanel::option_chosen, this,
          [this](const QString& name, const QString& text, bool continuous) {
            attempt([&] { set_option(name.toStdString(), text.toStdString(), continuous); });
            refresh();  // what was refused shows its old value again
          });
  connect(tree_panel_, &TreePanel::level_chosen, this, [this](int level) {
    SceneState next = state();
    next.level = level;
    change(next);
  });
  connect(histogram_panel_, &HistogramPanel::range_chosen, this, [this](double low, double high) {
    SceneState next = state();
    next.range = FieldRange{low, high};
    change(next);
  });
  connect(histogram_panel_, &HistogramPanel::whole_range_wanted, this, [this] {
    SceneState next = state();
    next.range.reset();
    change(next);
  });
  connect(welcome_, &Welcome::open_wanted, this, &MainWindow::choose_file);
  connect(welcome_, &Welcome::own_sample_chosen, this, &MainWindow::open_own_sample);
  connect(welcome_, &Welcome::path_chosen, this, [this](const QString& cloud, const QString& model) {
    open(cloud);
    if (!model.isEmpty()) open(model);
  });
}

void MainWindow::make_status_bar() {
  statusBar()->addWidget(status_ = new QLabel, 1);
  statusBar()->addPermanentWidget(progress_ = new QProgressBar);
  statusBar()->addPermanentWidget(cancel_ = new QPushButton(tr("Cancel")));
  cancel_->setToolTip(tr("Stop what runs (Esc)"));
  progress_->setMaximumWidth(180);
  progress_->setTextVisible(false);
  progress_->setAccessibleName(tr("Progress"));
  connect(cancel_, &QPushButton::clicked, this, &MainWindow::cancel);
}

QAction* MainWindow::action(const QString& name) const {
  return actions_->get(name);
}

void MainWindow::restore(const Remembered& remembered) {
  if (!remembered.geometry.isEmpty()) restoreGeometry(remembered.geometry);
  if (!remembered.layout.isEmpty()) restoreState(remembered.layout);
  recent_ = remembered.recent;
  Moment first = session_.now();
  first.look = remembered.look;
  first.run = remembered.run;
  session_.amend(first);
  engine_->configure(remembered.run);
  welcome_->show_recent(recent_);
}

void MainWindow::remember() const {
  Remembered values;
  values.geometry = saveGeometry();
  values.layout = saveState();
  values.recent = recent_;
  values.run = session_.now().run;
  values.look = session_.now().look;
  settings_.write(values);
}

void MainWindow::apply_theme() {
  const Theme theme = session_.now().look.theme;
  QApplication::setPalette(window_palette(theme));
  qApp->setStyleSheet(window_style(theme));
  banner_->set_theme(theme);
}

// A frame around the picture says that the keyboard is there.
void MainWindow::mark_focus(const QWidget* focused) {
  const bool there = focused == view_;
  if (frame_->property("focused").toBool() == there) return;
  frame_->setProperty("focused", there);
  frame_->style()->unpolish(frame_);
  frame_->style()->polish(frame_);
}

void MainWindow::say(const QString& text) {
  log_->appendPlainText(text);
  log_->verticalScrollBar()->setValue(log_->verticalScrollBar()->maximum());
}

void MainWindow::closeEvent(QCloseEvent* event) {
  remember();
  keep_session(true);
  QMainWindow::closeEvent(event);
}

void MainWindow::dragEnterEvent(QDragEnterEvent* event) {
  if (event->mimeData()->hasUrls()) event->acceptProposedAction();
}

void MainWindow::dropEvent(QDropEvent* event) {
  for (const QUrl& url : event->mimeData()->urls())
    if (url.isLocalFile()) open(url.toLocalFile());
  event->acceptProposedAction();
}

}  // namespace erwin::ui
