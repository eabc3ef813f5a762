#pragma once
// The one list of what can be said about a picture: the options of `render` (--NAME TEXT), the recipe in its PNG files,
// `set NAME TEXT` of `gui --play` and the window's controls all use these names, words and checks.

#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ui/scene/scene_state.h"

namespace erwin::ui {

struct SceneOption {
  std::string name;                  // "point-size"
  std::string form;                  // what a value looks like: "NUMBER", "LOW,HIGH", "off|outline|fill"
  std::string help;                  // half a sentence
  std::vector<std::string> choices;  // where only these words are allowed; else empty

  // Reads a value into the state. cloud: what the picture shows, or null where it is not known yet; a point's id is
  // then taken on trust. So is a field's name always: only the picture's owner knows all fields. Raises Error{Config}
  // that says what is allowed.
  std::function<void(SceneState& state, const std::string& text, const PointCloud* cloud)> set;
  // The value as text that `set` reads back to the same state.
  std::function<std::string(const SceneState& state, const PointCloud* cloud)> print;
};

// In the order in which they are listed and must be set: later ones refine earlier ones.
std::span<const SceneOption> scene_options();

// Null where there is no such option.
const SceneOption* find_scene_option(std::string_view name);

// Sets one by name; the state stays as it was where this raises Error{Config}: no such name, not such a value.
void set_scene_option(SceneState& state, std::string_view name, const std::string& text, const PointCloud* cloud);
std::string print_scene_option(const SceneState& state, std::string_view name, const PointCloud* cloud);

// ---- For the files that contribute to the list ----

// "this NAME is not understood (NAME TEXT). hint".
[[noreturn]] void reject_option(const std::string& name, const std::string& text, const std::string& hint);

// An option that is one of some words.
template <typename T>
SceneOption choice_option(std::string name, std::string help, T SceneState::*member,
                          std::vector<std::pair<std::string, T>> words) {
  SceneOption option;
  for (const auto& [word, value] : words) {
    option.form += (option.form.empty() ? "" : "|") + word;
    option.choices.push_back(word);
  }
  option.set = [name, form = option.form, member, words](SceneState& state, const std::string& text,
                                                         const PointCloud*) {
    for (const auto& [word, value] : words)
      if (word == text) {
        state.*member = value;
        return;
      }
    reject_option(name, text, "Use one of " + form);
  };
  option.print = [member, words](const SceneState& state, const PointCloud*) {
    for (const auto& [word, value] : words)
      if (value == state.*member) return word;
    return std::string();
  };
  option.name = std::move(name);
  option.help = std::move(help);
  return option;
}

// on|off.
SceneOption switch_option(std::string name, std::string help, bool SceneState::*member);
// A number within limits.
SceneOption number_option(std::string name, std::string help, double SceneState::*member, double low, double high);
// A whole number within limits; `member` finds it in the state.
SceneOption whole_option(std::string name, std::string help, std::function<int&(SceneState&)> member, int low,
                         int high);
// Any text.
SceneOption text_option(std::string name, std::string form, std::string help, std::string SceneState::*member);

// Tree, query and attention: tree_options.cpp.
std::vector<SceneOption> tree_options();
// The attention matrix: matrix_options.cpp.
std::vector<SceneOption> matrix_options();

}  // namespace erwin::ui
