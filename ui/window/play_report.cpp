#include "ui/window/play_report.h"

#include <QJsonArray>

#include "ui/panels/colour_choices.h"
#include "ui/scene/scene_options.h"
#include "ui/scene/scene_view.h"
#include "ui/window/main_window.h"
#include "ui/window/run_monitor.h"

namespace erwin::ui {

namespace {

constexpr int report_schema = 1;

QString text(const std::string& value) {
  return QString::fromStdString(value);
}

}  // namespace

QJsonObject selection_report(const MainWindow& window) {
  const SceneData& data = window.scene_data();
  const SceneState state = window.state();
  const SceneState& drawn = window.view()->scene().state();
  const Selection& selection = window.session().selection();
  const bool asked = data.cloud && state.query.point >= 0;
  QJsonObject out{{"schema", report_schema},
                  {"cloud", text(drawn.title)},
                  {"dataset", text(selection.dataset)},
                  {"sample", text(selection.sample)},
                  {"points", data.cloud ? static_cast<qint64>(data.cloud->size()) : 0},
                  {"frame", state.frame},
                  {"model", window.model() ? QJsonValue(text(window.model()->path)) : QJsonValue()},
                  {"device", text(window.session().now().run.device)},
                  {"precision", name_of(window.session().now().run.precision)},
                  {"point", asked ? static_cast<qint64>(data.cloud->row_id(state.query.point)) : -1},
                  {"layer", state.query.layer},
                  {"head", state.query.head},
                  {"branch", name_of(state.query.branch)},
                  {"level", state.level},
                  {"color", name_of(state.colour_by)},
                  {"field", text(state.field)},
                  {"theme", state.theme == Theme::Dark ? "dark" : "light"},
                  {"size", QJsonArray{drawn.width, drawn.height}},
                  {"camera", text(to_string(drawn.camera))}};
  out["selected_points"] = static_cast<qint64>(state.picked ? state.picked->size() : 0);
  out["against"] = text(state.against);
  QJsonArray selected;
  if (data.query)
    for (const MarkedBlock& block : data.query->blocks)
      selected.append(QJsonObject{{"block", block.block}, {"rank", block.rank}});
  out["selected"] = selected;
  out["block"] = shown_block(state);
  if (data.missed) {
    out["recall"] = data.missed->recall;
    QJsonArray missed;
    for (const MissedView::Block& block : data.missed->blocks) missed.append(block.block);
    out["missed"] = missed;
  }
  if (data.attribution) {
    out["share"] = data.attribution->result.share;
    out["remainder"] = data.attribution->result.remainder;
  }
  QJsonArray changes;
  for (const WhatIfEntry& entry : window.session().now().what_if)
    changes.append(QJsonObject{{"text", text(entry.text)}, {"layer", entry.layer}, {"on", entry.on}});
  out["what_if"] = changes;
  out["what_if_largest"] = data.what_if ? QJsonValue(data.what_if->largest) : QJsonValue();
  if (data.what_if && asked && data.what_if->prediction.components() == 1) {
    out["before"] = data.what_if->before->value(state.query.point);
    const double after = data.what_if->prediction.value(state.query.point);
    out["after"] = after == after ? QJsonValue(after) : QJsonValue();
  }
  out["fields"] = fields_report(window)["fields"];
  out["undo"] = window.session().undo_name();
  out["redo"] = window.session().redo_name();
  return out;
}

QJsonObject fields_report(const MainWindow& window) {
  QJsonArray names;
  for (const std::string& name : field_names(window.scene_data())) names.append(text(name));
  return {{"schema", report_schema}, {"fields", names}};
}

QJsonObject options_report(const MainWindow& window) {
  QJsonObject out{{"schema", report_schema}};
  for (const SceneOption& option : scene_options())
    out[text(option.name)] = text(option.print(window.state(), window.scene_data().cloud.get()));
  return out;
}

QJsonObject run_report(const MainWindow& window) {
  QJsonObject out{{"schema", report_schema}, {"run", text(window.run_monitor().watched().string())}};
  const auto run = window.run_monitor().view();
  if (!run || !run->exists) return out;
  out["phase"] = name_of(run->state.phase);
  out["step"] = static_cast<qint64>(run->step);
  out["steps"] = static_cast<qint64>(run->state.steps);
  out["training"] = static_cast<qint64>(run->training.size());
  out["validation"] = static_cast<qint64>(run->validation.size());
  out["loss"] = run->training.empty() ? QJsonValue() : QJsonValue(run->training.back().loss);
  out["rate"] = run->rate;
  out["memory"] = static_cast<qint64>(run->memory);
  out["probe_step"] = static_cast<qint64>(run->probe_step);
  return out;
}

}  // namespace erwin::ui
