// XYZ files of atoms: count, comment, one line per atom; several frames; extended XYZ with
// Properties=name:type:columns.

#include <algorithm>
#include <optional>

#include "core/base/error.h"
#include "core/io/internal/cloud_builder.h"
#include "core/io/internal/file_bytes.h"
#include "core/io/internal/frames.h"
#include "core/io/internal/numbers.h"
#include "core/io/internal/text_scan.h"
#include "core/io/readers.h"

namespace erwin::io {

namespace {

struct Property {
  std::string name;
  char type = 'R';  // S words, R reals, I whole numbers, L truth values
  int columns = 1;
};

[[noreturn]] void broken(const std::string& what, std::int64_t line) {
  throw Error(ErrorKind::Format, "the XYZ file is broken: " + what, "line " + std::to_string(line),
              "Check that line of the file");
}

// The value of Properties= in the comment line, quoted or not; nothing in a plain XYZ file.
std::optional<std::string_view> properties_text(std::string_view comment) {
  const std::size_t key = lower(comment).find("properties=");
  if (key == std::string::npos || (key > 0 && comment[key - 1] != ' ' && comment[key - 1] != '\t')) return std::nullopt;
  std::string_view rest = comment.substr(key + 11);
  const char end = !rest.empty() && (rest.front() == '"' || rest.front() == '\'') ? rest.front() : ' ';
  if (end != ' ') rest.remove_prefix(1);
  return rest.substr(0, rest.find(end));
}

std::vector<Property> parse_properties(std::string_view text, std::int64_t line) {
  std::vector<std::string_view> parts;
  while (true) {
    const std::size_t end = text.find(':');
    parts.push_back(trimmed(text.substr(0, end)));
    if (end == std::string_view::npos) break;
    text.remove_prefix(end + 1);
  }
  if (parts.size() % 3 != 0 || parts.size() > 3000) broken("Properties is not made of name:type:columns", line);
  std::vector<Property> properties;
  for (std::size_t p = 0; p < parts.size(); p += 3) {
    const auto columns = to_count(parts[p + 2]);
    if (parts[p].empty() || parts[p + 1].size() != 1 ||
        std::string_view("SRIL").find(parts[p + 1][0]) == std::string_view::npos)
      broken("Properties names the unknown type " + in_quotes(parts[p + 1]), line);
    if (!columns || *columns < 1 || *columns > 1000)
      broken("Properties has no valid number of columns: " + in_quotes(parts[p + 2]), line);
    properties.push_back({std::string(parts[p]), parts[p + 1][0], static_cast<int>(*columns)});
  }
  return properties;
}

// A plain file: an element or its number, three coordinates, further numbers.
std::vector<Property> plain_properties(std::string_view atom_line) {
  const std::size_t words = words_of(atom_line).size();
  std::vector<Property> properties = {{"species", 'S', 1}, {"pos", 'R', 3}};
  for (std::size_t c = 5; c <= std::min<std::size_t>(words, 1000); ++c)
    properties.push_back({"column_" + std::to_string(c), 'R', 1});
  return properties;
}

class XyzParser {
public:
  XyzParser(std::string_view text, const Job& job) : lines_(text), bytes_(text.size()), job_(job) {}

  void parse() {
    for (std::string_view line; lines_.next(line);)
      if (!trimmed(line).empty()) parse_frame(line);
  }

  std::int64_t frames() const { return frames_; }
  std::vector<double>& positions() { return positions_; }
  std::vector<FrameColumn>& columns() { return columns_; }

private:
  void parse_frame(std::string_view count_line) {
    const auto count = to_count(trimmed(count_line));
    if (!count) broken("a number of atoms was expected, not " + in_quotes(count_line), lines_.number());
    std::string_view comment;
    if (!lines_.next(comment)) broken("it ends where a comment line was expected", lines_.number());
    // A line of three coordinates has at least five characters and its end.
    if (saturating_product(*count, 6) > lines_.rest().size() + 1)
      broken("it is cut off: " + std::to_string(*count) + " atoms cannot fit into the remaining " +
                 std::to_string(lines_.rest().size()) + " bytes",
             lines_.number());
    if (*count == 0)
      throw Error(ErrorKind::Format, "there are no points in this XYZ file",
                  "line " + std::to_string(lines_.number() - 1) + ": 0 atoms",
                  "Open a file that holds at least one atom");
    if (frames_ > 0 && *count != atoms_)
      throw Error(ErrorKind::Format, "the frames of this XYZ file have different numbers of atoms",
                  "line " + std::to_string(lines_.number() - 1) + ": " + std::to_string(*count) + " after " +
                      std::to_string(atoms_),
                  "Split the file into one file for each molecule");
    choose_properties(comment);
    if (frames_ == 0) prepare(*count);
    for (std::uint64_t atom = 0; atom < *count; ++atom) {
      std::string_view line;
      if (!lines_.next(line))
        broken("it ends after " + std::to_string(atom) + " of " + std::to_string(*count) + " atoms", lines_.number());
      if (lines_.number() % 4096 == 0) {
        job_.check();
        job_.progress(0.3 + 0.5 * static_cast<double>(lines_.offset()) / static_cast<double>(bytes_), "reading atoms");
      }
      parse_atom(line);
    }
    ++frames_;
  }

