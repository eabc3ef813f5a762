#pragma once
// The one place through which the window's state changes: the Selection, the options of the picture, and their history.
// Views read it, ask for changes here, and hear of every change by one signal.

#include <QObject>
#include <QString>
#include <QStringList>

#include "core/engine/snapshot.h"
#include "core/session/history.h"
#include "core/session/selection.h"
#include "ui/scene/scene_state.h"

namespace erwin::ui {

// The selection's own members of a scene state (frame, level, query) follow the selection.
struct Moment {
  Selection selection;
  SceneState look;
  RunSettings run;                   // where and how exactly networks run
  std::vector<WhatIfEntry> what_if;  // changes to the network's run; empty: it is shown as it is
};

// The state that the scene draws: the look with the selection's members in their places.
SceneState scene_state(const Moment& moment);
// The reverse: what a scene state says about selection and look, on top of `base`.
Moment moment_of(const SceneState& state, const Moment& base);
// What differs, by the names that options and selection carry; empty: nothing that counts as a change. Camera, size and
// title belong to the view.
QStringList differences(const Moment& before, const Moment& after);

class Session : public QObject {
  Q_OBJECT
public:
  explicit Session(QObject* parent = nullptr);

  const Moment& now() const { return history_.now(); }
  const Selection& selection() const { return now().selection; }
  SceneState state() const { return scene_state(now()); }

  // A step of the history, unless nothing differs. Continuous: of a row of changes that are one step, as of a slider.
  void change(const Moment& next, bool continuous = false);
  void change(const SceneState& state, bool continuous = false) { change(moment_of(state, now()), continuous); }
  void select(const Selection& selection);
  // The present corrected, without a step: what follows from a change (a level that the new tree lacks).
  void amend(const Moment& present);

  bool undo();
  bool redo();
  bool can_undo() const { return history_.can_undo(); }
  bool can_redo() const { return history_.can_redo(); }
  QString undo_name() const { return QString::fromStdString(history_.undo_name()); }
  QString redo_name() const { return QString::fromStdString(history_.redo_name()); }

Q_SIGNALS:
  // After every change; `before` is what it was.
  void changed(const erwin::ui::Moment& before);

private:
  History<Moment> history_{Moment{}};
};

}  // namespace erwin::ui
