#include "ui/panels/icicle_panel.h"

#include <QComboBox>
#include <QHBoxLayout>
#include <QLabel>
#include <QPushButton>
#include <QVBoxLayout>
#include <algorithm>
#include <cmath>

#include "ui/panels/panel_parts.h"
#include "ui/scene/tree_nodes.h"

namespace erwin::ui {

namespace {

// Up to here counting takes a few milliseconds.
constexpr std::int64_t counted_at_once = 20'000;

}  // namespace

IciclePanel::IciclePanel(QWidget* parent)
    : QWidget(parent), title_(new QLabel), ball_(new QLabel), colour_(new QComboBox), view_(new IcicleView) {
  auto* layout = new QVBoxLayout(this);
  layout->setContentsMargins(10, 6, 10, 6);
  layout->setSpacing(4);
  auto* line = new QHBoxLayout;
  title_->setObjectName("icicle-title");
  title_->setProperty("role", "faint");
  title_->setMinimumWidth(60);
  line->addWidget(title_, 1);
  ball_->setObjectName("icicle-ball");
  ball_->setMinimumWidth(60);
  ball_->hide();
  line->addWidget(ball_, 1);
  colour_->setAccessibleName(tr("Colour"));
  colour_->addItems({tr("radius"), tr("fill"), tr("level")});
  colour_->setToolTip(tr(
      "Radius: largest distance of a point to the mean of its ball's points. Fill: share of a ball's slots that hold "
      "a point of their own, the rest is padding. Level: 0 is the root (Shift+I)"));
  line->addWidget(colour_);
  auto* whole_tree = new QPushButton(tr("Whole"));
  whole_tree->setToolTip(tr("Show the whole tree again (Home)"));
  line->addWidget(whole_tree);
  layout->addLayout(line);
  view_->setObjectName("icicle");
  layout->addWidget(view_, 1);
  connect(colour_, &QComboBox::currentIndexChanged, this,
          [this](int index) { view_->set_colour(static_cast<BallColour>(index)); });
  connect(whole_tree, &QPushButton::clicked, view_, &IcicleView::show_whole);
  connect(view_, &IcicleView::window_changed, this, &IciclePanel::write);
  connect(view_, &IcicleView::ball_hovered, this, [this](int level, qint64 node) {
    const BallMap* map = view_->map();
    const IcicleView::Ball ball{level, node};
    const bool known = map && map->has(ball);
    ball_->setText(known ? ball_text(*map, ball, shown_.cloud ? shown_.cloud->unit() : std::string()) : QString());
    ball_->setVisible(known);
    title_->setVisible(!known);
  });
}

void IciclePanel::set_colour(BallColour colour) {
  colour_->setCurrentIndex(static_cast<int>(colour));
}

void IciclePanel::step_colour() {
  colour_->setCurrentIndex((colour_->currentIndex() + 1) % colour_->count());
}

QString IciclePanel::tree_text() const {
  const BallMap& map = *view_->map();
  QString text = QString::fromStdString(map.caption);
  text[0] = text[0].toUpper();
  return text + tr(": %1 points, %2 levels").arg(whole(map.points())).arg(map.levels.size());
}

QString IciclePanel::caption() const {
  const BallMap* map = view_->map();
  if (!map) return {};
  QString text = tree_text();
  if (view_->shown_points() < static_cast<double>(map->points()))
    text += tr("; shown: %1 of them in slot order, from the one of rank %2 on")
                .arg(whole(std::llround(view_->shown_points())), whole(std::llround(view_->first_point())));
  if (const int cut = view_->first_left_out(); cut < std::ssize(map->levels))
    text += tr("; balls of level %1 and below are too narrow to be drawn").arg(cut);
  text +=
      tr(". A row for every level, the root on top; a ball is as wide as the points it holds, which are counted in "
         "it.");
  if (view_->query_slot() >= 0)
    text += tr(" Outlined: the balls that hold point %1.").arg(whole(shown_.cloud->row_id(state_.query.point)));
  if (map->has(view_->alone())) text += tr(" All but the subtree of one ball is pale.");
  return text;
}

void IciclePanel::show_tree(const SceneData& shown, const SceneState& state) {
  shown_ = shown;
  state_ = state;
  view_->show_theme(state.theme);
  if (const auto subject = statistics_subject(shown, state); !(subject == wanted_)) {
    wanted_ = subject;
    worker_.cancel();
    counting_ = false;
    if (!shown.cloud || shown.cloud->size() <= counted_at_once)
      take(make_ball_map(shown, state));
    else
      count(shown, state);
  }
  mark();
  write();
}

void IciclePanel::count(const SceneData& shown, const SceneState& state) {
  counting_ = true;
  worker_.post(
      [this, shown, state](std::stop_token stop) {
        const Map map = make_ball_map(shown, state, stop);
        QMetaObject::invokeMethod(
            this,
            [this, map] {
              if (map && map->subject == wanted_) take(map);
            },
            Qt::QueuedConnection);
      },
      "count");
}

void IciclePanel::take(const Map& map) {
  counting_ = false;
  view_->show_map(map);
  mark();
  write();
}

// The query's path and the ball that is looked at alone.
void IciclePanel::mark() {
  const BallMap* map = view_->map();
  if (!map || !shown_.cloud || !(map->subject == wanted_)) return;
  const std::int64_t point = state_.query.point;
  std::int64_t slot = -1;
  if (point >= 0 && point < std::ssize(map->slot_of)) slot = map->slot_of[static_cast<std::size_t>(point)];
  const auto& query = shown_.query;  // it knows which of several copies is meant
  if (query && query->slot >= 0 && query->request.point == point && query->layer.slots == map->slots)
    slot = query->slot;
  view_->mark_query(slot);
  const OnlyBall& only = state_.only;
  const int level = std::clamp(only.level < 0 ? state_.level : only.level, 0, static_cast<int>(map->levels.size()) - 1);
  IcicleView::Ball alone;
  if (only.which == OnlyBall::Which::Query && slot >= 0)
    alone = map->at_slot(level, slot);
  else if (only.which == OnlyBall::Which::Index)
    alone = {level,
             std::min<std::int64_t>(only.index, std::ssize(map->levels[static_cast<std::size_t>(level)].radius) - 1)};
  view_->mark_alone(alone);
}

void IciclePanel::mark_point(std::int64_t point) {
  const BallMap* map = view_->map();
  const bool known = map && point >= 0 && point < std::ssize(map->slot_of);
  view_->mark_slot(known ? map->slot_of[static_cast<std::size_t>(point)] : -1);
}

void IciclePanel::write() {
  const BallMap* map = view_->map();
  if (counting_) return title_->setText(tr("Counting…"));
  if (!map) {
    title_->setToolTip({});
    return title_->setText(tr("Open a cloud to see its tree."));
  }
  QString text = tree_text();
  if (const int cut = view_->first_left_out(); cut < std::ssize(map->levels))
    text += tr("; left out from level %1 on (zoom in)").arg(cut);
  title_->setText(text);
  title_->setToolTip(tr("Balls narrower than a pixel are left out until the wheel, or + and -, zoom in"));
}

}  // namespace erwin::ui
