// Tables of numbers as text: CSV, TSV, semicolons or blanks; with a line of names or without.

#include <algorithm>
#include <array>
#include <limits>
#include <optional>

#include "core/base/error.h"
#include "core/base/memory.h"
#include "core/io/internal/cloud_builder.h"
#include "core/io/internal/file_bytes.h"
#include "core/io/internal/text_scan.h"
#include "core/io/readers.h"

namespace erwin::io {

namespace {

constexpr std::size_t kMostColumns = 4096;

// '\0': any run of blanks.
struct Splitter {
  char delimiter = '\0';

  // Takes the next cell off `rest`; false at the end of the line.
  bool next(std::string_view& rest, std::string_view& cell) const {
    if (delimiter == '\0') {
      cell = next_word(rest);
      return !cell.empty();
    }
    if (rest.data() == nullptr) return false;
    std::size_t end = 0;
    if (rest.starts_with('"')) end = std::min(rest.find('"', 1), rest.size());
    end = std::min(rest.find(delimiter, end), rest.size());
    cell = trimmed(rest.substr(0, end));
    if (cell.size() >= 2 && cell.front() == '"' && cell.back() == '"') cell = cell.substr(1, cell.size() - 2);
    rest = end < rest.size() ? rest.substr(end + 1) : std::string_view();
    return true;
  }
};

Splitter splitter_for(std::string_view line) {
  for (const char delimiter : {',', '\t', ';'})
    if (line.find(delimiter) != std::string_view::npos) return {delimiter};
  return {};
}

std::vector<std::string_view> cells_of(std::string_view line, const Splitter& splitter) {
  std::vector<std::string_view> cells;
  for (std::string_view cell; splitter.next(line, cell);) {
    if (cells.size() == kMostColumns)
      throw Error(ErrorKind::Format, "a line has more than 4096 columns", {}, "Open a table of points");
    cells.push_back(cell);
  }
  if (cells.size() > 1 && cells.back().empty()) cells.pop_back();  // a line that ends with its delimiter
  return cells;
}

bool is_missing(std::string_view cell) {
  static constexpr std::string_view words[] = {"", "na", "n/a", "null", "none", "-"};
  return cell.size() <= 4 && std::find(std::begin(words), std::end(words), lower(cell)) != std::end(words);
}

struct Column {
  std::string name, unit;
  bool words = false;  // holds names, not numbers
  WordNumbers legend;
  std::vector<double> values;
};

// "p [Pa]" and "p (Pa)" carry a unit.
Column column_named(std::string_view text) {
  Column column;
  const std::string_view name = trimmed(text);
  for (const auto& [open, close] : {std::pair{'[', ']'}, std::pair{'(', ')'}}) {
    const std::size_t begin = name.rfind(open);
    if (name.empty() || name.back() != close || begin == std::string_view::npos ||
        trimmed(name.substr(0, begin)).empty())
      continue;
    column.name = trimmed(name.substr(0, begin));
    column.unit = trimmed(name.substr(begin + 1, name.size() - begin - 2));
    return column;
  }
  column.name = name;
  return column;
}

// 0, 1, 2 for x, y, z, also in ParaView's spelling; -1 for anything else.
int axis_of(std::string_view name) {
  static constexpr std::string_view names[][3] = {
      {"x", "points:0", "points_0"}, {"y", "points:1", "points_1"}, {"z", "points:2", "points_2"}};
  const std::string word = lower(name);
  for (int axis = 0; axis < 3; ++axis)
    for (const std::string_view known : names[axis])
      if (word == known) return axis;
  return -1;
}

bool names_x_and_y(const std::vector<std::string_view>& cells) {
  bool x = false, y = false;
  for (const std::string_view cell : cells) {
    const int axis = axis_of(column_named(cell).name);
    x |= axis == 0;
    y |= axis == 1;
  }
  return x && y;
}

std::string_view without_mark(std::string_view line) {
  line = trimmed(line);
  while (!line.empty() && (line.front() == '#' || line.front() == '/' || line.front() == '%')) line.remove_prefix(1);
  return trimmed(line);
}

bool is_comment(std::string_view line) {
  return line.front() == '#' || line.front() == '%' || line.starts_with("//");
}

// What the first lines say about the rest.
struct Layout {
  Splitter splitter;
  std::vector<Column> columns;
  bool has_names = false;
  std::size_t data_offset = 0;  // of the first line of numbers
  std::int64_t lines_before = 0;
  std::optional<std::uint64_t> announced;  // a line with the number of points alone
};

bool next_content(LineReader& lines, std::string_view& line, std::string_view& last_comment) {
  while (lines.next(line)) {
    const std::string_view content = trimmed(line);
    if (content.empty()) continue;
    if (!is_comment(content)) return true;
    last_comment = content;
  }
  return false;
}

Layout find_layout(std::string_view text) {
  LineReader lines(text);
  std::string_view line, comment;
  Layout layout;
  const auto begins_here = [&] {
    layout.data_offset = static_cast<std::size_t>(line.data() - text.data());
    layout.lines_before = lines.number() - 1;
  };
  if (!next_content(lines, line, comment)) {
    layout.data_offset = text.size();
    if (comment.empty()) return layout;
    line = comment;
  }
  std::vector<std::string_view> cells = words_of(line);
  if (cells.size() == 1 && to_count(cells[0])) {
    LineReader ahead = lines;
    if (std::string_view second;
        next_content(ahead, second, comment) && cells_of(second, splitter_for(second)).size() >= 2) {
      layout.announced = to_count(cells[0]);
      lines = ahead;
      line = second;
    }
  }
  begins_here();
  layout.splitter = splitter_for(line);
  cells = cells_of(line, layout.splitter);
  const bool numbers =
      std::any_of(cells.begin(), cells.end(), [](std::string_view cell) { return to_number(cell).has_value(); });
  layout.has_names = !numbers || names_x_and_y(cells);
  std::vector<std::string_view> names = cells;
  if (layout.has_names) {
    layout.data_offset = lines.offset();
    layout.lines_before = lines.number();
    if (next_content(lines, line, comment))
      cells = cells_of(line, layout.splitter);
    else
      cells.clear();
  } else if (!comment.empty()) {
    names = cells_of(without_mark(comment), splitter_for(without_mark(comment)));
    layout.has_names = names.size() == cells.size() && names_x_and_y(names);
  }
  const std::size_t width = layout.has_names ? names.size() : cells.size();
  for (std::size_t c = 0; c < width; ++c) {
    Column column = layout.has_names ? column_named(c == 0 ? without_mark(names[c]) : names[c]) : Column();
    if (!layout.has_names) column.name = "column_" + std::to_string(c + 1);
    column.words = c < cells.size() && !to_number(cells[c]) && !is_missing(cells[c]);
    layout.columns.push_back(std::move(column));
  }
  return layout;
}

[[noreturn]] void no_positions(const Layout& layout) {
  std::vector<std::string> names;
  for (std::size_t c = 0; c < std::min<std::size_t>(layout.columns.size(), 20); ++c)
    names.push_back(in_quotes(layout.columns[c].name));
  throw Error(ErrorKind::Format, "there are no positions in this text",
              layout.has_names ? "the first line names " + joined(names)
                               : "its lines have " + std::to_string(layout.columns.size()) + " columns",
              "Name the columns of the coordinates x, y and z in the first line, or give a table of at least two "
              "columns of numbers");
}

// The columns of x, y and z; z is -1 in two dimensions.
std::array<int, 3> find_axes(const Layout& layout) {
  std::array<int, 3> axes = {-1, -1, -1};
  for (std::size_t c = 0; c < layout.columns.size(); ++c) {
    const int axis = axis_of(layout.columns[c].name);
    if (!layout.has_names || axis < 0) continue;
    int& column = axes[static_cast<std::size_t>(axis)];
    if (column >= 0)
      throw Error(ErrorKind::Format, std::string("two columns are named ") + "xyz"[axis],
                  "columns " + std::to_string(column + 1) + " and " + std::to_string(c + 1),
                  "Give each column a name of its own");
    column = static_cast<int>(c);
  }
  if (!layout.has_names)
    for (std::size_t c = 0, axis = 0; c < layout.columns.size() && axis < 3; ++c)
      if (!layout.columns[c].words) axes[axis++] = static_cast<int>(c);
  if (axes[0] < 0 || axes[1] < 0) no_positions(layout);
  for (const int column : axes)
    if (column >= 0 && layout.columns[static_cast<std::size_t>(column)].words)
      throw Error(ErrorKind::Format, "a coordinate is no number", "column " + std::to_string(column + 1),
                  "Check the first lines of the table");
  return axes;
}

class TableParser {
public:
  TableParser(std::string_view text, Layout& layout, const Job& job) : text_(text), layout_(layout), job_(job) {}

