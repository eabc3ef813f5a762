// LAMMPS text dumps ("dump custom" and "dump atom"): frames of atoms, sorted by id; wrapped, unwrapped and scaled
// coordinates; orthogonal, triclinic and general triclinic boxes (LAMMPS manual, "dump" and "Howto_triclinic").

#include <algorithm>
#include <array>
#include <numeric>

#include "core/base/error.h"
#include "core/io/internal/cloud_builder.h"
#include "core/io/internal/file_bytes.h"
#include "core/io/internal/frames.h"
#include "core/io/internal/numbers.h"
#include "core/io/internal/text_scan.h"
#include "core/io/readers.h"

namespace erwin::io {

namespace {

constexpr std::size_t kMostColumns = 1000;

struct Box {
  std::array<double, 3> origin{};
  std::array<std::array<double, 3>, 3> edge{};  // a, b, c
};

// Spellings of the position, best first; the last two are fractions of the box.
struct Spelling {
  std::array<std::string_view, 3> names;
  bool scaled;
};
constexpr Spelling kSpellings[] = {
    {{"x", "y", "z"}, false}, {{"xu", "yu", "zu"}, false}, {{"xs", "ys", "zs"}, true}, {{"xsu", "ysu", "zsu"}, true}};

class DumpParser {
public:
  DumpParser(std::string_view text, const Job& job) : lines_(text), bytes_(text.size()), job_(job) {}

  void parse() {
    for (std::string_view line; lines_.next(line);) {
      if (trimmed(line).empty()) continue;
      parse_frame(line);
    }
  }

  std::int64_t frames() const { return frames_; }
  std::string_view unit() const { return unit_; }
  bool sorted_by_id() const { return id_ >= 0; }
  std::vector<double>& positions() { return positions_; }
  std::vector<FrameColumn>& columns() { return columns_; }
  std::string steps() const {
    return std::to_string(first_step_) + (frames_ > 1 ? " to " + std::to_string(last_step_) : std::string());
  }
  bool used(int column) const { return std::find(axes_.begin(), axes_.end(), column) != axes_.end(); }

private:
  [[noreturn]] void broken(const std::string& what) const {
    throw Error(ErrorKind::Format, "the LAMMPS dump is broken: " + what, "line " + std::to_string(lines_.number()),
                "Check that line of the file");
  }
  std::string_view line_of(const char* what) {
    std::string_view line;
    if (!lines_.next(line)) broken(std::string("it ends where ") + what + " was expected");
    return trimmed(line);
  }
  static bool is_item(std::string_view line, std::string_view name) {
    return line.starts_with("ITEM: ") && trimmed(line.substr(6)).starts_with(name);
  }
  void require_item(std::string_view line, std::string_view name) const {
    if (!is_item(line, name)) broken("'ITEM: " + std::string(name) + "' was expected, not " + in_quotes(line));
  }

  void parse_frame(std::string_view first) {
    std::string_view line = trimmed(first);
    while (is_item(line, "UNITS") || (is_item(line, "TIME") && !is_item(line, "TIMESTEP"))) {
      const std::string_view value = line_of("a value");
      if (is_item(line, "UNITS")) unit_ = value;
      line = line_of("ITEM: TIMESTEP");
    }
    require_item(line, "TIMESTEP");
    const auto step = to_count(line_of("the time step"));
    if (!step) broken("the time step is no whole number");
    line = line_of("ITEM: NUMBER OF ATOMS");
    if (is_item(line, "TIME")) {
      line_of("the time");
      line = line_of("ITEM: NUMBER OF ATOMS");
    }
    require_item(line, "NUMBER OF ATOMS");
    const auto count = to_count(line_of("the number of atoms"));
    if (!count) broken("the number of atoms is no whole number");
    const Box box = parse_box(line_of("ITEM: BOX BOUNDS"));
    const std::string_view header = line_of("ITEM: ATOMS");
    require_item(header, "ATOMS");
    require_count(*count);
    choose_columns(header);
    parse_atoms(*count, box);
    if (frames_ == 0) first_step_ = *step;
    last_step_ = *step;
    ++frames_;
  }

