#include "ui/panels/tree_panel.h"

#include <QSignalBlocker>
#include <QVBoxLayout>
#include <algorithm>

#include "ui/panels/panel_parts.h"

namespace erwin::ui {

TreePanel::TreePanel(QWidget* parent)
    : QWidget(parent),
      facts_(new Facts),
      levels_(new Table({tr("level"), tr("balls"), tr("points each"), tr("mean radius")})) {
  auto* layout = new QVBoxLayout(this);
  layout->setContentsMargins(10, 10, 10, 10);
  layout->setSpacing(6);
  layout->addWidget(facts_);
  levels_->setObjectName("levels");
  levels_->setAccessibleName(tr("Levels of the tree"));
  levels_->setSelectionMode(QAbstractItemView::SingleSelection);
  layout->addWidget(levels_, 1);
  connect(levels_, &QTreeWidget::currentItemChanged, this, [this](QTreeWidgetItem* item) {
    if (item) Q_EMIT level_chosen(levels_->indexOfTopLevelItem(item));
  });
}

void TreePanel::show_tree(const SceneData& shown, const SceneState& state) {
  const QSignalBlocker quiet(levels_);
  if (shown.tree != listed_) {
    listed_ = shown.tree;
    levels_->clear();
    facts_->show_rows({});
    if (listed_) list_levels(*listed_);
  }
  levels_->setCurrentItem(levels_->topLevelItem(state.level));
}

void TreePanel::list_levels(const BallTree& tree) {
  const std::int64_t padding = tree.slot_count - tree.point_count;
  facts_->show_rows({{tr("Points"), whole(tree.point_count)},
                     {tr("Slots"), whole(tree.slot_count)},
                     {tr("Padding"), tr("%1 slots, %2 %")
                                         .arg(whole(padding))
                                         .arg(100.0 * static_cast<double>(padding) /
                                                  static_cast<double>(std::max<std::int64_t>(1, tree.slot_count)),
                                              0, 'f', 1)}});
  int index = 0;
  for (const TreeLevel& level : tree.levels) {
    const auto [fewest, most] = std::minmax_element(level.point_count.begin(), level.point_count.end());
    double radius = 0;
    for (const double r : level.radius) radius += r / static_cast<double>(level.size());
    const QString points = *fewest == *most ? whole(*most) : whole(*fewest) + " … " + whole(*most);
    levels_->add_row({QString::number(index++), whole(level.size()), points, QString::number(radius, 'g', 3)});
  }
}

}  // namespace erwin::ui
