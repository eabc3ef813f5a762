#pragma once
// Ctrl+K: a list of everything that can be done, searched while typing.

#include <QDialog>
#include <QString>
#include <functional>
#include <optional>
#include <vector>

class QLineEdit;
class QTreeWidget;

namespace erwin::ui {

struct PaletteEntry {
  QString text, name, help, shortcut;
  bool enabled = true;
  std::function<void()> run;
};

// How well an entry answers what was typed: 0 not at all; every word must occur somewhere. Words at the start of the
// text count most, then of any of its words, then inside, then in name and help.
int match(const PaletteEntry& entry, const QString& typed);

class CommandPalette : public QDialog {
  Q_OBJECT
public:
  // `interpret`: an entry made from the typed text itself ("point-size 2"), or nothing.
  CommandPalette(QWidget* parent, std::vector<PaletteEntry> entries,
                 std::function<std::optional<PaletteEntry>(const QString&)> interpret);
  // Closed first, then run: what was chosen may open a window of its own.
  std::optional<PaletteEntry> chosen() const { return chosen_; }

protected:
  bool eventFilter(QObject* watched, QEvent* event) override;

private:
  void search(const QString& typed);
  void choose();

  std::vector<PaletteEntry> entries_, found_;
  std::function<std::optional<PaletteEntry>(const QString&)> interpret_;
  std::optional<PaletteEntry> chosen_;
  QLineEdit* line_;
  QTreeWidget* list_;
};

}  // namespace erwin::ui
