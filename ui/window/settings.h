#pragma once
// What the window remembers between two starts: one INI file. A missing, broken or foreign file is normal input: what
// cannot be used is left at its default.

#include <QByteArray>
#include <QString>
#include <QStringList>

#include "ui/scene/scene_state.h"

namespace erwin::ui {

struct Remembered {
  QByteArray geometry, layout;  // of QMainWindow; empty: the first start
  QStringList recent;           // files and folders, the newest first
  RunSettings run;
  SceneState look;  // the options of the picture that suit any cloud
};

inline constexpr int most_recent_files = 10;

class Settings {
public:
  // An empty path: nothing is read or written.
  explicit Settings(QString file = {}) : file_(std::move(file)) {}
  // $XDG_CONFIG_HOME/erwinscope/window.ini, with the usual default of XDG_CONFIG_HOME.
  static QString default_file();
  // Where the window keeps what it shows: $XDG_STATE_HOME/erwinscope/last.ewsession (by default in ~/.local/state),
  // with a settings file of another place beside that; empty without one.
  QString session_file() const;

  // `remark`: what was wrong with the file, one line; empty where it was read or does not exist.
  Remembered read(QString* remark = nullptr) const;
  // False where the file cannot be written.
  bool write(const Remembered& values) const;

private:
  QString file_;
};

// `path` first, without doubles, at most most_recent_files.
QStringList with_recent(QStringList recent, const QString& path);

}  // namespace erwin::ui
