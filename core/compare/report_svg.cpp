// The picture of a comparison: a row per configuration, a panel per question, every seed a dot.

#include <algorithm>
#include <cmath>

#include "core/base/svg.h"
#include "core/compare/report.h"

namespace erwin {

namespace {

constexpr double panel_width = 210, panel_gap = 34, row_height = 38, top = 104, left_margin = 20, axis_height = 34;

using svg::Axis;
using svg::colours;
using svg::line;
using svg::number;
using svg::text_at;

struct PanelRow {
  std::size_t place = 0;  // of the entry in the plan
  std::vector<double> dots;
  Estimate estimate;
};

struct Panel {
  std::string title, subtitle;
  bool from_zero = false;    // the axis begins at 0
  bool around_zero = false;  // a line at 0
  std::vector<PanelRow> rows;
};

// Round numbers around all that is drawn.
Axis axis_of(const Panel& panel) {
  double low = 1e300, high = -1e300;
  const auto include = [&](double value) {
    low = std::min(low, value);
    high = std::max(high, value);
  };
  for (const PanelRow& row : panel.rows) {
    for (const double dot : row.dots) include(dot);
    include(row.estimate.mean);
    if (row.estimate.has_interval()) {
      include(panel.from_zero ? std::max(0.0, row.estimate.low()) : row.estimate.low());
      include(row.estimate.high());
    }
  }
  if (panel.from_zero || panel.around_zero) include(0);
  if (low > high) return {};
  Axis axis = svg::round_axis(low, high);
  if (panel.from_zero) axis.low = 0;
  return axis;
}

double x_of(const Axis& axis, double value) {
  return panel_width * axis.share(value);
}

std::string draw_axis(const Panel& panel, const Axis& axis, double x0, double bottom) {
  std::string svg = line(x0, bottom, x0 + panel_width, bottom, "stroke=\"#444\"");
  for (int i = 0; i <= axis.ticks(); ++i) {
    const double x = x0 + x_of(axis, axis.tick(i));
    svg += line(x, top - 10, x, bottom + 4, "stroke=\"#e2e2e2\"");
    svg +=
        text_at(x, bottom + 19, number(axis.tick(i), "%.5g"), "text-anchor=\"middle\" font-size=\"12\" fill=\"#444\"");
  }
  if (panel.around_zero && axis.low <= 0 && axis.high >= 0)
    svg += line(x0 + x_of(axis, 0), top - 10, x0 + x_of(axis, 0), bottom, "stroke=\"#222\" stroke-width=\"1.5\"");
  return svg;
}

std::string draw_row(const PanelRow& row, const Axis& axis, double x0) {
  const std::string colour = colours[row.place % colours.size()];
  const double y = top + row_height * (static_cast<double>(row.place) + 0.5);
  std::string svg;
  for (const double dot : row.dots)
    svg += "<circle cx=\"" + number(x0 + x_of(axis, dot)) + "\" cy=\"" + number(y + 9) +
           "\" r=\"3\" fill=\"none\" stroke=\"" + colour + "\" stroke-width=\"1.3\"/>\n";
  if (row.estimate.has_interval()) {
    // Of what cannot be negative, neither is drawn.
    const double low = x0 + x_of(axis, std::max(axis.low, row.estimate.low())),
                 high = x0 + x_of(axis, row.estimate.high());
    const std::string stroke = "stroke=\"" + colour + "\" stroke-width=\"2\"";
    svg += line(low, y - 3, high, y - 3, stroke) + line(low, y - 8, low, y + 2, stroke) +
           line(high, y - 8, high, y + 2, stroke);
  }
  const double x = x0 + x_of(axis, row.estimate.mean);
  return svg + "<rect x=\"" + number(x - 4) + "\" y=\"" + number(y - 7) + "\" width=\"8\" height=\"8\" fill=\"" +
         colour + "\"/>\n";
}

std::string draw(const Panel& panel, double x0, double bottom) {
  const Axis axis = axis_of(panel);
  std::string svg = text_at(x0, top - 40, panel.title, "font-size=\"14\" font-weight=\"bold\"") +
                    text_at(x0, top - 22, panel.subtitle, "font-size=\"12\" fill=\"#444\"") +
                    draw_axis(panel, axis, x0, bottom);
  for (const PanelRow& row : panel.rows) svg += draw_row(row, axis, x0);
  return svg;
}

std::size_t place_of(const StudyResult& result, const std::string& name) {
  std::size_t place = 0;
  while (result.plan.entries[place].name != name) ++place;
  return place;
}

std::vector<Panel> panels_of(const StudyResult& result) {
  const StudySummary summary = summarise(result);
  const std::string unit = result.outcomes.empty() ? "" : result.outcomes.front().unit;
  Panel error{"Error", label_of_error(summary.main_error, unit), false, false, {}};
  Panel difference{
      "Difference, paired", "from " + result.plan.entries.front().name + "; left is better", false, true, {}};
  Panel time{"Time", "ms per step", true, false, {}};
  Panel field{"Receptive field", "% of points that hold 90 %", true, false, {}};
  for (const EntrySummary& entry : summary.entries) {
    const std::size_t place = place_of(result, entry.name);
    for (const auto& [name, value] : entry.errors)
      if (name == summary.main_error) error.rows.push_back({place, entry.main_values, value});
    const auto scaled = [](Estimate value, double scale) {
      value.mean *= scale;
      value.half_width *= scale;
      return value;
    };
    time.rows.push_back({place, {}, scaled(entry.seconds_per_step, 1e3)});
    field.rows.push_back({place, {}, scaled(entry.share_90, 100)});
  }
  for (const PairedSummary& pair : summary.pairs)
    difference.rows.push_back({place_of(result, pair.name), pair.differences, pair.difference});
  return {error, difference, time, field};
}

}  // namespace

std::string report_svg(const StudyResult& result) {
  const StudyPlan& plan = result.plan;
  std::size_t longest = 0;
  for (const StudyEntry& entry : plan.entries) longest = std::max(longest, entry.name.size());
  const double names = 8.2 * static_cast<double>(longest) + 16;
  const std::vector<Panel> panels = panels_of(result);
  const double bottom = top + row_height * static_cast<double>(plan.entries.size()) + 6;
  const double width = left_margin + names + static_cast<double>(panels.size()) * (panel_width + panel_gap) + 10;
  const double height = bottom + axis_height + 26;
  std::string svg;
  svg += text_at(left_margin, 30,
                 std::to_string(plan.steps()) + " steps, batch " + std::to_string(plan.batch()) + ", " +
                     std::to_string(result.outcomes.size()) + " of " + std::to_string(plan.runs()) + " runs",
                 "font-size=\"16\" font-weight=\"bold\"");
  for (std::size_t i = 0; i < plan.entries.size(); ++i) {
    const double y = top + row_height * (static_cast<double>(i) + 0.5);
    svg += text_at(left_margin, y + 4, plan.entries[i].name,
                   "font-size=\"14\" fill=\"" + std::string(colours[i % colours.size()]) + "\"");
  }
  for (std::size_t i = 0; i < panels.size(); ++i)
    svg += draw(panels[i], left_margin + names + static_cast<double>(i) * (panel_width + panel_gap), bottom);
  svg += text_at(left_margin, height - 10,
                 "squares: means over the seeds; bars: 95 % intervals (Student's t); rings: single seeds",
                 "font-size=\"12\" fill=\"#444\"");
  return svg::document(width, height, svg);
}

}  // namespace erwin
