#include "ui/window/actions.h"

#include <QAction>
#include <QKeySequence>
#include <QMainWindow>
#include <QMenu>
#include <QMenuBar>
#include <utility>

namespace erwin::ui {

Actions::Actions(QMainWindow& window) : QObject(&window), window_(window) {
  for (const ActionSpec& spec : action_table()) {
    QMenu*& menu = menus_[spec.menu];
    if (!menu) {
      menu = window.menuBar()->addMenu("&" + tr(spec.menu));
      menu->setToolTipsVisible(true);
    }
    QAction* action = menu->addAction(tr(spec.text));
    action->setObjectName(spec.name);
    action->setShortcut(QKeySequence(spec.shortcut));
    action->setCheckable(spec.checkable);
    const QString help = tr(spec.help);
    action->setToolTip(help + " (" + shortcut_text(spec) + ")");
    action->setStatusTip(help);
    action->setEnabled(false);
    window.addAction(action);  // its shortcut works while the menu bar is hidden, too
    actions_[spec.name] = action;
  }
}

void Actions::on(const char* name, std::function<void()> what) {
  QAction* action = actions_.at(name);
  action->setEnabled(true);
  connect(action, &QAction::triggered, this, std::move(what));
}

QAction* Actions::get(const QString& name) const {
  const auto found = actions_.find(name);
  return found == actions_.end() ? nullptr : found->second;
}

QMenu* Actions::menu(const QString& title) const {
  const auto found = menus_.find(title);
  return found == menus_.end() ? nullptr : found->second;
}

QString shortcut_text(const ActionSpec& action) {
  return QKeySequence(action.shortcut).toString(QKeySequence::NativeText);
}

}  // namespace erwin::ui
