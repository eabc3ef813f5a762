// The attention of the query in up to four heads, as pictures side by side: the window's own picture is the first.

#include <QFrame>
#include <QSplitter>
#include <QStyle>
#include <QVBoxLayout>

#include "core/base/error.h"
#include "ui/scene/head_grid.h"
#include "ui/scene/scene_view.h"
#include "ui/scene/tree_nodes.h"
#include "ui/window/actions.h"
#include "ui/window/main_window.h"

namespace erwin::ui {

namespace {

constexpr QSize smallest_alone{320, 240}, smallest_of_four{160, 110};

void mark_chosen(QWidget* frame, bool chosen) {
  if (frame->property("chosen").toBool() == chosen) return;
  frame->setProperty("chosen", chosen);
  frame->style()->unpolish(frame);
  frame->style()->polish(frame);
}

}  // namespace

void MainWindow::make_head_actions() {
  actions_->on("heads-four", [this] { attempt([this] { switch_heads(); }); });
}

void MainWindow::switch_heads() {
  SceneState next = state();
  if (next.heads != "off") {
    next.heads = "off";
    return change(next);
  }
  if (!data_.prediction || next.query.point < 0 || shows_probe())
    throw Error(ErrorKind::Config, "there is no attention to show in four heads", "no point is queried",
                "Open a checkpoint and click a point first");
  next.heads = "four";
  next = state_of_head(next, next.query.head);  // its colours
  next.field.clear();
  next.range.reset();
  change(next);
}

std::vector<int> MainWindow::wanted_heads() const {
  const SceneState now = state();
  if (now.heads == "off" || now.query.point < 0 || !data_.prediction || shows_probe()) return {};
  const LayerInfo* layer = shown_layer(data_, now);
  return layer ? shown_heads(now, layer->heads) : std::vector<int>{};
}

void MainWindow::ask_heads() {
  QueryRequest request = state().query;
  request.head = -1;  // which of them is the shown one changes nothing
  const AskedHeadRows wanted{data_.prediction, request, wanted_heads()};
  if (wanted.heads.empty() || asked_head_rows_ == wanted) return;
  asked_head_rows_ = wanted;
  engine_->ask_head_rows(request, wanted.heads);
}

void MainWindow::make_head_views() {
  right_ = new QSplitter(Qt::Vertical);
  right_->setChildrenCollapsible(false);
  pictures_->insertWidget(1, right_);
  for (int i = 1; i < heads_beside; ++i) {
    SceneView* view = add_picture(i % 2 == 1 ? right_ : left_, tr("Picture of another head"));
    head_views_.push_back(view);
    view->set_strip(false);
    connect(view, &SceneView::point_clicked, this, [this, i](qint64 point) { click_picture(i, point); });
  }
  // Rows stay rows.
  for (const auto& [moved, other] : {std::pair(left_, right_), std::pair(right_, left_)})
    connect(moved, &QSplitter::splitterMoved, this,
            [moved = moved, other = other] { other->setSizes(moved->sizes()); });
  pictures_->setSizes({1000, 1000});
}

// The first click into another head's picture chooses the head, the next one a point.
void MainWindow::click_picture(int index, std::int64_t point) {
  if (!shows_heads()) return ask(point);
  const int head = head_rows_->heads[static_cast<std::size_t>(index)];
  if (head != state().query.head)
    choose_head(state().query.layer, head);
  else if (point >= 0)
    ask(point);
}

bool MainWindow::shows_heads() const {
  return head_rows_ != nullptr;
}

// False: the pictures are to stay as they are until the answer is there. Of a run with changes they show what the one
// picture would: its rows, but where the point itself is hidden.
bool MainWindow::derive_heads() {
  const std::vector<int> wanted = wanted_heads();
  const auto answers = [&](const std::shared_ptr<const HeadRows>& rows) {
    QueryRequest asked = state().query;
    if (rows) asked.head = rows->request.head;
    return rows && rows->request == asked && rows->heads == wanted;
  };
  if (!wanted.empty() && answered_) {
    const bool changed = data_.what_if && answers(answered_->what_if_rows);
    const bool awaits_changed = data_.what_if && !changed && engine_progress_.busy && head_rows_;
    if (changed || (answers(answered_->head_rows) && !awaits_changed)) {
      head_rows_ = changed ? answered_->what_if_rows : answered_->head_rows;
      return true;
    }
  }
  if (!wanted.empty() && head_rows_ && engine_progress_.busy && !shown_heads_.empty()) return false;
  head_rows_ = nullptr;
  return true;
}

void MainWindow::show_heads(const SceneState& shown) {
  const bool visible = shows_heads();
  if (visible && head_views_.empty()) make_head_views();
  if (head_views_.empty()) return;
  const auto count = visible ? static_cast<int>(head_rows_->heads.size()) : 0;
  right_->setVisible(count > 1);
  view_->setMinimumSize(visible ? smallest_of_four : smallest_alone);
  view_->set_strip(!visible);
  for (int i = 1; i < heads_beside; ++i) {
    SceneView* view = head_views_[static_cast<std::size_t>(i - 1)];
    view->setMinimumSize(smallest_of_four);
    view->parentWidget()->setVisible(i < count);
  }
  const bool first = visible && shown_heads_.empty();
  shown_heads_ = visible ? head_rows_->heads : std::vector<int>{};
  if (first) {
    pictures_->setSizes({1000, 1000});
    for (QSplitter* column : {left_, right_}) column->setSizes({1000, 1000});
  }
  for (int i = 0; i < heads_beside; ++i) {
    QWidget* frame = i == 0 ? frame_ : head_views_[static_cast<std::size_t>(i - 1)]->parentWidget();
    mark_chosen(frame, i < count && head_rows_->heads[static_cast<std::size_t>(i)] == shown.query.head);
  }
  if (visible) draw_heads(shown);
}

void MainWindow::draw_heads(const SceneState& shown) {
  std::vector<Tile> tiles = head_tiles(data_, shown, *head_rows_);
  give_ranges(tiles);
  for (std::size_t i = 0; i < tiles.size(); ++i) {
    SceneView* view = i == 0 ? view_ : head_views_[i - 1];
    if (i > 0) {
      view->set_pick_tree(opened_->tree);
      view->follow_camera(view_->camera());
    }
    view->show_scene(tiles[i].data, tiles[i].state);
  }
}

}  // namespace erwin::ui
