#include "core/io/internal/frames.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <iterator>

#include "core/base/memory.h"
#include "core/io/internal/numbers.h"

namespace erwin::io {

namespace {

// Replaces the numbers of words by atomic numbers; returns the sentence that says what the numbers mean.
std::string settle_words(FrameColumn& column) {
  std::vector<int> elements;
  for (const std::string& word : column.legend.words()) {
    const std::uint64_t number = to_count(word).value_or(0);
    elements.push_back(number <= 118 && number > 0 ? static_cast<int>(number) : atomic_number(word));
  }
  if (std::count(elements.begin(), elements.end(), 0) > 0)
    return "The column '" + column.name + "' holds words, numbered as they appear: " + column.legend.legend() + ".";
  for (double& value : column.values) value = elements[static_cast<std::size_t>(value)];
  return "The column '" + column.name + "' holds elements, shown by their atomic numbers.";
}

bool same_in_every_frame(const std::vector<double>& values, std::size_t frames) {
  const std::size_t size = values.size() / frames;
  for (std::size_t frame = 1; frame < frames; ++frame)
    if (std::memcmp(values.data(), values.data() + frame * size, size * sizeof(double)) != 0) return false;
  return true;
}

}  // namespace

void require_memory_for_rows(std::size_t bytes, std::size_t first_row_bytes, std::size_t numbers_per_row) {
  const std::uint64_t rows = bytes / (first_row_bytes + 1) + 1;
  require_memory(saturating_product(rows, (numbers_per_row + 4) * sizeof(double)), "the atoms of the file");
}

int atomic_number(std::string_view symbol) {
  static constexpr std::string_view symbols[] = {
      "H",  "He", "Li", "Be", "B",  "C",  "N",  "O",  "F",  "Ne", "Na", "Mg", "Al", "Si", "P",  "S",  "Cl",
      "Ar", "K",  "Ca", "Sc", "Ti", "V",  "Cr", "Mn", "Fe", "Co", "Ni", "Cu", "Zn", "Ga", "Ge", "As", "Se",
      "Br", "Kr", "Rb", "Sr", "Y",  "Zr", "Nb", "Mo", "Tc", "Ru", "Rh", "Pd", "Ag", "Cd", "In", "Sn", "Sb",
      "Te", "I",  "Xe", "Cs", "Ba", "La", "Ce", "Pr", "Nd", "Pm", "Sm", "Eu", "Gd", "Tb", "Dy", "Ho", "Er",
      "Tm", "Yb", "Lu", "Hf", "Ta", "W",  "Re", "Os", "Ir", "Pt", "Au", "Hg", "Tl", "Pb", "Bi", "Po", "At",
      "Rn", "Fr", "Ra", "Ac", "Th", "Pa", "U",  "Np", "Pu", "Am", "Cm", "Bk", "Cf", "Es", "Fm", "Md", "No",
      "Lr", "Rf", "Db", "Sg", "Bh", "Hs", "Mt", "Ds", "Rg", "Cn", "Nh", "Fl", "Mc", "Lv", "Ts", "Og"};
  const auto found = std::find(std::begin(symbols), std::end(symbols), symbol);
  return found == std::end(symbols) ? 0 : static_cast<int>(found - std::begin(symbols)) + 1;
}

void add_frame_column(FrameColumn column, std::int64_t frames, CloudBuilder& builder) {
  if (column.words) builder.remark(settle_words(column));
  if (frames > 1 && same_in_every_frame(column.values, static_cast<std::size_t>(frames))) {
    column.values.resize(column.values.size() / static_cast<std::size_t>(frames));
    frames = 1;
  }
  const bool whole = std::all_of(column.values.begin(), column.values.end(),
                                 [](double v) { return v == std::floor(v) && std::abs(v) < 1 << 24; });
  const bool label = column.components == 1 && (column.words || (names_a_label(column.name) && whole));
  const FieldKind kind = label ? FieldKind::Label : column.components == 1 ? FieldKind::Scalar : FieldKind::Vector;
  builder.add_field(std::move(column.name), kind, column.components, std::move(column.values), {}, frames);
}

}  // namespace erwin::io
