#include "ui/panels/reach_box.h"

#include <QLabel>
#include <QVBoxLayout>

#include "ui/panels/panel_parts.h"

namespace erwin::ui {

namespace {

QString percent(double share) {
  return QString::number(100 * share, 'g', 100 * share < 1 ? 2 : 3);
}

QString shares_text(const Concentration& shares) {
  return QObject::tr("half of it lies in %1 % of the points, 90 % in %2 %, 99 % in %3 %")
      .arg(percent(shares.share_50), percent(shares.share_90), percent(shares.share_99));
}

}  // namespace

ReachBox::ReachBox(QWidget* parent)
    : QWidget(parent),
      rollout_(plain_label()),
      receptive_(plain_label()),
      steps_(new Table({tr("layer"), tr("50 %"), tr("90 %"), tr("99 %"), tr("mem.")})) {
  auto* layout = new QVBoxLayout(this);
  layout->setContentsMargins(0, 0, 0, 0);
  layout->setSpacing(6);
  rollout_->setObjectName("rollout");
  rollout_->setToolTip(tr(
      "Rollout (Abnar and Zuidema, arXiv 2005.00928): the query's row of the product of (I + A) / 2 over the layers, "
      "A the mean over heads, all branches, rows divided by their sums"));
  receptive_->setObjectName("receptive-field");
  receptive_->setToolTip(
      tr("Squared norm of the gradient of the query's prediction with respect to every point's features behind the "
         "embedding; message passing is part of the embedding and reaches further by its own hops"));
  steps_->setObjectName("rollout-steps");
  steps_->setAccessibleName(tr("Rollout layer by layer"));
  const char* const tips[] = {
      "After this layer, from the shown one back to the first", "Share of the points that holds half of the weight",
      "Share of the points that holds 90 % of the weight", "Share of the points that holds 99 % of the weight",
      "Part of the weight that memory slots took so far"};
  for (int column = 0; column < 5; ++column) steps_->headerItem()->setToolTip(column, tr(tips[column]));
  layout->addWidget(rollout_);
  layout->addWidget(steps_);
  layout->addWidget(receptive_);
  hide();
}

void ReachBox::show_reach(std::shared_ptr<const Reach> rollout, std::shared_ptr<const Reach> receptive) {
  setVisible(rollout || receptive);
  rollout_->setVisible(rollout != nullptr);
  steps_->setVisible(rollout != nullptr);
  receptive_->setVisible(receptive != nullptr);
  if (rollout && rollout != listed_) list(*rollout);
  listed_ = std::move(rollout);
  if (receptive)
    receptive_->setText(
        tr("Receptive field of the prediction: %1; %2 points have an influence above 1e-10, %3 above 0.")
            .arg(shares_text(receptive->concentration), whole(receptive->above_threshold),
                 whole(receptive->above_zero)));
}

void ReachBox::list(const Reach& rollout) {
  rollout_->setText(tr("Rollout through layers %1 to %2: %3; memory slots take %4 %.")
                        .arg(rollout.steps.back().layer)
                        .arg(rollout.layer)
                        .arg(shares_text(rollout.concentration), percent(rollout.steps.back().sink)));
  steps_->clear();
  for (const RolloutStep& step : rollout.steps)
    steps_->add_row({QString::number(step.layer), percent(step.concentration.share_50),
                     percent(step.concentration.share_90), percent(step.concentration.share_99), percent(step.sink)});
  const int rows = static_cast<int>(std::min<std::size_t>(rollout.steps.size(), 8));
  steps_->setFixedHeight(28 + 18 * rows);
}

}  // namespace erwin::ui