  void require_count(std::uint64_t count) {
    if (count == 0)
      throw Error(ErrorKind::Format, "there are no points in this LAMMPS dump",
                  "frame " + std::to_string(frames_) + " has no atoms", "Open a dump that holds at least one atom");
    if (saturating_product(count, 4) > lines_.rest().size() + 1)
      broken("it is cut off: " + std::to_string(count) + " atoms cannot fit into the remaining " +
             std::to_string(lines_.rest().size()) + " bytes");
    if (frames_ > 0 && count != atoms_)
      throw Error(
          ErrorKind::Format, "the frames of this LAMMPS dump have different numbers of atoms",
          "line " + std::to_string(lines_.number()) + ": " + std::to_string(count) + " after " + std::to_string(atoms_),
          "Dump a group with a fixed number of atoms");
    atoms_ = count;
  }

  template <std::size_t Count>
  std::array<double, Count> numbers_of_line(const char* what) {
    std::string_view rest = line_of(what);
    std::array<double, Count> numbers{};
    for (double& number : numbers) {
      const std::string_view word = next_word(rest);
      const auto value = to_number(word);
      if (!value) broken(in_quotes(word) + " is no number of " + what);
      number = *value;
    }
    if (!next_word(rest).empty()) broken(std::string("too many numbers in ") + what);
    return numbers;
  }

  Box parse_box(std::string_view line) {
    require_item(line, "BOX BOUNDS");
    Box box;
    if (line.find("abc origin") != std::string_view::npos) {
      for (std::size_t a = 0; a < 3; ++a) {
        const auto numbers = numbers_of_line<4>("the box");
        std::copy_n(numbers.begin(), 3, box.edge[a].begin());
        box.origin[a] = numbers[3];
      }
      return box;
    }
    std::array<double, 3> low{}, high{}, tilt{};  // xy, xz, yz
    const bool triclinic = line.find("xy xz yz") != std::string_view::npos;
    for (std::size_t a = 0; a < 3; ++a) {
      if (triclinic) {
        const auto numbers = numbers_of_line<3>("the box");
        low[a] = numbers[0], high[a] = numbers[1], tilt[a] = numbers[2];
      } else {
        const auto numbers = numbers_of_line<2>("the box");
        low[a] = numbers[0], high[a] = numbers[1];
      }
    }
    const auto [xy, xz, yz] = tilt;
    // The bounds are those of the box around the tilted one.
    low[0] -= std::min({0.0, xy, xz, xy + xz});
    high[0] -= std::max({0.0, xy, xz, xy + xz});
    low[1] -= std::min(0.0, yz);
    high[1] -= std::max(0.0, yz);
    box.origin = low;
    box.edge = {{{high[0] - low[0], 0, 0}, {xy, high[1] - low[1], 0}, {xz, yz, high[2] - low[2]}}};
    return box;
  }

  void choose_columns(std::string_view header) {
    std::vector<std::string_view> names = words_of(header);
    names.erase(names.begin(), names.begin() + 2);  // ITEM: ATOMS
    if (frames_ > 0) {
      if (!std::equal(names.begin(), names.end(), columns_.begin(), columns_.end(),
                      [](std::string_view a, const FrameColumn& b) { return a == b.name; }))
        broken("a frame has other columns than the first");
      return;
    }
    if (names.empty() || names.size() > kMostColumns) broken("'ITEM: ATOMS' names no columns");
    const auto find = [&names](std::string_view name) {
      const auto found = std::find(names.begin(), names.end(), name);
      return found == names.end() ? -1 : static_cast<int>(found - names.begin());
    };
    for (auto spelling = std::rbegin(kSpellings); spelling != std::rend(kSpellings); ++spelling) {
      const std::array<int, 3> axes = {find(spelling->names[0]), find(spelling->names[1]), find(spelling->names[2])};
      if (*std::min_element(axes.begin(), axes.end()) < 0) continue;
      axes_ = axes;
      scaled_ = spelling->scaled;
    }
    if (axes_[0] < 0) broken("its columns hold no positions (x y z, xu yu zu, xs ys zs or xsu ysu zsu)");
    id_ = find("id");
    for (const std::string_view name : names) columns_.push_back({std::string(name), 1, false, {}, {}});
    LineReader ahead = lines_;
    std::string_view first_atom;
    ahead.next(first_atom);
    require_memory_for_rows(lines_.rest().size(), first_atom.size(), 2 * names.size());
  }

  // A column holds words where its very first cell is one; positions and ids must be numbers.
  double parse_cell(std::string_view word, std::size_t index, bool first_row) {
    if (word.empty()) broken("a line has too few columns");
    const auto value = to_number(word);
    FrameColumn& column = columns_[index];
    if (!value && first_row && frames_ == 0)
      column.words = !used(static_cast<int>(index)) && static_cast<int>(index) != id_;
    if (column.words) return column.legend.number_of(word);
    if (!value) broken(in_quotes(word) + " is no number");
    return *value;
  }

