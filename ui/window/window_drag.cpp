// What if the selected points were somewhere else, or nowhere: actions on the selection, and points that follow the
// mouse. While they are dragged, the list of changes is a proposal; when they are dropped it becomes one step of the
// history.

#include <QDockWidget>
#include <cstdio>

#include "core/base/error.h"
#include "ui/panels/what_if_panel.h"
#include "ui/scene/scene_view.h"
#include "ui/window/actions.h"
#include "ui/window/main_window.h"

namespace erwin::ui {

namespace {

[[noreturn]] void refuse_without_points(const char* what) {
  throw Error(ErrorKind::Config, "there are no points to take", what,
              "Select some, Shift and a drag in the picture, or query a point of a layer with balls");
}

std::string text_of(const std::string& points, const std::array<double, 3>& by) {
  char numbers[96];
  std::snprintf(numbers, sizeof numbers, ":%.5g,%.5g,%.5g", by[0], by[1], by[2]);
  return "move=" + points + numbers;
}

// The offset of an entry that text_of could have written for these points; nothing for any other.
std::optional<std::array<double, 3>> offset_of(const std::string& text, const std::string& points) {
  std::array<double, 3> by{};
  const std::string before = "move=" + points + ":";
  if (!text.starts_with(before)) return std::nullopt;
  if (std::sscanf(text.c_str() + before.size(), "%lf,%lf,%lf", &by[0], &by[1], &by[2]) != 3) return std::nullopt;
  return by;
}

}  // namespace

void MainWindow::make_drag() {
  connect(view_, &SceneView::points_grabbed, this, [this] {
    attempt([this] { grab_points(); });
    if (!drag_) view_->stop_moving();
  });
  connect(view_, &SceneView::points_dragged, this, &MainWindow::drag_points);
  connect(view_, &SceneView::points_dropped, this, &MainWindow::drop_points);
  connect(what_if_panel_, &WhatIfPanel::hide_selection_wanted, this,
          [this] { action("what-if-hide-selection")->trigger(); });
}

void MainWindow::make_drag_actions() {
  actions_->on("what-if-hide-selection",
               [this] { attempt([this] { add_what_if("hide=selection", state().query.layer); }); });
  for (const auto& [name, kind] :
       {std::pair("what-if-move-selection", "move"), std::pair("what-if-scale-selection", "scale")})
    actions_->on(name, [this, kind] {
      attempt([&] {
        if (selected_ids().empty()) refuse_without_points(kind);
        QDockWidget* dock = docks_.at("panel-what-if");
        dock->show();
        dock->raise();
        what_if_panel_->begin(kind, "selection");
      });
    });
  actions_->on("move-points", [this] {
    if (data_.cloud) view_->start_moving();
  });
}

std::string MainWindow::selected_ids() const {
  return data_.cloud ? text_of(session_.selection().points, *data_.cloud) : std::string();
}

// Made once for every list.
std::shared_ptr<const MovedView> MainWindow::moved_points() {
  if (!data_.prediction || !model_ || model_->is_record) return nullptr;
  if (moved_.of == data_.prediction && moved_.entries == what_if_list()) return moved_.view;
  moved_ = {data_.prediction, what_if_list(), nullptr};
  try {
    const WhatIf what_if = what_if_of(moved_.entries, *data_.cloud, data_.prediction->layers, model_->config);
    moved_.view = make_moved_view(what_if.cloud, *data_.cloud, data_.prediction->frame);
  } catch (const Error&) {  // the engine says what is wrong with it
  }
  return moved_.view;
}

void MainWindow::grab_points() {
  const QueryRequest query = state().query;
  const std::string ids = selected_ids();
  if (ids.empty() && query.point < 0) refuse_without_points("move");
  if (!data_.prediction || !model_ || model_->is_record || shows_probe())
    throw Error(ErrorKind::Config, "there is no network to ask what if", "move", "Open a cloud and a checkpoint first");
  PointDrag drag{session_.now().what_if, ids.empty() ? "ball" : ids, {}, {}};
  WhatIfEntry entry{text_of(drag.points, {}), query.layer, -1, query.point, true};
  // What was moved last is moved on.
  if (!drag.before.empty()) {
    const WhatIfEntry& last = drag.before.back();
    const auto offset = offset_of(last.text, drag.points);
    if (offset && last.on && (!ids.empty() || (last.layer == entry.layer && last.point == entry.point))) {
      drag.start = *offset;
      entry = last;
      drag.before.pop_back();
    }
  }
  drag.entries = drag.before;
  drag.entries.push_back(entry);
  (void)what_if_of(drag.entries, *data_.cloud, data_.prediction->layers, model_->config);
  drag_ = std::move(drag);
}

void MainWindow::drag_points(const std::array<double, 3>& by) {
  if (!drag_) return;
  std::array<double, 3> to = drag_->start;
  for (std::size_t k = 0; k < 3; ++k) to[k] += by[k];
  drag_->entries.back().text = text_of(drag_->points, to);
  follows_drag_ = true;
  derive();
  refresh();
}

void MainWindow::drop_points(bool here) {
  if (!drag_) return;
  std::vector<WhatIfEntry> entries = std::move(drag_->entries);
  drag_.reset();
  if (here) return set_what_if(std::move(entries));
  follows_drag_ = false;
  derive();
  refresh();
}

}  // namespace erwin::ui