  void parse() {
    const std::string_view body = text_.substr(layout_.data_offset);
    const auto lines_ahead = static_cast<std::uint64_t>(std::count(body.begin(), body.end(), '\n')) + 1;
    const std::size_t width = layout_.columns.size();
    // Each cell takes a character and a delimiter.
    const std::uint64_t rows = std::min<std::uint64_t>(lines_ahead, body.size() / (2 * width) + 1);
    require_memory(rows * (width + 4) * sizeof(double), "the numbers of the table");
    for (Column& column : layout_.columns) column.values.reserve(static_cast<std::size_t>(rows));
    LineReader lines(body);
    for (std::string_view line; lines.next(line);) {
      if (lines.number() % 4096 == 1) {
        job_.check();
        job_.progress(0.3 + 0.5 * static_cast<double>(lines.offset()) / static_cast<double>(body.size()),
                      "reading lines");
      }
      const std::string_view content = trimmed(line);
      if (!content.empty() && !is_comment(content)) parse_row(line, lines.number());
    }
  }

private:
  [[noreturn]] void fail(const std::string& what, std::int64_t line) const {
    throw Error(ErrorKind::Format, what, "line " + std::to_string(layout_.lines_before + line),
                "Check that line of the file");
  }

  void parse_row(std::string_view line, std::int64_t number) {
    std::string_view rest = line, cell;
    std::size_t c = 0;
    for (; layout_.splitter.next(rest, cell); ++c) {
      if (c == layout_.columns.size()) {
        if (cell.empty() && rest.data() == nullptr) break;  // a line that ends with its delimiter
        fail("a line has more than " + std::to_string(c) + " columns", number);
      }
      Column& column = layout_.columns[c];
      if (column.words) {
        column.values.push_back(column.legend.number_of(cell));
      } else if (const auto value = to_number(cell)) {
        column.values.push_back(*value);
      } else if (is_missing(cell)) {
        column.values.push_back(std::numeric_limits<double>::quiet_NaN());
      } else {
        fail(in_quotes(cell) + " is no number", number);
      }
    }
    if (c < layout_.columns.size())
      fail("a line has " + std::to_string(c) + " columns instead of " + std::to_string(layout_.columns.size()), number);
  }

