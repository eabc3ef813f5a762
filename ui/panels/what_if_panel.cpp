#include "ui/panels/what_if_panel.h"

#include <QAction>
#include <QComboBox>
#include <QFormLayout>
#include <QHBoxLayout>
#include <QHeaderView>
#include <QLabel>
#include <QLineEdit>
#include <QPushButton>
#include <QSignalBlocker>
#include <QVBoxLayout>
#include <algorithm>
#include <array>
#include <cmath>
#include <set>
#include <string_view>

#include "ui/panels/panel_parts.h"
#include "ui/scene/tree_nodes.h"

namespace erwin::ui {

namespace {

enum class Which { Head, Branch, Selected, Missed, Block, Count, Exclude, Points };

struct Kind {
  const char *key, *title, *tip;
  Which which;
  const char* amount = nullptr;  // what a second value looks like; null: there is none
  bool one_layer = false;        // cannot be about every layer
};

constexpr std::array<Kind, 12> kinds{
    {{"head-off", "Switch a head off", "All gates of the head become 0: it adds nothing to the layer's result",
      Which::Head},
     {"branch-off", "Switch a branch off", "The gate g of the branch becomes 0, in the shown head or in all of them",
      Which::Branch},
     {"gate", "Set a gate", "The gate g = sigmoid(u Wgate + b) of the branch becomes this number at every point",
      Which::Branch, "0 to 1"},
     {"force-out", "Force a block out", "Taken from what the query's own block selected; the next best is not promoted",
      Which::Selected, nullptr, true},
     {"force-in", "Force a block in", "Added to what the query's own block selects. Offered: blocks it missed",
      Which::Missed, nullptr, true},
     {"hide-block", "Hide a block", "A block is a key for no query and in no branch, but for its own points' local one",
      Which::Block},
     {"S", "Number of selected blocks", "S: how many blocks each query block selects", Which::Count},
     {"exclude", "Exclusion rule", "Which blocks may not be selected: those of the own ball, the own block, or none",
      Which::Exclude},
     {"hide", "Hide points", "The network never sees these points", Which::Points},
     {"move", "Move points", "Shifted in the cloud's unit", Which::Points, "dx, dy, dz"},
     {"scale", "Scale points", "Scaled about their mean", Which::Points, "factor"},
     {"edit", "Change a field", "An input of the network, multiplied at these points", Which::Points, "factor"}}};

bool is_key(const Kind& kind, std::string_view key) {
  return kind.key == key;
}

QString unit_of(const Field& field) {
  return field.unit().empty() ? QString() : " " + QString::fromStdString(field.unit());
}

// Components of a vector one after the other.
QString value_at(const Field& field, std::int64_t point, std::int64_t frame) {
  QStringList parts;
  for (int c = 0; c < field.components(); ++c) parts << number(field.value(point, c, field.frames() > 1 ? frame : 0));
  return parts.join(", ") + unit_of(field);
}

// Long lists of ids would make a tip larger than the screen.
QString shortened(const QString& text) {
  constexpr int most = 240;
  return text.size() <= most ? text : text.left(most / 2) + "…" + text.right(most / 2);
}

}  // namespace

WhatIfPanel::WhatIfPanel(QWidget* parent)
    : QWidget(parent),
      hint_(plain_label()),
      list_title_(heading(tr("Changes"))),
      numbers_title_(heading(tr("What they come to"))),
      note_(plain_label()),
      list_(new Table({tr("change")})),
      numbers_(new Facts),
      kind_(new QComboBox),
      field_(new QComboBox),
      which_(new QComboBox),
      where_(new QComboBox),
      amount_(new QLineEdit),
      add_(new QPushButton(tr("Add"))),
      remove_(new QPushButton(tr("Remove"))),
      switch_(new QPushButton(tr("Off / on"))) {
  setMinimumWidth(250);
  auto* layout = new QVBoxLayout(this);
  layout->setContentsMargins(10, 10, 10, 10);
  layout->setSpacing(6);
  layout->addWidget(hint_);
  layout->addWidget(form_part_ = make_form());
  layout->addWidget(selection_part_ = make_selection_buttons());
  list_->setObjectName("what-if-list");
  list_->setAccessibleName(list_title_->text());
  list_->header()->setDefaultAlignment(Qt::AlignLeft | Qt::AlignVCenter);
  list_->setHeaderHidden(true);
  list_->setMinimumHeight(90);
  layout->addWidget(list_title_);
  layout->addWidget(list_, 1);
  layout->addWidget(list_buttons_ = make_list_buttons());
  layout->addWidget(numbers_title_);
  numbers_->setObjectName("what-if-numbers");
  layout->addWidget(numbers_);
  note_->setProperty("role", "faint");
  layout->addWidget(note_);
  layout->addStretch(0);
  connect(list_, &QTreeWidget::itemChanged, this, [this](QTreeWidgetItem* item) {
    Q_EMIT switched(list_->indexOfTopLevelItem(item), item->checkState(0) == Qt::Checked);
  });
  fit_form();
}

QWidget* WhatIfPanel::make_form() {
  auto* part = new QWidget;
  form_ = new QFormLayout(part);
  form_->setContentsMargins(0, 0, 0, 0);
  form_->setHorizontalSpacing(10);
  for (const Kind& kind : kinds) {
    kind_->addItem(tr(kind.title), QString::fromUtf8(kind.key));
    kind_->setItemData(kind_->count() - 1, tr(kind.tip), Qt::ToolTipRole);
  }
  kind_->setObjectName("what-if-kind");
  which_->setObjectName("what-if-which");
  which_->setEditable(true);
  which_->setInsertPolicy(QComboBox::NoInsert);
  field_->setObjectName("what-if-field");
  amount_->setObjectName("what-if-amount");
  where_->setObjectName("what-if-where");
  add_->setObjectName("what-if-add");
  for (QComboBox* box : {kind_, which_, field_, where_}) {
    box->setSizeAdjustPolicy(QComboBox::AdjustToMinimumContentsLengthWithIcon);
    box->setMinimumContentsLength(12);
  }
  form_->addRow(tr("Change"), kind_);
  form_->addRow(tr("Field"), field_);
  form_->addRow(tr("Which"), which_);
  form_->addRow(tr("By"), amount_);
  form_->addRow(tr("In"), where_);
  form_->addRow(QString(), add_);
  connect(kind_, &QComboBox::currentIndexChanged, this, &WhatIfPanel::fit_form);
  connect(add_, &QPushButton::clicked, this, &WhatIfPanel::add);
  for (QLineEdit* edit : {which_->lineEdit(), amount_})
    connect(edit, &QLineEdit::returnPressed, this, &WhatIfPanel::add);
  return part;
}

QWidget* WhatIfPanel::make_selection_buttons() {
  auto* part = new QWidget;
  auto* line = new QHBoxLayout(part);
  line->setContentsMargins(0, 0, 0, 0);
  line->addWidget(new QLabel(tr("Selection")));
  const auto add = [&](const char* name, const QString& title, const QString& tip, auto what) {
    auto* button = new QPushButton(title);
    button->setObjectName(name);
    button->setToolTip(tip);
    connect(button, &QPushButton::clicked, this, what);
    line->addWidget(button);
  };
  add("what-if-hide-selection", tr("Hide"), tr("The network never sees the selected points (Ctrl+Shift+D)"),
      [this] { Q_EMIT hide_selection_wanted(); });
  add("what-if-move-selection", tr("Move…"),
      tr("Type by how much (Ctrl+Shift+M), or drag them in the picture with Alt and Shift held"),
      [this] { begin("move", "selection"); });
  add("what-if-scale-selection", tr("Scale…"), tr("Type a factor; they are scaled about their mean (Ctrl+Shift+G)"),
      [this] { begin("scale", "selection"); });
  line->addStretch(1);
  return part;
}

void WhatIfPanel::begin(const QString& kind, const QString& points) {
  kind_->setCurrentIndex(kind_->findData(kind));
  which_->setCurrentText(points);
  amount_->setFocus(Qt::ShortcutFocusReason);
}

QWidget* WhatIfPanel::make_list_buttons() {
  auto* part = new QWidget;
  auto* line = new QHBoxLayout(part);
  line->setContentsMargins(0, 0, 0, 0);
  const auto rows = [this] {
    QList<int> marked;
    for (QTreeWidgetItem* item : list_->selectedItems()) marked << list_->indexOfTopLevelItem(item);
    return marked;
  };
  auto* take_away = new QAction(tr("Remove this change"), list_);
  take_away->setShortcut(Qt::Key_Delete);
  take_away->setShortcutContext(Qt::WidgetShortcut);
  connect(take_away, &QAction::triggered, this, [this, rows] {
    if (const QList<int> marked = rows(); !marked.isEmpty()) Q_EMIT removed(marked);
  });
  list_->addAction(take_away);
  remove_->setToolTip(tr("Take the marked changes away (Del)"));
  connect(remove_, &QPushButton::clicked, take_away, &QAction::trigger);
  switch_->setToolTip(tr("Switch the marked changes off, or on again (Space)"));
  connect(switch_, &QPushButton::clicked, this, [this] {
    for (QTreeWidgetItem* item : list_->selectedItems()) {
      item->setCheckState(0, item->checkState(0) == Qt::Checked ? Qt::Unchecked : Qt::Checked);
      return;  // the list is made anew by now
    }
  });
  line->addWidget(switch_);
  line->addWidget(remove_);
  line->addStretch(1);
  auto* difference = new QPushButton(tr("Show difference"));
  difference->setObjectName("what-if-difference");
  difference->setToolTip(tr("Colour the points by the prediction with the changes minus the one without (Ctrl+3)"));
  connect(difference, &QPushButton::clicked, this, [this] { Q_EMIT colour_wanted(what_if_difference); });
  line->addWidget(difference);
  return part;
}

void WhatIfPanel::fit_form() {
  const Kind& kind = kinds[static_cast<std::size_t>(kind_->currentIndex())];
  kind_->setToolTip(tr(kind.tip));
  form_->setRowVisible(field_, is_key(kind, "edit"));
  form_->setRowVisible(amount_, kind.amount != nullptr);
  amount_->clear();
  amount_->setPlaceholderText(kind.amount ? tr(kind.amount) : QString());
  const bool points = kind.which == Which::Points;
  form_->setRowVisible(where_, !points);
  where_->setEnabled(!kind.one_layer);
  if (kind.one_layer) where_->setCurrentIndex(0);
  which_->setToolTip(points ? tr("ball: the query's own in the shown layer; query: the queried point; block12: a block "
                                 "of the layer; all; selection; or ids, 3,10-20")
                            : tr(kind.tip));
  fill_choices();
}

QStringList WhatIfPanel::suggestions() const {
  const auto numbers = [](const std::vector<std::int32_t>& list, const QString& before = {}) {
    QStringList texts;
    for (const std::int32_t value : list) texts << before + QString::number(value);
    return texts;
  };
  switch (kinds[static_cast<std::size_t>(kind_->currentIndex())].which) {
    case Which::Head: {
      QStringList heads;
      for (int head = 0; head < offer_.heads; ++head) heads << QString::number(head);
      return heads;
    }
    case Which::Branch:
      return offer_.selects ? QStringList{"local", "compressed", "selected"} : QStringList{"local"};
    case Which::Selected:
      return numbers(offer_.selected);
    case Which::Missed:
      return numbers(offer_.missed);
    case Which::Block:
      return numbers(offer_.selected) + numbers(offer_.missed);
    case Which::Count:
      return {"1", "2", "4", "8", "16", "32", "64"};
    case Which::Exclude:
      return {"ball", "block", "none"};
    case Which::Points:
      return (offer_.picked ? QStringList{"selection"} : QStringList{}) +
             (offer_.queried ? QStringList{"ball", "query"} : QStringList{}) + numbers(offer_.selected, "block") +
             QStringList{"all"};
  }
  return {};
}

void WhatIfPanel::fill_choices() {
  const QString typed = which_->currentText();
  const QStringList texts = suggestions();
  QStringList present;
  for (int i = 0; i < which_->count(); ++i) present << which_->itemText(i);
  if (present != texts) {
    which_->clear();
    which_->addItems(texts);
    if (texts.contains(typed) || which_->lineEdit()->hasFocus())
      which_->setCurrentText(typed);
    else if (texts.isEmpty())
      which_->setEditText({});
  }
  which_->lineEdit()->setPlaceholderText(texts.isEmpty() ? tr("number of a block") : QString());
}

void WhatIfPanel::add() {
  const Kind& kind = kinds[static_cast<std::size_t>(kind_->currentIndex())];
  const QString which = which_->currentText().trimmed();
  QString amount = amount_->text();
  amount.remove(' ');
  QString text = QString::fromUtf8(kind.key) + "=" + which;
  if (is_key(kind, "gate")) text = "gate." + which + "=" + amount;
  if (is_key(kind, "move") || is_key(kind, "scale")) text += ":" + amount;
  if (is_key(kind, "edit")) text = "edit=" + field_->currentText() + ":" + which + ":" + amount + ":0";
  Q_EMIT added(text, where_->currentIndex() == 1);
}

void WhatIfPanel::show_changes(const std::vector<WhatIfEntry>& entries, const SceneData& shown,
                               const SceneState& state) {
  const bool ready = shown.prediction && shown.prediction->tree && !shown.prediction->layers.empty();
  hint_->setText(
      !ready ? tr("Open a cloud and a checkpoint to ask what the network would say if something were "
                  "different.")
      : entries.empty()
          ? tr("Nothing is changed. Add a change, and the network predicts again with it; Undo takes it back.")
          : QString());
  hint_->setVisible(!hint_->text().isEmpty());
  form_part_->setVisible(ready);
  selection_part_->setVisible(ready && state.picked);
  for (QWidget* part : {static_cast<QWidget*>(list_title_), static_cast<QWidget*>(list_), list_buttons_})
    part->setVisible(ready && !entries.empty());
  Offer offer;
  if (const LayerInfo* layer = ready ? shown_layer(shown, state) : nullptr) {
    offer.layer = layer->layer;
    offer.heads = layer->heads;
    offer.selects = layer->kind == LayerKind::Nsa;
    offer.queried = state.query.point >= 0;
    offer.picked = state.picked != nullptr;
    if (shown.query)
      for (const MarkedBlock& block : shown.query->blocks) offer.selected.push_back(block.block);
    for (const Field& field : shown.cloud->fields()) offer.fields << QString::fromStdString(field.name());
  }
  if (!(offer == offer_)) {
    const QSignalBlocker quiet_field(field_), quiet_where(where_);
    if (offer.fields != offer_.fields) {
      field_->clear();
      field_->addItems(offer.fields);
    }
    const int where = std::max(0, where_->currentIndex());
    where_->clear();
    where_->addItems({tr("layer %1").arg(offer.layer), tr("every layer")});
    where_->setCurrentIndex(where);
    offer_ = offer;
    fill_choices();
  }
  if (entries != listed_) list(entries);
  show_numbers(shown, state);
}

void WhatIfPanel::list(const std::vector<WhatIfEntry>& entries) {
  const QSignalBlocker quiet(list_);
  const int current = list_->indexOfTopLevelItem(list_->currentItem());
  listed_ = entries;
  list_->clear();
  for (const WhatIfEntry& entry : entries) {
    QTreeWidgetItem* item = list_->add_row({QString::fromStdString(in_words(entry))}, 1);
    item->setCheckState(0, entry.on ? Qt::Checked : Qt::Unchecked);
    item->setToolTip(
        0, tr("On the command line: explain ... %1").arg(shortened(QString::fromStdString(as_options(entry, -1)))));
    QFont font = item->font(0);
    font.setStrikeOut(!entry.on);
    item->setFont(0, font);
    if (!entry.on) item->setForeground(0, palette().color(QPalette::PlaceholderText));
  }
  if (list_->topLevelItemCount() > 0)
    list_->setCurrentItem(list_->topLevelItem(std::clamp(current, 0, list_->topLevelItemCount() - 1)));
}

void WhatIfPanel::show_numbers(const SceneData& shown, const SceneState& state) {
  const WhatIfView* view = shown.what_if.get();
  const bool waits = !view && std::any_of(listed_.begin(), listed_.end(), [](const auto& entry) { return entry.on; });
  Facts::Rows rows;
  if (view) {
    const std::int64_t point = state.query.point;
    if (point >= 0 && point < view->prediction.points()) {
      const bool hidden = std::binary_search(view->hidden.begin(), view->hidden.end(), point);
      rows.emplace_back(tr("Point"), whole(shown.cloud->row_id(point)));
      rows.emplace_back(tr("Before"), value_at(*view->before, point, 0));
      rows.emplace_back(tr("After"), hidden ? tr("hidden") : value_at(view->prediction, point, 0));
      if (!hidden) rows.emplace_back(tr("Change"), value_at(view->difference, point, 0));
    }
    rows.emplace_back(tr("Largest change"), number(view->largest) + unit_of(view->difference));
    rows.emplace_back(tr("Root mean square"), number(view->root_mean_square) + unit_of(view->difference));
    if (!view->hidden.empty()) rows.emplace_back(tr("Hidden"), tr("%1 points").arg(whole(std::ssize(view->hidden))));
    rows.emplace_back(tr("Took"), tr("%1 ms").arg(number(1000 * view->seconds)));
  }
  numbers_->show_rows(rows);
  numbers_->setVisible(view);
  numbers_title_->setVisible(view || waits);
  note_->setText(waits && shown.prediction ? tr("The network is asked.")
                 : view ? tr("Change: prediction with the changes minus without, at every point the field \"difference "
                             "(what-if)\". Attention in the picture is the changed run's; summaries, heads and matrix "
                             "stay those of the network as it is.")
                        : QString());
  note_->setVisible(!note_->text().isEmpty());
}

QString WhatIfPanel::text() const {
  QString text;
  for (const WhatIfEntry& entry : listed_)
    text += QString::fromStdString(entry.text) + "\t" + QString::fromStdString(in_words(entry)) + "\t" +
            (entry.on ? tr("on") : tr("off")) + "\n";
  return text;
}

}  // namespace erwin::ui
