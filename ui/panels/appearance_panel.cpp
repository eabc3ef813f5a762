#include "ui/panels/appearance_panel.h"

#include <QCheckBox>
#include <QComboBox>
#include <QFormLayout>
#include <QLabel>
#include <QLineEdit>
#include <QScrollArea>
#include <QSignalBlocker>
#include <QVBoxLayout>
#include <algorithm>
#include <array>
#include <string_view>

namespace erwin::ui {

namespace {

// What other parts of the window choose: the table of fields, the query panel, the strip, the mouse.
bool is_shown_elsewhere(std::string_view name) {
  constexpr std::array<std::string_view, 10> names{"color",  "field", "point",  "layer", "head",
                                                   "branch", "frame", "camera", "size",  "text-scale"};
  return std::find(names.begin(), names.end(), name) != names.end();
}

bool is_switch(const SceneOption& option) {
  return option.choices == std::vector<std::string>{"on", "off"};
}

QString label_of(const SceneOption& option) {
  QString text = QString::fromStdString(option.name).replace('-', ' ');
  text[0] = text[0].toUpper();
  return text;
}

QString tip_of(const SceneOption& option) {
  return QString::fromStdString(option.name + " " + option.form + ": " + option.help);
}

}  // namespace

AppearancePanel::AppearancePanel(QWidget* parent) : QWidget(parent) {
  auto* form = new QFormLayout(this);
  form->setContentsMargins(10, 10, 10, 10);
  form->setHorizontalSpacing(10);
  form->setVerticalSpacing(6);
  form->setFieldGrowthPolicy(QFormLayout::AllNonFixedFieldsGrow);
  for (const SceneOption& option : scene_options()) {
    if (is_shown_elsewhere(option.name)) continue;
    QWidget* control = control_for(option);
    control->setObjectName("option-" + QString::fromStdString(option.name));
    control->setToolTip(tip_of(option));
    controls_[option.name] = control;
    auto* label = new QLabel(label_of(option));
    label->setToolTip(tip_of(option));
    label->setBuddy(control);
    form->addRow(label, control);
  }
}

QWidget* AppearancePanel::control_for(const SceneOption& option) {
  const QString name = QString::fromStdString(option.name);
  if (is_switch(option)) {
    auto* box = new QCheckBox;
    connect(box, &QCheckBox::toggled, this,
            [this, name](bool on) { Q_EMIT option_chosen(name, on ? "on" : "off", false); });
    return box;
  }
  if (!option.choices.empty()) {
    auto* box = new QComboBox;
    for (const std::string& choice : option.choices) box->addItem(QString::fromStdString(choice));
    box->setSizeAdjustPolicy(QComboBox::AdjustToMinimumContentsLengthWithIcon);
    connect(box, &QComboBox::textActivated, this,
            [this, name](const QString& text) { Q_EMIT option_chosen(name, text, false); });
    return box;
  }
  auto* line = new QLineEdit;
  line->setPlaceholderText(QString::fromStdString(option.form).toLower());
  connect(line, &QLineEdit::editingFinished, this, [this, name, line] {
    if (line->isModified()) Q_EMIT option_chosen(name, line->text().trimmed(), false);
    line->setModified(false);
  });
  return line;
}

void AppearancePanel::show_state(const SceneData& shown, const SceneState& state) {
  for (const auto& [name, control] : controls_) {
    const QSignalBlocker quiet(control);
    const QString text = QString::fromStdString(print_scene_option(state, name, shown.cloud.get()));
    if (auto* check = qobject_cast<QCheckBox*>(control))
      check->setChecked(text == "on");
    else if (auto* box = qobject_cast<QComboBox*>(control))
      box->setCurrentText(text);
    else if (auto* line = qobject_cast<QLineEdit*>(control); !line->hasFocus() || !line->isModified())
      line->setText(text);
  }
}

}  // namespace erwin::ui
