#pragma once
// What `print` and `assert` of --play speak about: the window's state as JSON.

#include <QJsonObject>

namespace erwin::ui {

class MainWindow;

QJsonObject selection_report(const MainWindow& window);
QJsonObject fields_report(const MainWindow& window);
QJsonObject options_report(const MainWindow& window);
// Of the training run that is watched.
QJsonObject run_report(const MainWindow& window);

}  // namespace erwin::ui