  std::string_view text_;
  Layout& layout_;
  const Job& job_;
};

void add_column(Column& column, CloudBuilder& builder) {
  if (!column.words) return builder.add_field(column.name, std::move(column.values), column.unit);
  builder.remark("The column '" + column.name + "' holds words, numbered as they appear: " + column.legend.legend() +
                 ".");
  builder.add_field(column.name, FieldKind::Label, 1, std::move(column.values), column.unit);
}

const char* format_of(char delimiter) {
  switch (delimiter) {
    case ',':
      return "CSV";
    case '\t':
      return "TSV";
    case ';':
      return "text with semicolons";
    default:
      return "text with blanks";
  }
}

}  // namespace

PointCloud::Parts read_text(const Path& path, const OpenOptions& options, const Job& job) {
  const FileBytes bytes(path, job);
  std::string_view text = bytes.view();
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
  Layout layout = find_layout(text);
  CloudBuilder builder(format_of(layout.splitter.delimiter), options, job);
  if (layout.columns.empty()) builder.set_positions({});
  const std::array<int, 3> axes = find_axes(layout);
  TableParser(text, layout, job).parse();
  const auto column = [&layout](int index) -> Column& { return layout.columns[static_cast<std::size_t>(index)]; };
  const std::size_t rows = column(axes[0]).values.size();
  std::vector<double> positions(rows * 3, 0.0);
  for (std::size_t a = 0; a < 3; ++a)
    for (std::size_t row = 0; axes[a] >= 0 && row < rows; ++row) positions[row * 3 + a] = column(axes[a]).values[row];
  builder.set_unit(column(axes[0]).unit);
  builder.set_positions(std::move(positions), 1, axes[2] < 0 ? 2 : 3);
  if (!layout.has_names)
    builder.remark(std::string("No line names the columns: the first ") +
                   (axes[2] < 0 ? "two were taken as x and y." : "three were taken as x, y and z."));
  if (layout.announced && *layout.announced != rows)
    builder.remark("The first line announces " + std::to_string(*layout.announced) + " points, the file holds " +
                   std::to_string(rows) + ".");
  for (std::size_t c = 0; c < layout.columns.size(); ++c)
    if (std::find(axes.begin(), axes.end(), static_cast<int>(c)) == axes.end()) add_column(layout.columns[c], builder);
  return builder.finish();
}

}  // namespace erwin::io
