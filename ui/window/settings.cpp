#include "ui/window/settings.h"

#include <QDir>
#include <QFileInfo>
#include <QSettings>
#include <QStandardPaths>
#include <algorithm>
#include <array>
#include <string_view>

#include "core/base/error.h"
#include "ui/scene/scene_options.h"

namespace erwin::ui {

namespace {

constexpr qint64 largest_file = 1 << 20;  // ours have a few kilobytes

// What belongs to one cloud or one question, not to a person's taste.
bool is_remembered(std::string_view option) {
  constexpr std::array<std::string_view, 24> passing{
      "camera", "size",  "text-scale", "target",    "point",   "frame", "layer",      "head",   "branch",
      "level",  "color", "field",      "component", "range",   "log",   "percentile", "arrows", "arrow-component",
      "only",   "block", "clip",       "selection", "against", "heads"};
  return std::find(passing.begin(), passing.end(), option) == passing.end();
}

void read_look(QSettings& file, SceneState& look, QString* remark) {
  file.beginGroup("picture");
  for (const SceneOption& option : scene_options()) {
    const QString key = QString::fromStdString(option.name);
    if (!is_remembered(option.name) || !file.contains(key)) continue;
    try {
      option.set(look, file.value(key).toString().toStdString(), nullptr);
    } catch (const Error& error) {
      if (remark) *remark = QString::fromStdString(error.message() + " (" + error.detail() + ")");
    }
  }
  file.endGroup();
}

}  // namespace

QString Settings::default_file() {
  return QStandardPaths::writableLocation(QStandardPaths::GenericConfigLocation) + "/erwinscope/window.ini";
}

QString Settings::session_file() const {
  if (file_.isEmpty()) return {};
  if (file_ != default_file()) return QFileInfo(file_).absolutePath() + "/last.ewsession";
  const QString state = qEnvironmentVariable("XDG_STATE_HOME");
  return (QDir::isAbsolutePath(state) ? state : QDir::homePath() + "/.local/state") + "/erwinscope/last.ewsession";
}

Remembered Settings::read(QString* remark) const {
  Remembered values;
  const QFileInfo info(file_);
  if (file_.isEmpty() || !info.exists()) return values;
  if (!info.isFile() || info.size() > largest_file) {
    if (remark) *remark = QObject::tr("%1 is no file of settings: it is left alone").arg(file_);
    return values;
  }
  QSettings file(file_, QSettings::IniFormat);
  values.geometry = file.value("window/geometry").toByteArray();
  values.layout = file.value("window/layout").toByteArray();
  for (const QString& path : file.value("files/recent").toStringList())
    if (!path.isEmpty() && values.recent.size() < most_recent_files) values.recent << path;
  const std::string device = file.value("run/device", "auto").toString().toStdString();
  if (!device.empty() && device.size() < 16) values.run.device = device;
  const std::string precision = file.value("run/precision").toString().toStdString();
  for (const Precision known : all_precisions())
    if (precision == name_of(known)) values.run.precision = known;
  read_look(file, values.look, remark);
  if (file.status() != QSettings::NoError && remark)
    *remark = QObject::tr("%1 could not be read whole: what is missing has its first value").arg(file_);
  return values;
}

bool Settings::write(const Remembered& values) const {
  if (file_.isEmpty()) return true;
  const QFileInfo info(file_);
  if (info.exists() && (!info.isFile() || info.size() > largest_file)) return false;
  if (!QDir().mkpath(info.absolutePath())) return false;
  QSettings file(file_, QSettings::IniFormat);
  file.setValue("window/geometry", values.geometry);
  file.setValue("window/layout", values.layout);
  file.setValue("files/recent", values.recent);
  file.setValue("run/device", QString::fromStdString(values.run.device));
  file.setValue("run/precision", QString::fromUtf8(name_of(values.run.precision)));
  file.beginGroup("picture");
  for (const SceneOption& option : scene_options())
    if (is_remembered(option.name))
      file.setValue(QString::fromStdString(option.name), QString::fromStdString(option.print(values.look, nullptr)));
  file.endGroup();
  file.sync();
  return file.status() == QSettings::NoError;
}

QStringList with_recent(QStringList recent, const QString& path) {
  recent.removeAll(path);
  recent.prepend(path);
  while (recent.size() > most_recent_files) recent.removeLast();
  return recent;
}

}  // namespace erwin::ui
