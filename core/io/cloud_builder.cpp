#include "core/io/internal/cloud_builder.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "core/base/error.h"
#include "core/io/internal/text_scan.h"

namespace erwin::io {

namespace {

constexpr std::int64_t kChunk = 1 << 18;   // numbers between two looks at the job
constexpr double kLargestWhole = 1 << 24;  // float32 counts no further

// Keeps the rows that are not bad, in every frame, in place.
void keep_rows(std::vector<double>& values, const std::vector<char>& bad, std::int64_t frames, int components) {
  const std::size_t rows = bad.size(), width = static_cast<std::size_t>(components);
  std::size_t out = 0;
  for (std::size_t frame = 0; frame < static_cast<std::size_t>(frames); ++frame)
    for (std::size_t row = 0; row < rows; ++row) {
      if (bad[row]) continue;
      const std::size_t from = (frame * rows + row) * width;
      for (std::size_t c = 0; c < width; ++c) values[out++] = values[from + c];
    }
  values.resize(out);
}

// Renumbers one kind of cell; returns how many were left out.
std::size_t keep_cells(std::vector<std::uint32_t>& cells, std::size_t corners, const std::vector<std::uint32_t>& number,
                       std::uint32_t gone) {
  std::size_t out = 0, lost = 0;
  for (std::size_t cell = 0; cell + corners <= cells.size(); cell += corners) {
    bool whole = true;
    // A corner beyond the last row is left for PointCloud to refuse.
    for (std::size_t c = 0; c < corners; ++c)
      whole &= cells[cell + c] >= number.size() || number[cells[cell + c]] != gone;
    lost += !whole;
    for (std::size_t c = 0; whole && c < corners; ++c) {
      const std::uint32_t corner = cells[cell + c];
      cells[out++] = corner < number.size() ? number[corner] : gone;
    }
  }
  cells.resize(out);
  return lost;
}

// The same positions around the middle of their box where float32 numbers around 0 blur steps of `step`.
void recentre(CentredPositions& centred, const std::vector<double>& absolute, double step) {
  if (!(step > 0) || centred.origin != std::array<double, 3>{}) return;
  std::array<double, 3> low = {absolute[0], absolute[1], absolute[2]}, high = low;
  for (std::size_t i = 0; i < absolute.size(); ++i) {
    low[i % 3] = std::min(low[i % 3], absolute[i]);
    high[i % 3] = std::max(high[i % 3], absolute[i]);
  }
  double farthest = 0;
  for (std::size_t a = 0; a < 3; ++a) farthest = std::max({farthest, std::abs(low[a]), std::abs(high[a])});
  const double blur = farthest / kLargestWhole;
  if (blur < 0.25 * step) return;
  for (std::size_t a = 0; a < 3; ++a) centred.origin[a] = std::round(0.5 * (low[a] + high[a]));
  for (std::size_t i = 0; i < absolute.size(); ++i)
    centred.positions[i] = static_cast<float>(absolute[i] - centred.origin[i % 3]);
}

}  // namespace

std::string joined(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
  return text;
}

bool names_a_label(std::string_view name) {
  static const std::set<std::string, std::less<>> known = {"type",    "types",          "label",   "labels",  "class",
                                                           "classes", "classification", "species", "element", "cluster",
                                                           "segment", "segmentation",   "mol",     "category"};
  return known.contains(lower(name));
}

CloudBuilder::CloudBuilder(std::string format, const OpenOptions& options, const Job& job)
    : options_(options), job_(job) {
  parts_.source.format = std::move(format);
}

void CloudBuilder::set_positions(std::vector<double> absolute, std::int64_t frames, int dimension,
                                 bool means_no_return) {
  if (absolute.empty() || frames < 1)
    throw Error(ErrorKind::Format, "there are no points in this file", parts_.source.format,
                "Open a file that holds at least one point");
  const std::size_t numbers = absolute.size();
  rows_ = static_cast<std::int64_t>(numbers) / 3 / frames;
  parts_.frames = frames;
  parts_.dimension = dimension;
  std::vector<char> bad;
  std::int64_t dropped = 0;
  for (std::size_t i = 0; i < numbers; ++i) {
    if (i % kChunk == 0) job_.check();
    if (std::isfinite(absolute[i])) continue;
    const std::size_t row = i / 3 % static_cast<std::size_t>(rows_);
    if (!means_no_return && !options_.drop_nonfinite)
      throw Error(ErrorKind::Format, "a position is not finite", "row " + std::to_string(row) + " (counted from 0)",
                  "Use --drop-nonfinite to leave such points out");
    if (bad.empty()) bad.resize(static_cast<std::size_t>(rows_));
    dropped += !bad[row];
    bad[row] = 1;
  }
  if (dropped > 0) leave_out(absolute, bad, dropped);
  CentredPositions centred = centre_positions(absolute);
  recentre(centred, absolute, finest_step_);
  for (std::size_t i = 0; i < centred.positions.size(); ++i)
    if (!std::isfinite(centred.positions[i]))
      throw Error(ErrorKind::Format, "a coordinate is too large for a float32",
                  "point " + std::to_string(i / 3) + ": " + std::to_string(absolute[i]),
                  "Check the file: no unit of length needs such numbers");
  parts_.origin = centred.origin;
  parts_.positions = std::move(centred.positions);
}

void CloudBuilder::leave_out(std::vector<double>& absolute, const std::vector<char>& bad, std::int64_t dropped) {
  if (dropped == rows_)
    throw Error(ErrorKind::Format, "there are no points in this file with a finite position",
                "all " + std::to_string(rows_) + " rows are not finite", "Open a file that holds at least one point");
  parts_.source.dropped_points = dropped;
  remark(std::to_string(dropped) + " of " + std::to_string(rows_) +
         " points have no finite position and were left out.");
  keep_rows(absolute, bad, parts_.frames, 3);
  parts_.row_ids.reserve(static_cast<std::size_t>(rows_ - dropped));
  for (std::int64_t row = 0; row < rows_; ++row)
    if (!bad[static_cast<std::size_t>(row)]) parts_.row_ids.push_back(row);
}

std::string CloudBuilder::free_name(std::string name) {
  if (name.empty()) name = "unnamed";
  std::string candidate = name;
  for (int number = 2; !names_.insert(candidate).second; ++number) candidate = name + "_" + std::to_string(number);
  if (candidate != name)
    remark("The name '" + name + "' occurs more than once: one is called '" + candidate + "' here.");
  return candidate;
}

void CloudBuilder::add_field(std::string name, FieldKind kind, int components, std::vector<double> values,
                             std::string unit, std::int64_t frames) {
  job_.check();
  if (static_cast<std::int64_t>(values.size()) != rows_ * components * frames)
    throw Error(ErrorKind::Format, "a field and the positions have different lengths",
                name + ": " + std::to_string(values.size()) + " numbers for " + std::to_string(rows_) + " points");
  if (!parts_.row_ids.empty()) {
    std::vector<char> bad(static_cast<std::size_t>(rows_), 1);
    for (const std::int64_t row : parts_.row_ids) bad[static_cast<std::size_t>(row)] = 0;
    keep_rows(values, bad, frames, components);
  }
  parts_.fields.push_back(
      Field::from_doubles(free_name(std::move(name)), kind, components, values, std::move(unit), frames));
}

void CloudBuilder::add_field(std::string name, std::vector<double> values, std::string unit) {
  const bool label = names_a_label(name) && std::all_of(values.begin(), values.end(), [](double v) {
                       return std::abs(v) <= kLargestWhole && v == std::floor(v);
                     });
  add_field(std::move(name), label ? FieldKind::Label : FieldKind::Scalar, 1, std::move(values), std::move(unit));
}

void CloudBuilder::set_cells(Cells cells) {
  parts_.cells = std::move(cells);
  if (parts_.row_ids.empty()) return;
  const std::uint32_t gone = std::numeric_limits<std::uint32_t>::max();
  std::vector<std::uint32_t> number(static_cast<std::size_t>(rows_), gone);
  for (std::size_t point = 0; point < parts_.row_ids.size(); ++point)
    number[static_cast<std::size_t>(parts_.row_ids[point])] = static_cast<std::uint32_t>(point);
  const std::size_t lost = keep_cells(parts_.cells.triangles, 3, number, gone) +
                           keep_cells(parts_.cells.quads, 4, number, gone) +
                           keep_cells(parts_.cells.lines, 2, number, gone);
  if (lost > 0) remark(std::to_string(lost) + " cells touch a point that was left out and went with it.");
}

PointCloud::Parts CloudBuilder::finish() {
  job_.check();
  return std::move(parts_);
}

}  // namespace erwin::io
