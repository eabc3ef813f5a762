// The window as a file: sessions that are saved and opened, and the one that is kept by itself.

#include <QDateTime>
#include <QDir>
#include <QFileDialog>
#include <QFileInfo>
#include <QMessageBox>
#include <filesystem>
#include <utility>

#include "core/base/error.h"
#include "core/base/log.h"
#include "core/session/mark_book.h"
#include "ui/panels/welcome.h"
#include "ui/scene/scene_view.h"
#include "ui/window/actions.h"
#include "ui/window/main_window.h"
#include "ui/window/session_restore.h"

namespace erwin::ui {

namespace {

constexpr int autosave_ms = 60'000;

QString session_filter() {
  return QObject::tr("Sessions (*.ewsession)");
}

}  // namespace

void MainWindow::make_session() {
  marks_ = std::make_shared<MarkBook>();
  auto* timer = new QTimer(this);
  connect(timer, &QTimer::timeout, this, [this] { keep_session(false); });
  timer->start(autosave_ms);
  connect(welcome_, &Welcome::last_session_wanted, this, [this] { open_session(settings_.session_file()); });
}

void MainWindow::make_session_actions() {
  actions_->on("save-session", [this] {
    if (!data_.cloud) return;
    QString path = QFileDialog::getSaveFileName(this, tr("Save session"), "erwinscope.ewsession", session_filter());
    if (path.isEmpty()) return;
    if (QFileInfo(path).suffix().isEmpty()) path += ".ewsession";
    attempt([&] { save_session(path); });
  });
  actions_->on("open-session", [this] {
    const QString path = QFileDialog::getOpenFileName(this, tr("Open session"), {}, session_filter());
    if (!path.isEmpty()) open_session(path);
  });
  actions_->on("last-session", [this] {
    attempt([this] {
      const QString file = settings_.session_file();
      if (file.isEmpty() || !QFileInfo::exists(file))
        throw Error(ErrorKind::Config, "nothing was left open before", file.toStdString(),
                    "The window keeps what it shows every minute and when it is closed");
      open_session(file);
    });
  });
}

SessionFile MainWindow::session_file() const {
  SessionFile file = session_of(session_.now(), view_->scene().state(), *data_.cloud);
  file.geometry = saveGeometry().toBase64().toStdString();
  file.layout = saveState().toBase64().toStdString();
  return file;
}

void MainWindow::save_session(const QString& path) {
  if (!data_.cloud || !shows_selected_cloud())
    throw Error(ErrorKind::Config, "there is nothing to save yet", path.toStdString(), "Open a cloud first");
  write_session(path, session_file(), true);
}

// On the I/O thread: data and checkpoint are read once to be known again.
void MainWindow::write_session(const QString& path, SessionFile file, bool aloud) {
  io_->read("saving the session", [this, marks = marks_, path, file = std::move(file), aloud](const Job& job) {
    SessionFile marked = file;
    marked.data.mark = marks->mark(marked.data.path, job);
    marked.model.mark = marks->mark(marked.model.path, job);
    erwin::save_session(path.toStdString(), marked);
    if (aloud)
      QMetaObject::invokeMethod(
          this, [this, path] { say(tr("wrote %1").arg(path)); }, Qt::QueuedConnection);
  });
}

// What is open, where the next start finds it. At exit nothing is read any more: files that were never marked are known
// by their path.
void MainWindow::keep_session(bool at_exit) {
  const QString path = settings_.session_file();
  if (path.isEmpty() || !data_.cloud || !shows_selected_cloud() || restoring_) return;
  SessionFile file = session_file();
  if (kept_ && *kept_ == file && QFileInfo::exists(path)) return;
  kept_ = std::make_shared<const SessionFile>(file);
  if (!QDir().mkpath(QFileInfo(path).absolutePath())) return;
  if (!at_exit) {
    if (io_->idle()) write_session(path, std::move(file), false);
    return;
  }
  try {
    file.data.mark = marks_->known(file.data.path);
    file.model.mark = marks_->known(file.model.path);
    erwin::save_session(path.toStdString(), file);
  } catch (const Error& error) {
    log(LogLevel::Error, std::string("the session is not kept: ") + error.what());
  }
}

void MainWindow::open_session(const QString& path) {
  say(tr("opening %1").arg(path));
  restoring_ = std::make_shared<SessionRestore>();  // not idle until it is shown or refused
  io_->read("opening the session", [this, path](const Job& job) {
    auto restore = std::make_shared<SessionRestore>(read_session(path.toStdString(), job));
    QMetaObject::invokeMethod(
        this,
        [this, restore] {
          restoring_ = restore;
          if (!find_missing(*restore)) {
            restoring_ = nullptr;
            return;
          }
          if (restore->data.path.empty())
            io_->open_own_sample();
          else
            io_->open(restore->data.path,
                      restore->model.path == restore->data.path ? std::string() : restore->session.sample);
        },
        Qt::QueuedConnection);
  });
}

// Files that are nowhere are asked for where somebody can answer. False: there is no going on.
bool MainWindow::find_missing(SessionRestore& restore) {
  for (auto [place, found, what] : {std::tuple(&restore.session.data, &restore.data, tr("data")),
                                    std::tuple(&restore.session.model, &restore.model, tr("checkpoint"))}) {
    const QString old = QString::fromStdString(place->path);
    if (!found->path.empty() && found->changed)
      say(tr("%1 is not what it was when the session was saved").arg(QString::fromStdString(found->path)));
    if (place->path.empty() || !found->path.empty()) continue;
    if (unattended_) {
      const Error error(ErrorKind::Io, "a file of the session is not where it was", old.toStdString(),
                        "Put it beside the session file, or open the session in the window, which asks for it");
      show_failure({0, error.kind(), error.message(), error.detail(), error.hint()});
      return false;
    }
    const auto answer = QMessageBox::question(
        this, tr("Open session"),
        tr("The %1 of this session is not where it was, nor beside the session:\n\n%2\n\nChoose where it is now?")
            .arg(what, old),
        QMessageBox::Open | QMessageBox::Cancel, QMessageBox::Open);
    if (answer != QMessageBox::Open) return false;
    found->path = QFileDialog::getOpenFileName(this, tr("Where is %1?").arg(QFileInfo(old).fileName())).toStdString();
    if (found->path.empty()) return false;
  }
  // A sample of one file is called FILE#SAMPLE.
  const auto stem = [](const std::string& path) { return std::filesystem::path(path).stem().string() + "#"; };
  if (std::string& sample = restore.session.sample; sample.starts_with(stem(restore.session.data.path)))
    sample.replace(0, stem(restore.session.data.path).size(), stem(restore.data.path));
  return true;
}

// The moment that the session being opened says, where this is its cloud; what is open stays where it cannot be had.
std::optional<Moment> MainWindow::restored_moment(const OpenedCloud& opened) {
  const auto restore = std::exchange(restoring_, nullptr);
  try {
    const Moment moment = moment_of(*restore, *opened.cloud);
    after_restoring_ = AfterRestoring{moment.selection.level, moment.look.colour_by, moment.look.look};
    const auto bytes = [](const std::string& text) { return QByteArray::fromBase64(QByteArray::fromStdString(text)); };
    if (!restore->session.geometry.empty()) restoreGeometry(bytes(restore->session.geometry));
    if (!restore->session.layout.empty()) restoreState(bytes(restore->session.layout));
    return moment;
  } catch (const Error& error) {
    show_failure({0, error.kind(), error.message(), error.detail(), error.hint()});
    return std::nullopt;
  }
}

bool MainWindow::is_restored(const OpenedCloud& opened) const {
  return restoring_ && opened.path == restoring_->data.path && opened.sample == restoring_->session.sample;
}

// What the last start left, for the empty window.
void MainWindow::offer_last_session() {
  const QString file = settings_.session_file();
  if (file.isEmpty() || !QFileInfo::exists(file)) return;
  io_->read("looking for the last session", [this, file](const Job&) {
    SessionFile last;
    try {
      last = load_session(file.toStdString());
    } catch (const Error& error) {
      log(LogLevel::Info, std::string("the last session is not offered: ") + error.what());
      return;
    }
    const auto name = [](const std::string& path) { return QFileInfo(QString::fromStdString(path)).fileName(); };
    QStringList parts{QString::fromStdString(last.sample)};
    if (!last.data.path.empty()) parts << name(last.data.path);
    if (!last.model.path.empty() && last.model.path != last.data.path) parts << name(last.model.path);
    const QString text =
        parts.join(", ") + tr("; of %1").arg(QLocale().toString(QFileInfo(file).lastModified(), QLocale::ShortFormat));
    QMetaObject::invokeMethod(
        this, [this, text] { welcome_->show_last(text); }, Qt::QueuedConnection);
  });
}

}  // namespace erwin::ui
