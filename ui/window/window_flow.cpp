// What comes from the working threads, and what follows from a change of the session.

#include <QAction>
#include <QLabel>
#include <QProgressBar>
#include <QPushButton>
#include <QTimer>
#include <algorithm>
#include <tuple>
#include <utility>

#include "core/base/error.h"
#include "core/session/session_file.h"
#include "core/session/shipped.h"
#include "ui/panels/appearance_panel.h"
#include "ui/panels/attribution_panel.h"
#include "ui/panels/banner.h"
#include "ui/panels/data_panel.h"
#include "ui/panels/histogram_panel.h"
#include "ui/panels/icicle_panel.h"
#include "ui/panels/panel_parts.h"
#include "ui/panels/query_panel.h"
#include "ui/panels/training_panel.h"
#include "ui/panels/tree_panel.h"
#include "ui/panels/welcome.h"
#include "ui/panels/what_if_panel.h"
#include "ui/scene/scene_options.h"
#include "ui/scene/scene_view.h"
#include "ui/scene/what_if_marks.h"
#include "ui/window/actions.h"
#include "ui/window/live_probe.h"
#include "ui/window/main_window.h"
#include "ui/window/session_restore.h"

namespace erwin::ui {

namespace {

constexpr int longest_wait_for_answer_ms = 45;

}  // namespace

void MainWindow::open(const QString& path) {
  if (path.endsWith(QString::fromUtf8(session_extension.data(), session_extension.size()))) return open_session(path);
  say(tr("opening %1").arg(path));
  io_->open(path.toStdString());
}

void MainWindow::open_own_sample() {
  io_->open_own_sample();
}

void MainWindow::open_sample(const QString& name) {
  if (!opened_) throw Error(ErrorKind::Config, "there is no data set to take a sample of", name.toStdString());
  const auto& names = opened_->samples;
  if (std::find(names.begin(), names.end(), name.toStdString()) == names.end())
    throw Error(ErrorKind::Config, "there is no sample of this name", name.toStdString(),
                "There are " + names.front() + (names.size() > 1 ? " to " + names.back() : ""));
  if (!opened_->path.empty()) io_->open(opened_->path, name.toStdString());
}

void MainWindow::close_cloud() {
  Selection next = session_.selection();
  next.dataset.clear();
  next.sample.clear();
  next.query = -1;
  next.points = nullptr;
  next.frame = 0;
  session_.select(next);
}

void MainWindow::predict() {
  if (data_.cloud && shows_selected_cloud()) engine_->predict(data_.cloud, session_.selection().frame);
}

void MainWindow::cancel() {
  if (drag_) return view_->stop_moving();
  restoring_ = nullptr;
  io_->cancel();
  engine_->cancel();
}

void MainWindow::ask(std::int64_t point) {
  Selection next = session_.selection();
  next.query = data_.cloud && point < data_.cloud->size() ? point : -1;
  session_.select(next);
}

void MainWindow::ask_id(std::int64_t id) {
  set_option("point", std::to_string(id));
}

void MainWindow::change(const SceneState& state, bool continuous) {
  session_.change(state, continuous);
}

void MainWindow::colour_by(ColourBy value, const std::string& field) {
  SceneState next = state();
  if (next.colour_by == value && next.field == field) return;
  next.colour_by = value;
  next.field = field;
  next.range.reset();
  change(next);
}

void MainWindow::set_option(const std::string& name, const std::string& text, bool continuous) {
  const auto names = field_names(data_);
  const bool known = std::find(names.begin(), names.end(), text) != names.end();
  if (name == "field" && (known || is_on_request(data_, state(), text))) {
    colour_by(ColourBy::Field, text);  // fields of the prediction and gates, too, which the cloud does not know
    return;
  }
  SceneState next = state();
  set_scene_option(next, name, text, data_.cloud.get());
  if (name != "camera")
    change(next, continuous);
  else if (data_.cloud)  // without one there is nobody to say whether it is understood
    view_->look(text);
}

void MainWindow::configure(const RunSettings& settings) {
  Moment next = session_.now();
  next.run = settings;
  session_.change(next);
}

void MainWindow::undo() {
  session_.undo();
}

void MainWindow::redo() {
  session_.redo();
}

// The one place where a change has its consequences, whoever made it.
void MainWindow::follow(const Moment& before) {
  const Moment& now = session_.now();
  const Selection &old = before.selection, &wanted = now.selection;
  if (before.look.theme != now.look.theme) apply_theme();
  if (before.run != now.run) engine_->configure(now.run);
  const bool other_cloud = old.dataset != wanted.dataset || old.sample != wanted.sample;
  if (other_cloud && !shows_selected_cloud()) request_open(wanted);
  const bool loaded = answered_ && answered_->model && answered_->model->path == wanted.model;
  // A record is its own cloud: opened together.
  const bool comes_with_cloud = (arriving_ || other_cloud) && wanted.model == wanted.dataset;
  if (old.model != wanted.model && !wanted.model.empty() && !loaded && !comes_with_cloud) io_->open(wanted.model);
  derive();
  if (model_ && shows_selected_cloud() && (old.model != wanted.model || old.frame != wanted.frame)) predict();
  if (scene_state(before).query != scene_state(now).query) {
    engine_->query(scene_state(now).query);
    ask_probe();
    if (old.layer != wanted.layer) ask_for_probe();
    if (data_.prediction && wanted.query >= 0 && before.look.theme == now.look.theme) {
      answer_.start(longest_wait_for_answer_ms);
      return;
    }
  }
  refresh();
}

void MainWindow::request_open(const Selection& wanted) {
  if (wanted.sample.empty())
    opened_ = nullptr;
  else if (wanted.dataset.empty())
    io_->open_own_sample();
  else
    io_->open(wanted.dataset, wanted.model == wanted.dataset ? std::string() : wanted.sample);
}

// What undo wanted back and no longer opens: the session says again what is really shown.
void MainWindow::take_back_unopened() {
  Moment now = session_.now();
  if (!shows_selected_cloud()) {
    now.selection.dataset = opened_ ? opened_->path : std::string();
    now.selection.sample = opened_ ? opened_->sample : std::string();
    now.selection.query = -1;
    now.selection.points = nullptr;
  }
  const auto loaded = answered_ ? answered_->model : nullptr;
  if (!now.selection.model.empty() && (!loaded || loaded->path != now.selection.model))
    now.selection.model = loaded ? loaded->path : std::string();
  session_.amend(now);
}

bool MainWindow::shows_selected_cloud() const {
  const Selection& selection = session_.selection();
  if (!opened_) return selection.sample.empty();
  return opened_->path == selection.dataset && opened_->sample == selection.sample;
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
  if (snapshot->opened && snapshot->opened != received_) {
    received_ = snapshot->opened;
    show_opened(snapshot->opened);
  }
  if (snapshot->failure && snapshot->failure->serial != io_failure_) {
    io_failure_ = snapshot->failure->serial;
    restoring_ = nullptr;
    show_failure(*snapshot->failure);
    take_back_unopened();
  }
  if (snapshot->beside && snapshot->beside != received_beside_) {
    received_beside_ = beside_cloud_ = snapshot->beside;
    refresh();
  }
  if (!snapshot->progress.busy && !opened_) QTimer::singleShot(50, this, &MainWindow::list_samples);
}

void MainWindow::show_opened(std::shared_ptr<const OpenedCloud> opened) {
  Moment next = session_.now();
  const bool restored = is_restored(*opened);
  after_restoring_.reset();
  if (restored) {
    const auto moment = restored_moment(*opened);
    if (!moment) return;
    next = *moment;
  }
  opened_ = std::move(opened);
  // Undo or redo asked for it: everything else stays as it says.
  const bool awaited =
      !restored && shows_selected_cloud() && (!opened_->is_record || session_.selection().model == opened_->path);
  if (!awaited && !restored) {
    const bool sibling = !opened_->path.empty() && next.selection.dataset == opened_->path;
    next.selection.dataset = opened_->path;
    next.selection.sample = opened_->sample;
    next.selection.query = -1;
    next.selection.points = nullptr;
    next.selection.frame = 0;
    next.what_if.clear();  // its points and blocks are another cloud's
    if (opened_->is_record) {
      next.selection.model = opened_->path;
      next.selection.layer = opened_->first_layer;
      next.selection.head = -1;
    } else if (model_ && model_->is_record) {
      next.selection.model.clear();  // it has nothing to say about other clouds
    }
    const ColourBy before = next.look.colour_by;
    if (before != ColourBy::Balls) {
      next.look.colour_by = model_ ? ColourBy::Prediction : ColourBy::Target;
      next.look.field.clear();
    }
    // Ends that were given hold for another sample's same quantity.
    if (!sibling || next.look.colour_by != before) next.look.range.reset();
  }
  const PointCloud& cloud = *opened_->cloud;
  next.selection.query = next.selection.query < cloud.size() ? next.selection.query : -1;
  next.selection.frame = std::clamp(next.selection.frame, 0, static_cast<int>(cloud.frames()) - 1);
  next.selection.level =
      std::clamp(next.selection.level, 0, std::max(0, static_cast<int>(opened_->tree->levels.size()) - 1));
  view_->set_pick_tree(opened_->tree);
  banner_->hide();
  arriving_ = true;
  if (awaited)
    session_.amend(next);
  else
    session_.change(next);
  arriving_ = false;
  derive();
  refresh();
  view_->look(after_restoring_ ? after_restoring_->look : "iso");
  say(tr("%1: %2 points").arg(QString::fromStdString(opened_->sample)).arg(opened_->cloud->size()));
  training_panel_->suggest_data(QString::fromStdString(opened_->path));
  if (!opened_->path.empty()) add_recent(QString::fromStdString(opened_->path));
  if (model_) predict();
}

void MainWindow::receive_engine() {
  const auto snapshot = engine_->mailbox().take();
  if (!snapshot) return;
  engine_progress_ = snapshot->progress;
  show_progress();
  const auto old_model = answered_ ? answered_->model : nullptr;
  const auto old_prediction = data_.prediction;
  answered_ = snapshot;
  if (snapshot->model && snapshot->model != old_model) {
    banner_->hide();
    if (!snapshot->model->is_record)
      say(tr("network %1 on %2")
              .arg(QString::fromStdString(snapshot->model->path), QString::fromStdString(snapshot->model->device)));
    add_recent(QString::fromStdString(snapshot->model->path));
    if (snapshot->model->is_record) {
      derive();  // what it is called comes with its cloud
    } else if (snapshot->model->path != session_.selection().model) {
      Moment next = session_.now();
      next.selection.model = snapshot->model->path;
      next.selection.layer = 0;
      next.selection.head = -1;
      next.what_if.clear();   // its layers and heads are another network's
      session_.change(next);  // and predicts
    } else {
      derive();
      predict();
    }
  }
  if (snapshot->failure && snapshot->failure->serial != engine_failure_) {
    engine_failure_ = snapshot->failure->serial;
    show_failure(*snapshot->failure);
    take_back_unopened();
  }
  derive();
  if (data_.prediction && data_.prediction != old_prediction) {
    if (!model_->is_record) say(tr("predicted in %1 s").arg(data_.prediction->seconds, 0, 'g', 3));
    Moment next = session_.now();
    const auto restored = std::exchange(after_restoring_, std::nullopt);
    if (restored) next.selection.level = restored->level;
    next.selection.level = std::min(next.selection.level, static_cast<int>(data_.tree->levels.size()) - 1);
    if (!restored && !old_prediction && next.look.colour_by == ColourBy::Target)
      next.look.colour_by = ColourBy::Prediction;
    session_.amend(next);
    if (next.selection.query >= 0) engine_->query(state().query);
  }
  if (answer_.isActive() && snapshot->progress.busy && !data_.query) return;
  refresh();
}

// What is shown follows from what was opened, what the engine has answered, and what is selected.
void MainWindow::derive() {
  const Selection& selection = session_.selection();
  const bool loaded = answered_ && answered_->model && answered_->model->path == selection.model;
  model_ = loaded ? answered_->model : nullptr;
  data_ = {};
  if (!opened_) return;
  data_.cloud = opened_->cloud;
  data_.tree = opened_->tree;
  data_.target = opened_->target;
  if (!shows_selected_cloud() || derive_probe() || !model_) return;
  // An answer for a cloud or a frame that is no longer shown is not shown.
  const auto& prediction = answered_->prediction;
  if (!prediction || prediction->cloud != data_.cloud || prediction->frame != selection.frame) return;
  data_.prediction = prediction;
  data_.tree = prediction->tree;
  const QueryRequest asked = state().query;
  if (answered_->query && answered_->query->request == asked) data_.query = answered_->query;
  if (const auto& gates = answered_->gates; gates && gates->layer == asked.layer && gates->head == asked.head)
    data_.gates = gates;
  derive_attention();
  derive_what_if();
  derive_attribution();
}

void MainWindow::refresh() {
  answer_.stop();
  ask_what_is_shown();
  ask_what_if();
  ask_missed();
  SceneState shown = state();
  if (!shows_selected_cloud()) shown.query.point = -1;  // it is a point of the cloud that is still being opened
  shown.title = opened_ ? opened_->sample : std::string();
  if (shows_probe()) shown.title += ", training step " + std::to_string(live_->step);
  if (data_.query)
    shown.title += ", point " + std::to_string(data_.cloud->row_id(data_.query->request.point)) + ", " +
                   caption_of(data_.query->layer);
  shown.title += changes_in_title(data_);
  ask_sample();
  ask_heads();
  show_pictures(shown);
  const bool empty = !data_.cloud;
  welcome_->setVisible(empty);
  view_->setFocusPolicy(empty ? Qt::NoFocus : Qt::StrongFocus);
  if (empty) QTimer::singleShot(0, this, &MainWindow::list_samples);
  data_panel_->show_cloud(opened_.get(), data_, shown);
  data_panel_->show_model(model_.get(), data_, session_.now().run, answered_ ? answered_->memory : std::nullopt,
                          engine_progress_.busy);
  query_panel_->show_query(data_, shown);
  appearance_panel_->show_state(data_, shown);
  tree_panel_->show_tree(data_, shown);
  show_attention_panels(shown);
  show_tree_panels(shown);
  attribution_panel_->show_attribution(data_, shown, engine_progress_.busy);
  what_if_panel_->show_changes(what_if_list(), data_, shown);
  show_histogram();
  show_progress();
  for (const auto& [name, text, can, what] :
       {std::tuple("undo", tr("&Undo"), session_.can_undo(), session_.undo_name()),
        std::tuple("redo", tr("&Redo"), session_.can_redo(), session_.redo_name())}) {
    QAction* action = actions_->get(name);
    action->setEnabled(can);
    action->setText(what.isEmpty() ? text : text + " " + what);
  }
  setWindowTitle(opened_ ? QString::fromStdString(opened_->sample) + " – ErwinScope" : QStringLiteral("ErwinScope"));
}

// In the colours that the picture has by now.
void MainWindow::show_histogram() {
  histogram_panel_->show_field(data_, state(), view_->scene().legend().scale);
}

void MainWindow::show_progress() {
  const Progress& shown = engine_progress_.busy ? engine_progress_ : io_progress_;
  progress_->setVisible(shown.busy);
  cancel_->setVisible(shown.busy);
  QString text = shown.busy ? QString::fromStdString(shown.what) : QString();
  if (!text.isEmpty()) text[0] = text[0].toUpper();
  if (shown.busy && shown.fraction >= 0) text += QStringLiteral(" %1 %").arg(qRound(100 * shown.fraction));
  if (const auto& points = session_.selection().points; text.isEmpty() && points && opened_)
    text = tr("%1 of %2 points are selected").arg(whole(std::ssize(*points)), whole(opened_->cloud->size()));
  if (text.isEmpty() && drawn_ < drawable_)
    text = tr("The picture shows %1 of %2 points so far").arg(whole(drawn_), whole(drawable_));
  if (text.isEmpty()) text = what_if_status();
  status_->setText(text);
  // A bar repaints at once when its value changes, and the whole window with it: later will do.
  progress_->setUpdatesEnabled(false);
  progress_->setRange(0, shown.fraction < 0 ? 0 : 1000);
  if (shown.fraction >= 0) progress_->setValue(static_cast<int>(1000 * shown.fraction));
  progress_->setUpdatesEnabled(true);
}

void MainWindow::show_failure(const Failure& failure) {
  if (failure.kind == ErrorKind::Cancelled) {
    say(tr("cancelled"));
    return;
  }
  follows_drag_ = false;
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
  return resting && !restoring_ && io_->idle() && engine_->idle() && !answer_.isActive() && icicle_panel_->settled() &&
         !histogram_panel_->is_counting() &&
         (!data_.cloud || std::ranges::all_of(pictures(), [](const SceneView* view) { return view->settled(); }));
}

void MainWindow::list_samples() {
  if (samples_listed_ || opened_ || restoring_ || !io_->idle()) return;
  samples_listed_ = true;
  offer_last_session();
  io_->read("looking for samples", [this](const Job& job) {
    const auto found = list_shipped(shipped_folder(), job);
    QMetaObject::invokeMethod(
        this, [this, found] { welcome_->show_samples(found); }, Qt::QueuedConnection);
  });
}

void MainWindow::add_recent(const QString& path) {
  recent_ = with_recent(recent_, path);
  welcome_->show_recent(recent_);
}

}  // namespace erwin::ui
