#include "core/bench/curve.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <sstream>

#include "core/base/csv.h"
#include "core/base/svg.h"

namespace erwin::bench {

namespace {

constexpr double panel_width = 380, panel_height = 300, left = 64, top = 72, gap = 84, label_room = 96;

bool of_curve(const Row& row) {
  return row.group.starts_with("curve");
}

// In logarithms, along the last two that were measured.
CurvePoint continued(const Curve& curve, double points) {
  const CurvePoint &a = curve.at[curve.at.size() - 2], &b = curve.at.back();
  const auto along = [&](double from, double to) {
    const double slope = std::log(to / from) / std::log(b.points / a.points);
    return to * std::pow(points / b.points, slope);
  };
  return {points, along(a.milliseconds, b.milliseconds), along(a.bytes, b.bytes), false};
}

struct Scale {
  double low = 1, high = 10;  // of the values
  double share(double value) const { return std::log(value / low) / std::log(high / low); }
};

Scale scale_of(const std::vector<Curve>& curves, double CurvePoint::*value, double unit) {
  double low = 1e300, high = 0;
  for (const Curve& curve : curves)
    for (const CurvePoint& point : curve.at) {
      low = std::min(low, point.*value / unit);
      high = std::max(high, point.*value / unit);
    }
  return {std::pow(10, std::floor(std::log10(low))), std::pow(10, std::ceil(std::log10(high)))};
}

std::string points_text(double points) {
  if (points >= 1 << 20) return svg::number(points / (1 << 20), "%.3gM");
  return points >= 1024 ? svg::number(points / 1024, "%.3gk") : svg::number(points, "%.0f");
}

struct Panel {
  std::string title;
  double CurvePoint::*value;
  double unit, x0;
};

class Picture {
public:
  explicit Picture(std::vector<Curve> curves) : curves_(std::move(curves)) {
    for (const Curve& curve : curves_)
      for (const CurvePoint& point : curve.at) sizes_.insert(point.points);
  }

  std::string panel(const Panel& panel) const {
    const Scale values = scale_of(curves_, panel.value, panel.unit);
    const auto x = [&](double points) {
      return panel.x0 + panel_width * Scale{*sizes_.begin(), *sizes_.rbegin()}.share(points);
    };
    const auto y = [&](double value) { return top + panel_height * (1 - values.share(value)); };
    std::string text = svg::text_at(panel.x0, top - 18, panel.title, "font-size=\"15\" font-weight=\"600\"");
    for (double value = values.low; value <= values.high * 1.01; value *= 10) {
      text += svg::line(panel.x0, y(value), panel.x0 + panel_width, y(value), "stroke=\"#e2e2e2\"");
      text += svg::text_at(panel.x0 - 8, y(value) + 4, svg::number(value, "%g"), "text-anchor=\"end\" fill=\"#444\"");
    }
    for (const double size : sizes_) {
      text += svg::line(x(size), top, x(size), top + panel_height, "stroke=\"#f0f0f0\"");
      text += svg::text_at(x(size), top + panel_height + 18, points_text(size), "text-anchor=\"middle\" fill=\"#444\"");
    }
    text += svg::text_at(panel.x0 + panel_width / 2, top + panel_height + 38, "points of one cloud",
                         "text-anchor=\"middle\" fill=\"#444\"");
    const auto place = [&](const CurvePoint& point) {
      return std::pair(x(point.points), y(point.*panel.value / panel.unit));
    };
    for (std::size_t c = 0; c < curves_.size(); ++c) text += curve(curves_[c], svg::colours[c], place);
    text += names(place);
    return text + crossings(panel, x, y);
  }

private:
  template <typename Place>
  static std::string curve(const Curve& curve, const std::string& colour, const Place& place) {
    std::string text;
    for (std::size_t i = 0; i < curve.at.size(); ++i) {
      const auto [x, y] = place(curve.at[i]);
      if (i > 0) {
        const auto [from_x, from_y] = place(curve.at[i - 1]);
        text += svg::line(
            from_x, from_y, x, y,
            "stroke=\"" + colour + "\" stroke-width=\"2\"" + (curve.at[i].measured ? "" : " stroke-dasharray=\"5 4\""));
      }
      text += "<circle cx=\"" + svg::number(x) + "\" cy=\"" + svg::number(y) + "\" r=\"3.5\" fill=\"" +
              (curve.at[i].measured ? colour : "#fff") + "\" stroke=\"" + colour + "\"/>\n";
    }
    return text;
  }

  // At the curves' ends; those of curves that end close to each other stand one below the other.
  template <typename Place>
  std::string names(const Place& place) const {
    constexpr double line_height = 15;
    std::map<double, std::size_t> by_height;
    for (std::size_t c = 0; c < curves_.size(); ++c) by_height.emplace(place(curves_[c].at.back()).second, c);
    std::string text;
    double next = 0;
    for (const auto& [height, c] : by_height) {
      const double y = std::max(height + 4, next);
      next = y + line_height;
      text += svg::text_at(place(curves_[c].at.back()).first + 9, y, curves_[c].network,
                           "fill=\"" + std::string(svg::colours[c]) + "\" font-weight=\"600\"");
    }
    return text;
  }

