#pragma once
// The table of actions (action_table.h) as QActions in menus: what a person presses and what --play names.

#include <QObject>
#include <functional>
#include <map>

#include "ui/window/action_table.h"

class QAction;
class QMainWindow;
class QMenu;

namespace erwin::ui {

class Actions : public QObject {
  Q_OBJECT
public:
  // Makes the window's menus. An action without `on` stays disabled.
  explicit Actions(QMainWindow& window);

  void on(const char* name, std::function<void()> what);
  // Null where there is none.
  QAction* get(const QString& name) const;
  QMenu* menu(const QString& title) const;

private:
  QMainWindow& window_;
  std::map<QString, QMenu*> menus_;
  std::map<QString, QAction*> actions_;
};

// The shortcut as this machine writes it; empty where there is none.
QString shortcut_text(const ActionSpec& action);

}  // namespace erwin::ui
