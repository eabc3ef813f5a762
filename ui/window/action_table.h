#pragma once
// Every action of the window: what menus, shortcuts, tooltips, the palette, `--play` and the help pages are made from.
// No Qt here: `gui --help` lists it without a display.

#include <string>
#include <string_view>
#include <vector>

namespace erwin::ui {

struct ActionSpec {
  const char* name;      // "level-up": for --play and the palette
  const char* menu;      // "Go"
  const char* text;      // of the menu entry, with its mnemonic
  const char* shortcut;  // as QKeySequence reads it; every action has one
  const char* help;      // one sentence without a full stop
  bool checkable = false;
};

// By menu, in the menus' order.
const std::vector<ActionSpec>& action_table();
// Null where there is none.
const ActionSpec* find_action(std::string_view name);
// The text without its mnemonic.
std::string plain_text(const ActionSpec& action);

// One line an action: name, shortcut, help.
std::string actions_text();

}  // namespace erwin::ui
