#include <algorithm>
#include <cmath>

#include "ui/scene/numbers.h"
#include "ui/scene/scene_options.h"

namespace erwin::ui {

std::string to_string(const MatrixPart& part) {
  if (part.slots <= 0) return "whole";
  return exact_number(part.row) + "," + exact_number(part.column) + "," + exact_number(part.length) + "," +
         std::to_string(part.slots);
}

MatrixPart matrix_part_from(const std::string& text) {
  if (text == "whole") return {};
  const std::vector<double> numbers = numbers_in(text);
  constexpr double most = 1e15;  // whole numbers up to here are exact
  const bool good = numbers.size() == 4 &&
                    std::all_of(numbers.begin(), numbers.end(), [](double x) { return x >= 0 && x <= most; }) &&
                    numbers[2] > 0 && numbers[3] >= 1 && std::floor(numbers[3]) == numbers[3];
  if (!good)
    reject_option("matrix-window", text,
                  "Write it as whole, or ROW,COLUMN,LENGTH,SLOTS: first slots, slots along a side, slots of the tree");
  return {numbers[0], numbers[1], numbers[2], static_cast<std::int64_t>(numbers[3])};
}

std::vector<SceneOption> matrix_options() {
  return {{"matrix-window",
           "whole|ROW,COLUMN,LENGTH,SLOTS",
           "part of the attention matrix, in slots of a tree with so many; of another tree: the whole",
           {},
           [](SceneState& state, const std::string& text, const PointCloud*) { state.matrix = matrix_part_from(text); },
           [](const SceneState& state, const PointCloud*) { return to_string(state.matrix); }},
          choice_option<bool>("matrix-scale", "colours of the attention matrix", &SceneState::matrix_log,
                              {{"log", true}, {"linear", false}})};
}

}  // namespace erwin::ui
