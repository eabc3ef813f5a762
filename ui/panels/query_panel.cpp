#include "ui/panels/query_panel.h"

#include <QAction>
#include <QHBoxLayout>
#include <QIntValidator>
#include <QLabel>
#include <QLineEdit>
#include <QSignalBlocker>
#include <QVBoxLayout>
#include <cmath>
#include <tuple>

#include "ui/panels/panel_parts.h"
#include "ui/panels/query_texts.h"
#include "ui/panels/reach_box.h"
#include "ui/panels/share_bars.h"
#include "ui/scene/attention_marks.h"
#include "ui/scene/point_colours.h"

namespace erwin::ui {

namespace {

QString layer_text(const LayerInfo& layer) {
  QString text = QString::fromStdString(caption_of(layer));
  if (layer.pool_level > 0) text += QObject::tr("; its blocks hold nodes of several points");
  return text;
}

// What the marks in the picture mean, in sentences.
QString explanation(const SceneData& shown, const SceneState& state) {
  QString text;
  for (const std::string& note : attention_notes(shown, state)) {
    QString sentence = QString::fromStdString(note);
    sentence[0] = sentence[0].toUpper();
    text += (text.isEmpty() ? "" : " ") + sentence + ".";
  }
  return text;
}

// What the field of who looks there adds up to, and what its numbers mean.
QString received_text(const WhoLooks* who) {
  if (!who) return {};
  const bool one = who->asked == 1;
  QString text =
      QObject::tr(
          "Who looks at %1: every point's number is the part of its row A that goes there; rows add "
          "up to their gates, these numbers add up to what is received: %2 points' worth of "
          "attention, %3 of it from %4.")
          .arg(one ? QObject::tr("the point") : QObject::tr("the %1 points of its ball").arg(whole(who->asked)),
               number(who->received), number(who->from_themselves),
               one ? QObject::tr("the point itself") : QObject::tr("the ball itself"));
  if (!who->selectors.empty())
    text += " " + QObject::tr("%1 query blocks selected %2.")
                      .arg(whole(std::ssize(who->selectors)))
                      .arg(one ? QObject::tr("its block") : QObject::tr("one of its blocks"));
  return text;
}

void add_recall(Facts::Rows& rows, const SceneData& shown, const SceneState& state) {
  if (shown.query->layer.kind != LayerKind::Nsa) return;
  const MissedView* missed = shown.missed.get();
  if (!state.misses || !missed) {
    rows.emplace_back(QObject::tr("Recall"), !state.misses   ? QObject::tr("press N: what the selection missed")
                                             : shown.what_if ? QObject::tr("only of the network as it is")
                                                             : QObject::tr("is being worked out"));
    return;
  }
  rows.emplace_back(
      QObject::tr("Recall"),
      QObject::tr("%1 of the exact mass; its block %2").arg(number(missed->recall), number(missed->block_recall)));
  rows.emplace_back(QObject::tr("Rank corr."),
                    std::isnan(missed->rank_correlation)
                        ? QObject::tr("too few blocks")
                        : QObject::tr("%1 of score and exact mass (Spearman)").arg(number(missed->rank_correlation)));
}

std::vector<ShareBars::Row> share_rows(const QueryView& query) {
  const AttentionRow& row = query.row;
  if (query.layer.kind != LayerKind::Nsa) return {};
  return {{QObject::tr("Own ball"), row.local, row.gate_local},
          {QObject::tr("Selected"), row.selected_sum, row.gate_selected},
          {QObject::tr("Compressed"), row.compressed, row.gate_compressed},
          {QObject::tr("Memory slot"), row.memory, -1}};
}

}  // namespace

QueryPanel::QueryPanel(QWidget* parent)
    : QWidget(parent),
      id_(new QLineEdit),
      hint_(plain_label()),
      note_(plain_label()),
      received_(plain_label()),
      set_(plain_label()),
      compared_(plain_label()),
      blocks_title_(heading(tr("Selected blocks"))),
      missed_title_(heading(tr("Missed blocks"))),
      top_title_(heading(tr("Points it looks at most"))),
      facts_(new Facts),
      shares_(new ShareBars),
      reach_(new ReachBox),
      blocks_(new Table({tr("rank"), tr("block"), tr("score"), tr("weight")})),
      missed_(new Table({tr("mass rank"), tr("block"), tr("mass")})),
      top_(new Table({tr("point"), tr("weight")})) {
  setMinimumWidth(250);
  auto* layout = new QVBoxLayout(this);
  layout->setContentsMargins(10, 10, 10, 10);
  layout->setSpacing(6);
  auto* line = new QHBoxLayout;
  auto* label = heading(tr("&Point"));
  label->setBuddy(id_);
  line->addWidget(label);
  id_->setObjectName("point-id");
  id_->setPlaceholderText(tr("click one, or type its id"));
  id_->setToolTip(tr("Id of the queried point: its row in the file, from 0 (Ctrl+G)"));
  id_->setClearButtonEnabled(true);
  line->addWidget(id_, 1);
  layout->addLayout(line);
  layout->addWidget(hint_);
  layout->addWidget(facts_);
  layout->addWidget(shares_);
  note_->setProperty("role", "faint");
  layout->addWidget(note_);
  received_->setObjectName("received");
  layout->addWidget(received_);
  layout->addWidget(reach_);
  set_->setObjectName("selection");
  layout->addWidget(set_);
  compared_->setObjectName("compared");
  compared_->setToolTip(comparison_tip());
  layout->addWidget(compared_);
  blocks_->setObjectName("blocks");
  blocks_->setAccessibleName(blocks_title_->text());
  top_->setObjectName("top-points");
  top_->setAccessibleName(top_title_->text());
  top_->setToolTip(tr("Double-click, or Enter: query this point"));
  blocks_->setToolTip(tr("Double-click, or Enter: fly to this block. Del: what if it were not selected?"));
  make_block_actions();
  make_missed_table();
  layout->addWidget(blocks_title_);
  layout->addWidget(blocks_, 1);
  layout->addWidget(missed_title_);
  layout->addWidget(missed_, 1);
  layout->addWidget(top_title_);
  layout->addWidget(top_, 1);
  layout->addStretch(0);
  connect(id_, &QLineEdit::returnPressed, this, [this] {
    bool ok = false;
    const qint64 id = id_->text().trimmed().toLongLong(&ok);
    Q_EMIT id_typed(ok ? id : -1);
  });
  connect(top_, &QTreeWidget::itemActivated, this,
          [this](QTreeWidgetItem* item) { Q_EMIT point_chosen(item->data(0, Qt::UserRole).toLongLong()); });
  connect(blocks_, &QTreeWidget::itemActivated, this,
          [this](QTreeWidgetItem* item) { Q_EMIT block_chosen(blocks_->indexOfTopLevelItem(item)); });
}

void QueryPanel::make_block_actions() {
  for (const auto& [key, text, shortcut] :
       {std::tuple("force-out", tr("What if this block were not selected"), QKeySequence(Qt::Key_Delete)),
        std::tuple("hide-block", tr("What if no query saw this block"), QKeySequence(Qt::SHIFT | Qt::Key_Delete))}) {
    auto* action = new QAction(text, blocks_);
    action->setObjectName(key);
    action->setShortcut(shortcut);
    action->setShortcutContext(Qt::WidgetShortcut);
    connect(action, &QAction::triggered, this, [this, key = QString(key)] {
      if (const QTreeWidgetItem* item = blocks_->currentItem()) Q_EMIT what_if_wanted(key + "=" + item->text(1));
    });
    blocks_->addAction(action);
  }
}

void QueryPanel::make_missed_table() {
  missed_->setObjectName("missed");
  missed_->setAccessibleName(missed_title_->text());
  missed_->setToolTip(
      tr("The heaviest blocks by exact softmax mass of q.k over all points that were not selected. Ins: "
         "what if this block were selected?"));
  auto* action = new QAction(tr("What if this block were selected"), missed_);
  action->setShortcut(Qt::Key_Insert);
  action->setShortcutContext(Qt::WidgetShortcut);
  connect(action, &QAction::triggered, this, [this] {
    if (const QTreeWidgetItem* item = missed_->currentItem()) Q_EMIT what_if_wanted("force-in=" + item->text(1));
  });
  missed_->addAction(action);
  for (Table* table : {blocks_, missed_})
    connect(table, &QTreeWidget::currentItemChanged, this, [this](QTreeWidgetItem* item) {
      if (item) Q_EMIT block_marked(item->text(1).toInt());
    });
}

void QueryPanel::fill_missed(const SceneData& shown, const SceneState& state) {
  const auto missed = state.query.point >= 0 && state.misses ? shown.missed : nullptr;
  missed_title_->setVisible(missed != nullptr);
  missed_->setVisible(missed != nullptr);
  if (missed == listed_missed_) return;
  listed_missed_ = missed;
  marked_ = -1;
  const QSignalBlocker quiet(missed_);
  missed_->clear();
  if (!missed) return;
  for (const MissedView::Block& block : missed->blocks)
    missed_->add_row({QString::number(block.mass_rank), QString::number(block.block), number(block.mass)});
}

// The row of the block that is marked in the picture.
void QueryPanel::mark(int block) {
  if (block == marked_) return;
  marked_ = block;
  for (Table* table : {blocks_, missed_}) {
    const QSignalBlocker quiet(table);
    QTreeWidgetItem* row = nullptr;
    for (int i = 0; i < table->topLevelItemCount() && !row; ++i)
      if (table->topLevelItem(i)->text(1).toInt() == block) row = table->topLevelItem(i);
    table->setCurrentItem(row);
  }
}

void QueryPanel::ask_for_point() {
  id_->setFocus(Qt::ShortcutFocusReason);
  id_->selectAll();
}

void QueryPanel::show_samples(const QString& text, const QString& tip) {
  samples_ = text;
  if (!tip.isEmpty()) compared_->setToolTip(tip);
}

void QueryPanel::show_query(const SceneData& shown, const SceneState& state) {
  const bool asked = shown.cloud && state.query.point >= 0;
  if (!id_->hasFocus() || asked)
    id_->setText(asked ? QString::number(shown.cloud->row_id(state.query.point)) : QString());
  id_->setEnabled(shown.cloud != nullptr);
  const QueryView* query = asked ? shown.query.get() : nullptr;
  hint_->setText(!asked             ? tr("Click a point in the picture to see where it looks.")
                 : shown.prediction ? QString()
                                    : tr("Open a checkpoint to see where this point looks."));
  hint_->setVisible(!hint_->text().isEmpty());
  Facts::Rows rows;
  if (asked)
    if (const Field* field = shown_field(shown, state); field && field->components() == 1)
      rows.emplace_back(QString::fromStdString(field->name()), number(field->value(state.query.point, 0, state.frame)) +
                                                                   " " + QString::fromStdString(field->unit()));
  if (query) rows.emplace_back(tr("Layer"), layer_text(query->layer));
  if (query && query->layer.ball_size > 0)
    rows.emplace_back(tr("Own ball"), tr("%1 points").arg(whole(static_cast<std::int64_t>(query->ball.size()))));
  if (query) add_recall(rows, shown, state);
  facts_->show_rows(rows);
  shares_->show_rows(query ? share_rows(*query) : std::vector<ShareBars::Row>{});
  note_->setText(query ? explanation(shown, state) : QString());
  note_->setVisible(!note_->text().isEmpty());
  received_->setText(asked ? received_text(shown.who_looks.get()) : QString());
  received_->setVisible(!received_->text().isEmpty());
  set_->setText(shown.set_looks ? set_text(*shown.set_looks) : QString());
  if (samples_.isEmpty()) compared_->setToolTip(comparison_tip());
  compared_->setTextFormat(samples_.isEmpty() ? Qt::PlainText : Qt::RichText);  // the samples have a table
  compared_->setText(!samples_.isEmpty() ? samples_
                     : shown.comparison  ? comparison_text(*shown.comparison)
                                         : QString());
  for (QLabel* label : {set_, compared_}) label->setVisible(!label->text().isEmpty());
  reach_->show_reach(asked ? shown.rollout : nullptr, asked ? shown.receptive : nullptr);
  fill_tables(shown, state);
  fill_missed(shown, state);
  mark(shown_block(state));
  const bool blocks = query && !query->blocks.empty();
  blocks_title_->setVisible(blocks);
  blocks_->setVisible(blocks);
  top_title_->setVisible(query);
  top_->setVisible(query);
}

void QueryPanel::fill_tables(const SceneData& shown, const SceneState& state) {
  const auto query = state.query.point >= 0 ? shown.query : nullptr;
  if (query == listed_ && state.theme == listed_theme_) return;
  listed_ = query;
  listed_theme_ = state.theme;
  const QSignalBlocker quiet(blocks_);
  marked_ = -1;
  blocks_->clear();
  top_->clear();
  if (!query) return;
  for (const MarkedBlock& block : query->blocks) {
    auto* item = blocks_->add_row(
        {QString::number(block.rank), QString::number(block.block), number(block.score), number(block.weight)});
    const Rgb colour = rank_colour(block.rank, query->blocks.back().rank + 1, state.theme);
    item->setBackground(0, QColor(colour.r, colour.g, colour.b));
    item->setForeground(0, 2 * colour.r + 5 * colour.g + colour.b > 1000 ? Qt::black : Qt::white);
  }
  for (const TopPoint& point : query->top)
    top_->add_row({QString::number(shown.cloud->row_id(point.point)), number(point.weight)})
        ->setData(0, Qt::UserRole, static_cast<qlonglong>(point.point));
}

QString QueryPanel::text() const {
  if (!listed_) return {};
  QString text = tr("point") + "\t" + id_->text() + "\n" + tr("layer") + "\t" + layer_text(listed_->layer) + "\n";
  for (const ShareBars::Row& row : shares_->rows())
    text += row.name + "\t" + number(row.weight) + (row.gate >= 0 ? "\t" + number(row.gate) : QString()) + "\n";
  if (blocks_->topLevelItemCount() > 0) text += "\n" + blocks_title_->text() + "\n" + blocks_->text(false);
  if (listed_missed_)
    text += "\n" + tr("recall") + "\t" + number(listed_missed_->recall) + "\n" + missed_title_->text() + "\n" +
            missed_->text(false);
  return text + "\n" + top_title_->text() + "\n" + top_->text(false);
}

}  // namespace erwin::ui