  template <typename X, typename Y>
  std::string crossings(const Panel& panel, const X& x, const Y& y) const {
    std::string text;
    for (const Curve& one : curves_)
      for (const Curve& other : curves_) {
        if (other.network != "full" || one.network == "full") continue;
        const double points = crossing(one, other, panel.value);
        if (points == 0) continue;
        double value = 0;
        for (std::size_t i = 1; i < one.at.size(); ++i) {
          const CurvePoint &a = one.at[i - 1], &b = one.at[i];
          if (a.points <= points && points <= b.points)
            value = a.*panel.value * std::pow(b.*panel.value / (a.*panel.value),
                                              std::log(points / a.points) / std::log(b.points / a.points));
        }
        const double at_x = x(points), at_y = y(value / panel.unit);
        constexpr double radius = 7, bottom = top + panel_height;
        text += "<circle cx=\"" + svg::number(at_x) + "\" cy=\"" + svg::number(at_y) + "\" r=\"" +
                svg::number(radius, "%g") + "\" fill=\"none\" stroke=\"#222\"/>\n" +
                svg::line(at_x, at_y + radius, at_x, bottom, "stroke=\"#222\" stroke-dasharray=\"2 3\"") +
                svg::text_at(at_x + 6, bottom - 8, one.network + " below full from " + points_text(points),
                             "fill=\"#222\"");
      }
    return text;
  }

  std::vector<Curve> curves_;
  std::set<double> sizes_;
};

}  // namespace

std::string curve_csv(const std::vector<Row>& rows) {
  std::ostringstream csv;
  csv << "network,points,precision,step_ms,step_ms_graph,peak_bytes,note\n";
  for (const Row& row : rows) {
    if (!of_curve(row)) continue;
    csv << csv_cell(row.what) << ',' << row.shape.at("points") << ',' << row.precision << ',';
    if (row.launched) csv << row.launched->median;
    csv << ',';
    if (row.replayed) csv << row.replayed->median;
    csv << ',';
    if (row.peak_bytes) csv << *row.peak_bytes;
    csv << ',' << csv_cell(row.note) << '\n';
  }
  return csv.str();
}

std::vector<Curve> curves_of(const std::vector<Row>& rows) {
  std::vector<Curve> curves;
  std::set<double> sizes;
  for (const Row& row : rows) {
    // As training takes its steps: replayed, where a graph could be recorded.
    const auto& timing = row.replayed ? row.replayed : row.launched;
    if (!of_curve(row) || !timing || !row.peak_bytes) continue;
    auto curve = std::find_if(curves.begin(), curves.end(), [&](const Curve& c) { return c.network == row.what; });
    if (curve == curves.end()) curve = curves.insert(curves.end(), Curve{row.what, {}});
    const auto points = static_cast<double>(row.shape.at("points"));
    curve->at.push_back({points, timing->median, static_cast<double>(*row.peak_bytes)});
    sizes.insert(points);
  }
  for (Curve& curve : curves) {
    std::sort(curve.at.begin(), curve.at.end(),
              [](const CurvePoint& a, const CurvePoint& b) { return a.points < b.points; });
    if (curve.at.size() < 2) continue;
    for (const double size : sizes)
      if (size > curve.at.back().points) curve.at.push_back(continued(curve, size));
  }
  return curves;
}

double crossing(const Curve& one, const Curve& other, double CurvePoint::*cost) {
  const std::size_t count = std::min(one.at.size(), other.at.size());
  for (std::size_t i = 1; i < count; ++i) {
    if (one.at[i].points != other.at[i].points || one.at[i - 1].points != other.at[i - 1].points) return 0;
    const double before = std::log(one.at[i - 1].*cost / (other.at[i - 1].*cost)),
                 after = std::log(one.at[i].*cost / (other.at[i].*cost));
    if (before > 0 && after <= 0)
      return one.at[i - 1].points * std::pow(one.at[i].points / one.at[i - 1].points, before / (before - after));
  }
  return 0;
}

std::string curve_svg(const std::vector<Row>& rows, const std::string& environment) {
  const Picture picture(curves_of(rows));
  const double second = left + panel_width + label_room + gap, width = second + panel_width + label_room,
               height = top + panel_height + 86;
  return "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"" + svg::number(width, "%.0f") + "\" height=\"" +
         svg::number(height, "%.0f") + "\" viewBox=\"0 0 " + svg::number(width, "%.0f") + " " +
         svg::number(height, "%.0f") +
         "\" font-family=\"DejaVu Sans, Helvetica, Arial, sans-serif\" font-size=\"12\">\n"
         "<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n" +
         svg::text_at(left, 30, "A training step as the cloud grows: six blocks of width 64, one cloud",
                      "font-size=\"18\" font-weight=\"600\"") +
         picture.panel({"milliseconds a step", &CurvePoint::milliseconds, 1, left}) +
         picture.panel({"gigabytes at the peak", &CurvePoint::bytes, 1e9, second}) +
         svg::text_at(left, height - 14, environment + "; dashed: continued, not measured", "fill=\"#444\"") +
         "</svg>\n";
}

}  // namespace erwin::bench
