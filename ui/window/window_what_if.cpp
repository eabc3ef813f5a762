// What would the network say if ...: the session's list of changes, what the engine makes of it, and the panel.

#include <QDockWidget>
#include <algorithm>
#include <sstream>

#include "core/base/error.h"
#include "ui/panels/panel_parts.h"
#include "ui/panels/query_panel.h"
#include "ui/panels/what_if_panel.h"
#include "ui/window/actions.h"
#include "ui/window/main_window.h"

namespace erwin::ui {

namespace {

bool any_on(const std::vector<WhatIfEntry>& entries) {
  return std::any_of(entries.begin(), entries.end(), [](const WhatIfEntry& entry) { return entry.on; });
}

[[noreturn]] void refuse(const std::string& message, const std::string& detail) {
  throw Error(
      ErrorKind::Config, message, detail,
      "Write it as: what-if KEY=VALUE [--layer N|all] [--head N|mean] [--point ID|none], off N, on N, remove N, clear");
}

int whole_or_refuse(const std::string& text) {
  bool ok = false;
  const int value = QString::fromStdString(text).toInt(&ok);
  if (!ok) refuse("a number is not understood", text);
  return value;
}

}  // namespace

void MainWindow::make_what_if() {
  QDockWidget* dock = add_dock("panel-what-if", tr("What-if"), new PanelScroll(what_if_panel_ = new WhatIfPanel),
                               Qt::RightDockWidgetArea);
  tabifyDockWidget(docks_.at("panel-matrix"), dock);
  dock->hide();  // until it is asked for: the row of titles has little room
  docks_.at("panel-query")->raise();
  connect(what_if_panel_, &WhatIfPanel::added, this, [this](const QString& text, bool every_layer) {
    attempt([&] { add_what_if(text.toStdString(), every_layer ? -1 : state().query.layer); });
  });
  connect(what_if_panel_, &WhatIfPanel::switched, this, [this](int row, bool on) { switch_what_if(row, on); });
  connect(what_if_panel_, &WhatIfPanel::removed, this, [this](const QList<int>& rows) {
    std::vector<WhatIfEntry> entries = session_.now().what_if;
    for (std::size_t i = entries.size(); i-- > 0;)
      if (rows.contains(static_cast<int>(i))) entries.erase(entries.begin() + static_cast<std::ptrdiff_t>(i));
    set_what_if(std::move(entries));
  });
  connect(what_if_panel_, &WhatIfPanel::colour_wanted, this,
          [this](const QString& field) { colour_by(ColourBy::Field, field.toStdString()); });
  connect(dock, &QDockWidget::visibilityChanged, this, [this](bool visible) {
    if (visible && engine_) ask_what_if();
  });
  make_drag();
  connect(query_panel_, &QueryPanel::what_if_wanted, this,
          [this](const QString& text) { attempt([&] { add_what_if(text.toStdString(), state().query.layer); }); });
}

void MainWindow::make_what_if_actions() {
  const auto add = [this](const char* name, const std::function<std::string()>& text) {
    actions_->on(name, [this, text] { attempt([&] { add_what_if(text(), state().query.layer); }); });
  };
  add("what-if-head-off", [this]() -> std::string {
    if (state().query.head < 0)
      throw Error(ErrorKind::Config, "the mean of the heads cannot be switched off", "head -1",
                  "Choose a head first, with ' or in the table of heads");
    return "head-off=" + std::to_string(state().query.head);
  });
  add("what-if-branch-off", [this]() -> std::string {
    if (state().query.branch == Branch::All)
      throw Error(ErrorKind::Config, "all branches together cannot be switched off", "branch all",
                  "Choose a branch first, with B or in the strip");
    return std::string("branch-off=") + name_of(state().query.branch);
  });
  add("what-if-hide-ball", [] { return std::string("hide=ball"); });
  make_drag_actions();
  actions_->on("what-if-switch", [this] {
    std::vector<WhatIfEntry> entries = session_.now().what_if;
    const bool on = !any_on(entries);
    for (WhatIfEntry& entry : entries) entry.on = on;
    set_what_if(std::move(entries));
  });
  actions_->on("what-if-clear", [this] { set_what_if({}); });
  for (const auto& [name, field] :
       {std::pair("colour-what-if", what_if_prediction), std::pair("colour-what-if-difference", what_if_difference)})
    actions_->on(name, [this, wanted = std::string(field)] {
      attempt([&] {
        if (!any_on(session_.now().what_if))
          throw Error(ErrorKind::Config, "nothing is changed, so there is no difference", wanted,
                      "Add a change in the panel What-if (Alt+Shift+1)");
        colour_by(ColourBy::Field, wanted);
      });
    });
}

const std::vector<WhatIfEntry>& MainWindow::what_if_list() const {
  return drag_ ? drag_->entries : session_.now().what_if;
}

void MainWindow::set_what_if(std::vector<WhatIfEntry> entries, bool continuous) {
  Moment next = session_.now();
  next.what_if = std::move(entries);
  session_.change(next, continuous);
}

void MainWindow::require_changeable(const std::string& text) const {
  if (!data_.prediction || !model_ || shows_probe())
    throw Error(ErrorKind::Config, "there is no network to ask what if", text, "Open a cloud and a checkpoint first");
}

void MainWindow::add_what_if(const std::string& text, int layer) {
  const QueryRequest& query = state().query;
  add_what_if({text, layer, query.head, query.point, true});
}

void MainWindow::add_what_if(WhatIfEntry entry) {
  require_changeable(entry.text);
  entry.text = with_selection(entry.text, selected_ids());
  std::vector<WhatIfEntry> entries = session_.now().what_if;
  entries.push_back(std::move(entry));
  // What is wrong with it is said now, not by a run that fails.
  (void)what_if_of(entries, *data_.cloud, data_.prediction->layers, model_->config);
  set_what_if(std::move(entries));
}

void MainWindow::switch_what_if(int row, bool on) {
  std::vector<WhatIfEntry> entries = session_.now().what_if;
  if (row < 0 || row >= static_cast<int>(entries.size())) return;
  entries[static_cast<std::size_t>(row)].on = on;
  set_what_if(std::move(entries));
}

// What entry_from understands, "off 0", "remove 0", "clear".
void MainWindow::what_if(const std::string& text) {
  std::istringstream stream(text);
  std::string first, word;
  stream >> first;
  if (first == "clear") return set_what_if({});
  if (first == "on" || first == "off" || first == "remove") {
    std::vector<WhatIfEntry> entries = session_.now().what_if;
    stream >> word;
    const int row = whole_or_refuse(word);
    if (row < 0 || row >= static_cast<int>(entries.size()))
      refuse("there is no such change", std::to_string(row) + " of " + std::to_string(entries.size()));
    if (first != "remove") return switch_what_if(row, first == "on");
    entries.erase(entries.begin() + row);
    return set_what_if(std::move(entries));
  }
  require_changeable(text);
  const QueryRequest& query = state().query;
  add_what_if(entry_from(text, {{}, query.layer, query.head, query.point, true}, *data_.cloud));
}

// Asked once for every list, prediction and question.
void MainWindow::ask_what_if() {
  const AskedWhatIf wanted{data_.prediction, what_if_list(), state().query, wanted_heads()};
  if (!data_.prediction || !model_ || shows_probe()) return;
  if (is_seen("panel-what-if") && !model_->is_record && ready_for_changes_ != data_.prediction) {
    ready_for_changes_ = data_.prediction;
    engine_->prepare_what_if();
  }
  if (wanted == asked_what_if_) return;
  const bool was_on = any_on(asked_what_if_.entries);
  asked_what_if_ = wanted;
  if (was_on || any_on(wanted.entries))
    engine_->what_if(wanted.entries, wanted.request, drag_.has_value(), wanted.heads);
}

void MainWindow::derive_what_if() {
  data_.moved = moved_points();
  const auto& view = answered_->what_if;
  const bool newest = view && view->entries == what_if_list();
  if (newest && !drag_) follows_drag_ = false;
  if (!view || (!newest && !follows_drag_)) return;
  data_.what_if = view;
  const auto& query = answered_->what_if_query;
  if (query && query->request == state().query) data_.query = query;
}

QString MainWindow::what_if_status() const {
  if (!data_.cloud) return {};
  const std::string changes = in_words(what_if_list());
  return changes.empty() ? QString() : tr("What-if is on: %1").arg(QString::fromStdString(changes));
}

}  // namespace erwin::ui
