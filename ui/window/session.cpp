#include "ui/window/session.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "ui/scene/scene_options.h"

namespace erwin::ui {

namespace {

// What the selection holds under a name of its own, and what belongs to the view.
bool is_compared_elsewhere(std::string_view option) {
  constexpr std::array<std::string_view, 10> names{"frame", "selection", "level",  "point", "layer",
                                                   "head",  "branch",    "camera", "size",  "text-scale"};
  return std::find(names.begin(), names.end(), option) != names.end();
}

}  // namespace

SceneState scene_state(const Moment& moment) {
  SceneState state = moment.look;
  const Selection& selection = moment.selection;
  state.frame = selection.frame;
  state.level = selection.level;
  state.picked = selection.points;
  state.query = {selection.query, selection.layer, selection.head, selection.branch};
  return state;
}

Moment moment_of(const SceneState& state, const Moment& base) {
  Moment moment = base;
  moment.look = state;
  Selection& selection = moment.selection;
  selection.frame = state.frame;
  selection.level = state.level;
  selection.points = state.picked;
  selection.query = state.query.point;
  selection.layer = state.query.layer;
  selection.head = state.query.head;
  selection.branch = state.query.branch;
  return moment;
}

QStringList differences(const Moment& before, const Moment& after) {
  QStringList names;
  for (const std::string& name : differences(before.selection, after.selection)) names << QString::fromStdString(name);
  for (const SceneOption& option : scene_options())
    if (!is_compared_elsewhere(option.name) && option.print(before.look, nullptr) != option.print(after.look, nullptr))
      names << QString::fromStdString(option.name);
  if (before.run.device != after.run.device) names << QStringLiteral("device");
  if (before.run.precision != after.run.precision) names << QStringLiteral("precision");
  if (before.what_if != after.what_if) names << QStringLiteral("what-if");
  return names;
}

Session::Session(QObject* parent) : QObject(parent) {}

void Session::change(const Moment& next, bool continuous) {
  const Moment before = now();
  const QStringList names = differences(before, next);
  if (names.isEmpty()) {
    history_.amend(next);
    return;
  }
  history_.push(next, names.join(", ").toStdString(), continuous);
  Q_EMIT changed(before);
}

void Session::select(const Selection& selection) {
  Moment next = now();
  next.selection = selection;
  change(next);
}

void Session::amend(const Moment& present) {
  const Moment before = now();
  history_.amend(present);
  if (!differences(before, present).isEmpty()) Q_EMIT changed(before);
}

bool Session::undo() {
  const Moment before = now();
  if (!history_.undo()) return false;
  Q_EMIT changed(before);
  return true;
}

bool Session::redo() {
  const Moment before = now();
  if (!history_.redo()) return false;
  Q_EMIT changed(before);
  return true;
}

}  // namespace erwin::ui
