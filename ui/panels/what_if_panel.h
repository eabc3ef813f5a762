#pragma once
// What would the network say if ...? The list of changes, each of which can be switched off or taken away, a form that
// adds one, and what they come to: the prediction of the queried point before and after, and over the cloud.

#include <QWidget>
#include <vector>

#include "core/engine/what_if_entries.h"
#include "ui/scene/scene_state.h"

class QComboBox;
class QFormLayout;
class QLabel;
class QLineEdit;
class QPushButton;

namespace erwin::ui {

class Facts;
class Table;

class WhatIfPanel : public QWidget {
  Q_OBJECT
public:
  explicit WhatIfPanel(QWidget* parent = nullptr);
  // entries: the session's list; shown.what_if: what they came to, null until it is there.
  void show_changes(const std::vector<WhatIfEntry>& entries, const SceneData& shown, const SceneState& state);
  // The list and the numbers, as text with tabs.
  QString text() const;
  // Lets the form ask for the rest of a change of these points.
  void begin(const QString& kind, const QString& points);

Q_SIGNALS:
  void added(const QString& text, bool every_layer);  // KEY=VALUE
  void switched(int row, bool on);
  void removed(const QList<int>& rows);
  void hide_selection_wanted();
  void colour_wanted(const QString& field);

private:
  QWidget* make_form();
  QWidget* make_selection_buttons();
  QWidget* make_list_buttons();
  void fit_form();  // to the chosen kind of change
  void list(const std::vector<WhatIfEntry>& entries);
  void show_numbers(const SceneData& shown, const SceneState& state);
  void fill_choices();
  void add();
  QStringList suggestions() const;

  std::vector<WhatIfEntry> listed_;
  // What the form's suggestions are made from.
  struct Offer {
    int layer = 0, heads = 0;
    bool selects = false, queried = false, picked = false;
    std::vector<std::int32_t> selected, missed;
    QStringList fields;
    bool operator==(const Offer&) const = default;
  } offer_;
  QLabel *hint_, *list_title_, *numbers_title_, *note_;
  Table* list_;
  Facts* numbers_;
  QWidget *list_buttons_, *form_part_, *selection_part_;
  QFormLayout* form_ = nullptr;
  QComboBox *kind_, *field_, *which_, *where_;
  QLineEdit* amount_;
  QPushButton *add_, *remove_, *switch_;
};

}  // namespace erwin::ui