  void parse_atoms(std::uint64_t count, const Box& box) {
    const std::size_t width = columns_.size();
    std::vector<double> rows;
    rows.reserve(static_cast<std::size_t>(std::min<std::uint64_t>(saturating_product(count, width), bytes_ / 2 + 1)));
    for (std::uint64_t atom = 0; atom < count; ++atom) {
      std::string_view line;
      if (!lines_.next(line))
        broken("it ends after " + std::to_string(atom) + " of " + std::to_string(count) + " atoms");
      if (lines_.number() % 4096 == 0) {
        job_.check();
        job_.progress(0.3 + 0.5 * static_cast<double>(lines_.offset()) / static_cast<double>(bytes_), "reading atoms");
      }
      for (std::size_t c = 0; c < width; ++c) rows.push_back(parse_cell(next_word(line), c, atom == 0));
      if (!next_word(line).empty()) broken("a line has too many columns");
    }
    for (const std::size_t row : order_by_id(rows, static_cast<std::size_t>(count)))
      store(rows.data() + row * width, box);
  }

  // The rows of this frame by rising id; the ids must be those of the first frame.
  std::vector<std::size_t> order_by_id(const std::vector<double>& rows, std::size_t count) {
    std::vector<std::size_t> order(count);
    std::iota(order.begin(), order.end(), std::size_t{0});
    if (id_ < 0) return order;
    const auto id = [&](std::size_t row) { return rows[row * columns_.size() + static_cast<std::size_t>(id_)]; };
    for (std::size_t row = 0; row < count; ++row)
      if (!(id(row) >= 0 && id(row) < 9e15)) broken("an atom's id is not valid");
    std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return id(a) < id(b); });
    for (std::size_t i = 1; i < count; ++i)
      if (id(order[i]) == id(order[i - 1]))
        broken("two atoms of a frame have the id " + std::to_string(static_cast<std::uint64_t>(id(order[i]))));
    const std::vector<double>& first = columns_[static_cast<std::size_t>(id_)].values;
    for (std::size_t i = 0; frames_ > 0 && i < count; ++i)
      if (id(order[i]) != first[i]) broken("a frame holds other atoms than the first");
    return order;
  }

  void store(const double* row, const Box& box) {
    std::array<double, 3> position{};
    for (std::size_t a = 0; a < 3; ++a) position[a] = row[axes_[a]];
    if (scaled_) {
      const std::array<double, 3> fraction = position;
      for (std::size_t a = 0; a < 3; ++a)
        position[a] =
            box.origin[a] + fraction[0] * box.edge[0][a] + fraction[1] * box.edge[1][a] + fraction[2] * box.edge[2][a];
    }
    positions_.insert(positions_.end(), position.begin(), position.end());
    for (std::size_t c = 0; c < columns_.size(); ++c)
      if (!used(static_cast<int>(c))) columns_[c].values.push_back(row[c]);
  }

  LineReader lines_;
  std::size_t bytes_;
  const Job& job_;
  std::uint64_t atoms_ = 0, first_step_ = 0, last_step_ = 0;
  std::int64_t frames_ = 0;
  std::array<int, 3> axes_ = {-1, -1, -1};
  int id_ = -1;
  bool scaled_ = false;
  std::string_view unit_;
  std::vector<double> positions_;
  std::vector<FrameColumn> columns_;
};

}  // namespace

PointCloud::Parts read_lammps(const Path& path, const OpenOptions& options, const Job& job) {
  const FileBytes bytes(path, job);
  CloudBuilder builder("LAMMPS dump", options, job);
  DumpParser parser(bytes.view(), job);
  parser.parse();
  builder.set_positions(std::move(parser.positions()), std::max<std::int64_t>(parser.frames(), 1));
  builder.remark("Time steps " + parser.steps() + ".");
  if (!parser.unit().empty()) builder.remark("LAMMPS units: " + std::string(parser.unit()) + ".");
  if (parser.sorted_by_id())
    builder.remark("The atoms are sorted by their id: the first point is the one with the lowest.");
  else
    builder.remark("The atoms have no id: they are taken to be in the same order in every frame.");
  for (std::size_t c = 0; c < parser.columns().size(); ++c)
    if (!parser.used(static_cast<int>(c))) add_frame_column(std::move(parser.columns()[c]), parser.frames(), builder);
  return builder.finish();
}

}  // namespace erwin::io
