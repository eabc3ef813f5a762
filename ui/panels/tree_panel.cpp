#include "ui/panels/tree_panel.h"

#include <QLabel>
#include <QSignalBlocker>
#include <QVBoxLayout>
#include <algorithm>

#include "ui/panels/panel_parts.h"

namespace erwin::ui {

namespace {

// Up to here counting takes a few milliseconds.
constexpr std::int64_t counted_at_once = 20'000;

QString share_text(std::int64_t part, std::int64_t whole_count) {
  return QObject::tr("%1 (%2 %)")
      .arg(whole(part))
      .arg(100.0 * static_cast<double>(part) / static_cast<double>(std::max<std::int64_t>(1, whole_count)), 0, 'f', 1);
}

Facts::Rows rows_of(const TreeStatistics& tree) {
  Facts::Rows rows{{tree.pooled ? QObject::tr("Nodes") : QObject::tr("Points"), whole(tree.padding.real)},
                   {QObject::tr("Slots"), whole(tree.padding.slots)},
                   {QObject::tr("Padding"), share_text(tree.padding.masked, tree.padding.slots)}};
  if (tree.padding.duplicate > 0)
    rows.emplace_back(QObject::tr("Repeated"), share_text(tree.padding.duplicate, tree.padding.slots));
  return rows;
}

}  // namespace

TreePanel::TreePanel(QWidget* parent)
    : QWidget(parent),
      title_(heading({})),
      facts_(new Facts),
      levels_(new Table({tr("level"), tr("balls"), tr("points"), tr("radius")})) {
  auto* layout = new QVBoxLayout(this);
  layout->setContentsMargins(10, 10, 10, 10);
  layout->setSpacing(6);
  title_->setWordWrap(true);
  layout->addWidget(title_);
  layout->addWidget(facts_);
  levels_->setObjectName("levels");
  levels_->setAccessibleName(tr("Levels of the tree"));
  levels_->setSelectionMode(QAbstractItemView::SingleSelection);
  const char* const tips[] = {"0 is the root, which holds all points", "Balls of the level",
                              "Points in a ball; of a pooled level its nodes",
                              "Mean over the balls of the largest distance of a point to its ball's mean"};
  for (int column = 0; column < 4; ++column) levels_->headerItem()->setToolTip(column, tr(tips[column]));
  layout->addWidget(levels_, 1);
  connect(levels_, &QTreeWidget::currentItemChanged, this, [this](QTreeWidgetItem* item) {
    if (item) Q_EMIT level_chosen(levels_->indexOfTopLevelItem(item));
  });
}

void TreePanel::show_tree(const SceneData& shown, const SceneState& state) {
  level_ = state.level;
  const auto subject = statistics_subject(shown, state);
  if (subject == wanted_) {
    mark_level();
    return;
  }
  wanted_ = subject;
  worker_.cancel();
  if (!shown.cloud || shown.cloud->size() <= counted_at_once)
    list(tree_statistics(shown, state));
  else
    count(shown, state);
}

void TreePanel::count(const SceneData& shown, const SceneState& state) {
  title_->setText(tr("Counting…"));
  worker_.post(
      [this, shown, state](std::stop_token stop) {
        auto made = std::make_shared<const TreeStatistics>(tree_statistics(shown, state, stop));
        QMetaObject::invokeMethod(
            this,
            [this, made] {
              if (made->subject == wanted_ && !made->levels.empty()) list(*made);
            },
            Qt::QueuedConnection);
      },
      "count");
}

void TreePanel::list(const TreeStatistics& tree) {
  const QSignalBlocker quiet(levels_);
  QString title = tree.levels.empty() ? tr("There is no tree") : QString::fromStdString(tree.caption);
  title[0] = title[0].toUpper();
  title_->setText(title);
  facts_->show_rows(tree.levels.empty() ? Facts::Rows{} : rows_of(tree));
  levels_->clear();
  int index = 0;
  for (const TreeStatistics::Level& level : tree.levels)
    levels_->add_row({QString::number(index++), whole(level.balls),
                      level.fewest == level.most ? whole(level.most) : whole(level.fewest) + " … " + whole(level.most),
                      QString::number(level.mean_radius, 'g', 3)});
  mark_level();
}

void TreePanel::mark_level() {
  const QSignalBlocker quiet(levels_);
  levels_->setCurrentItem(levels_->topLevelItem(std::min(level_, levels_->topLevelItemCount() - 1)));
}

}  // namespace erwin::ui
