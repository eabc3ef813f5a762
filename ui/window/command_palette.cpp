#include "ui/window/command_palette.h"

#include <QApplication>
#include <QHeaderView>
#include <QKeyEvent>
#include <QLineEdit>
#include <QTreeWidget>
#include <QVBoxLayout>
#include <algorithm>
#include <utility>

namespace erwin::ui {

namespace {

int match_word(const PaletteEntry& entry, const QString& word) {
  const auto position = entry.text.indexOf(word, 0, Qt::CaseInsensitive);
  if (position == 0) return 8;
  if (position > 0) return entry.text[position - 1].isLetterOrNumber() ? 3 : 6;
  if (entry.name.contains(word, Qt::CaseInsensitive)) return 2;
  return entry.help.contains(word, Qt::CaseInsensitive) ? 1 : 0;
}

}  // namespace

int match(const PaletteEntry& entry, const QString& typed) {
  const QStringList words = typed.split(' ', Qt::SkipEmptyParts);
  int sum = 1;
  for (const QString& word : words) {
    const int score = match_word(entry, word);
    if (score == 0) return 0;
    sum += score;
  }
  if (entry.name.compare(typed.trimmed(), Qt::CaseInsensitive) == 0) sum += 20;
  return sum;
}

CommandPalette::CommandPalette(QWidget* parent, std::vector<PaletteEntry> entries,
                               std::function<std::optional<PaletteEntry>(const QString&)> interpret)
    : QDialog(parent, Qt::Popup),
      entries_(std::move(entries)),
      interpret_(std::move(interpret)),
      line_(new QLineEdit),
      list_(new QTreeWidget) {
  setObjectName("palette");
  setAttribute(Qt::WA_DeleteOnClose);
  auto* layout = new QVBoxLayout(this);
  layout->setContentsMargins(10, 10, 10, 10);
  line_->setPlaceholderText(tr("Search actions and options; Enter does what is marked"));
  line_->setAccessibleName(tr("Search actions and options"));
  line_->setClearButtonEnabled(true);
  layout->addWidget(line_);
  list_->setColumnCount(3);
  list_->setHeaderHidden(true);
  list_->setRootIsDecorated(false);
  list_->setUniformRowHeights(true);
  list_->setFocusPolicy(Qt::NoFocus);
  list_->setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
  list_->setTextElideMode(Qt::ElideRight);
  list_->header()->setStretchLastSection(false);
  list_->header()->setSectionResizeMode(0, QHeaderView::ResizeToContents);
  list_->header()->setSectionResizeMode(1, QHeaderView::Stretch);
  list_->header()->setSectionResizeMode(2, QHeaderView::ResizeToContents);
  layout->addWidget(list_, 1);
  line_->installEventFilter(this);
  connect(line_, &QLineEdit::textChanged, this, &CommandPalette::search);
  connect(line_, &QLineEdit::returnPressed, this, &CommandPalette::choose);
  connect(list_, &QTreeWidget::itemClicked, this, &CommandPalette::choose);
  const QSize room = parent->size();
  resize(std::min(680, room.width() - 40), std::min(420, room.height() - 80));
  move(parent->mapToGlobal(QPoint((room.width() - width()) / 2, 56)));
  search({});
  line_->setFocus();
}

void CommandPalette::search(const QString& typed) {
  std::vector<std::pair<int, const PaletteEntry*>> ranked;
  for (const PaletteEntry& entry : entries_)
    if (const int score = match(entry, typed)) ranked.emplace_back(score, &entry);
  std::stable_sort(ranked.begin(), ranked.end(), [](const auto& a, const auto& b) { return a.first > b.first; });
  found_.clear();
  if (auto entry = interpret_(typed)) found_.push_back(std::move(*entry));
  for (const auto& [score, entry] : ranked) found_.push_back(*entry);
  list_->clear();
  const QColor faint = palette().color(QPalette::PlaceholderText);
  for (const PaletteEntry& entry : found_) {
    auto* item = new QTreeWidgetItem(list_, {entry.text, entry.help, entry.shortcut});
    item->setForeground(1, faint);
    item->setTextAlignment(2, Qt::AlignRight | Qt::AlignVCenter);
    item->setToolTip(1, entry.help);
    if (!entry.enabled) item->setDisabled(true);
  }
  if (found_.empty()) {
    auto* item = new QTreeWidgetItem(list_, {tr("Nothing has this name"), {}, {}});
    item->setDisabled(true);
  } else {
    const auto usable = std::find_if(found_.begin(), found_.end(), [](const PaletteEntry& e) { return e.enabled; });
    const auto row = usable == found_.end() ? 0 : std::distance(found_.begin(), usable);
    list_->setCurrentItem(list_->topLevelItem(static_cast<int>(row)));
  }
}

void CommandPalette::choose() {
  const int row = list_->indexOfTopLevelItem(list_->currentItem());
  if (row < 0 || row >= static_cast<int>(found_.size()) || !found_[static_cast<std::size_t>(row)].enabled) return;
  chosen_ = found_[static_cast<std::size_t>(row)];
  accept();
}

bool CommandPalette::eventFilter(QObject* watched, QEvent* event) {
  if (event->type() == QEvent::KeyPress) {
    const auto* key = static_cast<QKeyEvent*>(event);
    switch (key->key()) {
      case Qt::Key_Up:
      case Qt::Key_Down:
      case Qt::Key_PageUp:
      case Qt::Key_PageDown:
        QApplication::sendEvent(list_, event);
        return true;
      default:
        break;
    }
  }
  return QDialog::eventFilter(watched, event);
}

}  // namespace erwin::ui
