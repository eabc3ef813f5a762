#pragma once
// A control for every option of the picture, made from the one list of them (ui/scene/scene_options.h).

#include <QWidget>
#include <map>
#include <string>

#include "ui/scene/scene_options.h"

class QFormLayout;

namespace erwin::ui {

class AppearancePanel : public QWidget {
  Q_OBJECT
public:
  explicit AppearancePanel(QWidget* parent = nullptr);
  void show_state(const SceneData& shown, const SceneState& state);

Q_SIGNALS:
  // The new value as text; continuous: of a row of changes, as while a slider is dragged.
  void option_chosen(const QString& name, const QString& text, bool continuous);

private:
  QWidget* control_for(const SceneOption& option);
  std::map<std::string, QWidget*> controls_;
};

}  // namespace erwin::ui