  void choose_properties(std::string_view comment) {
    const auto text = properties_text(comment);
    LineReader ahead = lines_;
    std::string_view first_atom;
    ahead.next(first_atom);
    std::vector<Property> properties = text ? parse_properties(*text, lines_.number()) : plain_properties(first_atom);
    if (frames_ == 0) {
      properties_ = std::move(properties);
      const bool positions = std::any_of(properties_.begin(), properties_.end(), is_position);
      if (!positions) broken("Properties names no positions (pos:R:3)", lines_.number());
    } else if (!std::equal(properties.begin(), properties.end(), properties_.begin(), properties_.end(),
                           [](const Property& a, const Property& b) {
                             return a.name == b.name && a.type == b.type && a.columns == b.columns;
                           })) {
      broken("a frame has other columns than the first", lines_.number());
    }
  }

  static bool is_position(const Property& property) {
    const std::string name = lower(property.name);
    return property.type == 'R' && property.columns == 3 &&
           (name == "pos" || name == "position" || name == "positions");
  }

  void prepare(std::uint64_t count) {
    atoms_ = count;
    std::size_t numbers = 0;
    for (const Property& property : properties_) {
      columns_.push_back({property.name, property.columns, property.type == 'S', {}, {}});
      numbers += static_cast<std::size_t>(property.columns);
    }
    LineReader ahead = lines_;
    std::string_view first_atom;
    ahead.next(first_atom);
    require_memory_for_rows(lines_.rest().size(), first_atom.size(), numbers);
  }

  double parse_word(std::string_view word, const Property& property, FrameColumn& column) const {
    if (word.empty()) broken("a line has too few columns", lines_.number());
    if (property.type == 'S') return column.legend.number_of(word);
    if (property.type == 'L') {
      const std::string truth = lower(word);
      if (truth == "t" || truth == "true" || truth == "1") return 1;
      if (truth == "f" || truth == "false" || truth == "0") return 0;
      broken(in_quotes(word) + " is neither T nor F", lines_.number());
    }
    const auto value = to_number(word);
    if (!value) broken(in_quotes(word) + " is no number", lines_.number());
    return *value;
  }

  void parse_atom(std::string_view line) {
    for (std::size_t p = 0; p < properties_.size(); ++p)
      for (int c = 0; c < properties_[p].columns; ++c) {
        const double value = parse_word(next_word(line), properties_[p], columns_[p]);
        (is_position(properties_[p]) ? positions_ : columns_[p].values).push_back(value);
      }
    if (!next_word(line).empty()) broken("a line has too many columns", lines_.number());
  }

  LineReader lines_;
  std::size_t bytes_;
  const Job& job_;
  std::vector<Property> properties_;
  std::uint64_t atoms_ = 0;
  std::int64_t frames_ = 0;
  std::vector<double> positions_;
  std::vector<FrameColumn> columns_;
};

}  // namespace

PointCloud::Parts read_xyz(const Path& path, const OpenOptions& options, const Job& job) {
  const FileBytes bytes(path, job);
  CloudBuilder builder("XYZ", options, job);
  XyzParser parser(bytes.view(), job);
  parser.parse();
  builder.set_positions(std::move(parser.positions()), std::max<std::int64_t>(parser.frames(), 1));
  for (FrameColumn& column : parser.columns())
    if (!column.values.empty()) add_frame_column(std::move(column), parser.frames(), builder);
  return builder.finish();
}

}  // namespace erwin::io
