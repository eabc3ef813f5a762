#include "ui/window/application.h"

#include <QApplication>
#include <QStyleFactory>
#include <QSurfaceFormat>
#include <cstdlib>
#include <stop_token>

#include "core/base/error.h"
#include "core/base/log.h"
#include "core/base/version.h"
#include "ui/scene/scene_view.h"
#include "ui/window/main_window.h"
#include "ui/window/play.h"

namespace erwin::ui {

namespace {

// What Qt remarks on the desktop it finds, or does not find, is for the log; what it calls critical is for the
// terminal, too.
void log_qt_message(QtMsgType type, const QMessageLogContext&, const QString& text) {
  const bool grave = type == QtCriticalMsg || type == QtFatalMsg;
  log(grave ? LogLevel::Error : type == QtDebugMsg ? LogLevel::Debug : LogLevel::Info, text.toStdString());
}

}  // namespace

bool has_display() {
  for (const char* name : {"DISPLAY", "WAYLAND_DISPLAY"})
    if (const char* value = std::getenv(name); value && *value) return true;
  return false;
}

void log_qt_messages() {
  qInstallMessageHandler(log_qt_message);
}

int run_application(const ApplicationOptions& options) {
  if (!has_display())
    throw Error(ErrorKind::Device, "there is no display to open a window on", "DISPLAY is not set",
                "Use 'erwinscope render' to draw a picture without one");
  log_qt_messages();
  QSurfaceFormat::setDefaultFormat(SceneView::surface_format());
  int argc = 1;
  char name[] = "erwinscope";
  char* argv[] = {name, nullptr};
  QApplication application(argc, argv);
  QApplication::setApplicationName("ErwinScope");
  QApplication::setApplicationVersion(ERWINSCOPE_VERSION);
  QApplication::setStyle(QStyleFactory::create("Fusion"));
  QString settings = QString::fromStdString(options.settings_file);
  if (settings.isEmpty() && !options.play) settings = Settings::default_file();
  MainWindow window{Settings(settings)};
  window.set_unattended(options.play);
  window.show();
  for (const std::string& file : options.files) window.open(QString::fromStdString(file));
  const std::stop_callback closes(options.stop, [&application] {
    QMetaObject::invokeMethod(
        &application, [] { QApplication::exit(exit_code(ErrorKind::Cancelled)); }, Qt::QueuedConnection);
  });
  if (!options.play) {
    const int code = QApplication::exec();
    window.close();  // remembers
    return code;
  }
  Play play(window, options.play_source);
  if (options.play_descriptor >= 0)
    play.start(options.play_descriptor);
  else
    play.start(options.play_lines);
  const int code = QApplication::exec();
  window.close();
  return play.exit_code() != 0 ? play.exit_code() : code;
}

}  // namespace erwin::ui
