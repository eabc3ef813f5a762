#include "core/attention/heads_files.h"

#include <algorithm>
#include <functional>
#include <sstream>

#include "core/base/csv.h"
#include "core/base/svg.h"
#include "core/base/xml.h"

namespace erwin {

namespace {

using svg::line;
using svg::number;
using svg::text_at;

constexpr double left = 74, right = 24, top = 106, panel_height = 120, panel_gap = 46, bottom_room = 52;
constexpr double least_width = 460, least_layer_width = 34, head_step = 6, layer_gap = 16;

// What a panel draws of a head, and how.
struct Series {
  const char *name, *colour;
  char mark;  // o, s(quare), t(riangle)
  std::function<double(const HeadGlance&)> value;
};

struct Panel {
  std::string title, axis;
  bool share = false;  // from 0 to 1
  bool gates = false;  // of layers of kind nsa alone
  std::vector<Series> series;
};

std::vector<Panel> panels_of(const std::vector<LayerGlance>& layers, const std::string& unit) {
  std::vector<Panel> panels{
      {"Mean attended distance",
       "distance [" + (unit.empty() ? std::string("the cloud's unit") : unit) + "]",
       false,
       false,
       {{"", svg::colours[0], 'o', [](const HeadGlance& head) { return head.distance; }}}},
      {"Entropy of the rows",
       "entropy [nats]",
       false,
       false,
       {{"", svg::colours[0], 'o', [](const HeadGlance& head) { return head.entropy; }}}},
      {"Gates",
       "gate [1]",
       true,
       true,
       {{"local", svg::colours[0], 'o', [](const HeadGlance& head) { return head.gate_local; }},
        {"compressed", svg::colours[1], 's', [](const HeadGlance& head) { return head.gate_compressed; }},
        {"selected", svg::colours[2], 't', [](const HeadGlance& head) { return head.gate_selected; }}}},
      {"Agreement with the layer's other heads",
       "overlap [1]",
       true,
       false,
       {{"", svg::colours[0], 'o', [](const HeadGlance& head) { return head.agreement; }}}}};
  const bool gated =
      std::any_of(layers.begin(), layers.end(), [](const auto& layer) { return layer.kind == LayerKind::Nsa; });
  if (!gated) std::erase_if(panels, [](const Panel& panel) { return panel.gates; });
  return panels;
}

std::string mark_at(double x, double y, const Series& series, const std::string& words) {
  const std::string look =
      " fill=\"" + std::string(series.colour) + "\" fill-opacity=\"0.75\"><title>" + words + "</title></";
  if (series.mark == 's')
    return "<rect x=\"" + number(x - 2.4) + "\" y=\"" + number(y - 2.4) + "\" width=\"4.8\" height=\"4.8\"" + look +
           "rect>\n";
  if (series.mark == 't')
    return "<path d=\"M" + number(x - 3.1) + " " + number(y + 2.5) + "L" + number(x + 3.1) + " " + number(y + 2.5) +
           "L" + number(x) + " " + number(y - 3.1) + "Z\"" + look + "path>\n";
  return "<circle cx=\"" + number(x) + "\" cy=\"" + number(y) + "\" r=\"2.7\"" + look + "circle>\n";
}

class HeadsChart {
public:
  HeadsChart(const std::vector<LayerGlance>& layers, const std::string& unit, const std::string& note)
      : layers_(layers), note_(note.empty() ? note : "; " + note), panels_(panels_of(layers, unit)) {
    std::size_t heads = 1;
    for (const LayerGlance& layer : layers) heads = std::max(heads, layer.heads.size());
    const auto count = static_cast<double>(std::max<std::size_t>(1, layers.size()));
    layer_width_ =
        std::max({least_layer_width, head_step * static_cast<double>(heads) + layer_gap, least_width / count});
    width_ = count * layer_width_;
  }

  std::string text() const {
    const std::int64_t queries = layers_.empty() ? 0 : layers_.front().queries,
                       points = layers_.empty() ? 0 : layers_.front().points;
    std::string body = text_at(left, 28, "Heads of the attention layers", "font-size=\"16\" font-weight=\"bold\"") +
                       text_at(left, 48,
                               "means over " + std::to_string(queries) + " of " + std::to_string(points) +
                                   " points as queries" + note_,
                               "font-size=\"11\" fill=\"#444\"") +
                       text_at(left, 64, "a mark per head, head 0 leftmost; bars: means over the layer's heads",
                               "font-size=\"11\" fill=\"#444\"");
    double y = top;
    for (const Panel& panel : panels_) {
      body += draw(panel, y);
      y += panel_height + panel_gap;
    }
    y += bottom_room - panel_gap;
    body += text_at(left + width_ / 2, y - 12, "attention layer, in order of evaluation",
                    "text-anchor=\"middle\" font-size=\"12\" fill=\"#444\"");
    return svg::document(left + width_ + right, y, body);
  }

private:
  double middle(std::size_t layer) const { return left + layer_width_ * (static_cast<double>(layer) + 0.5); }

  bool shows(const Panel& panel, const LayerGlance& layer) const {
    return !panel.gates || layer.kind == LayerKind::Nsa;
  }

  svg::Axis axis_of(const Panel& panel) const {
    if (panel.share) return {0, 1, 0.25};
    double high = 0;
    for (const LayerGlance& layer : layers_)
      for (const HeadGlance& head : layer.heads) high = std::max(high, panel.series.front().value(head));
    return svg::round_axis(0, high > 0 ? high : 1, 5);
  }

  std::string draw(const Panel& panel, double y0) const {
    const svg::Axis axis = axis_of(panel);
    const double floor = y0 + panel_height;
    const auto y_of = [&](double value) { return floor - panel_height * axis.share(value); };
    std::string text =
        text_at(left, y0 - 9, panel.title, "font-size=\"13\" font-weight=\"bold\"") + names(panel, y0 - 9);
    for (int i = 0; i <= axis.ticks(); ++i) {
      const double y = y_of(axis.tick(i));
      text += line(left, y, left + width_, y, i == 0 ? "stroke=\"#444\"" : "stroke=\"#e2e2e2\"");
      text +=
          text_at(left - 7, y + 4, number(axis.tick(i), "%.5g"), "text-anchor=\"end\" font-size=\"11\" fill=\"#444\"");
    }
    text += "<text transform=\"translate(20 " + number(y0 + panel_height / 2) +
            ") rotate(-90)\" text-anchor=\"middle\" font-size=\"11\" fill=\"#444\">" + xml_escaped(panel.axis) +
            "</text>\n";
    for (std::size_t place = 0; place < layers_.size(); ++place) {
      text += line(middle(place), floor, middle(place), floor + 4, "stroke=\"#444\"");
      text += text_at(middle(place), floor + 16, std::to_string(layers_[place].layer),
                      "text-anchor=\"middle\" font-size=\"11\" fill=\"#444\"");
      if (shows(panel, layers_[place]))
        for (const Series& series : panel.series) text += marks(series, place, y_of);
    }
    return text;
  }

  template <typename Y>
  std::string marks(const Series& series, std::size_t place, const Y& y_of) const {
    const LayerGlance& layer = layers_[place];
    const auto heads = static_cast<double>(layer.heads.size());
    const double first = middle(place) - head_step * (heads - 1) / 2;
    double mean = 0;
    for (const HeadGlance& head : layer.heads) mean += series.value(head) / heads;
    std::string text = line(first - 4, y_of(mean), first + head_step * (heads - 1) + 4, y_of(mean),
                            "stroke=\"" + std::string(series.colour) + "\" stroke-width=\"1.5\"");
    for (const HeadGlance& head : layer.heads) {
      const double value = series.value(head);
      std::string words = "layer " + std::to_string(layer.layer) + ", head " + std::to_string(head.head) + ": ";
      words += (*series.name ? std::string(series.name) + " " : "") + number(value, "%.4g");
      text += mark_at(first + head_step * head.head, y_of(value), series, words);
    }
    return text;
  }

  // What the marks of a panel with several of them mean, at its right end.
  std::string names(const Panel& panel, double y) const {
    std::string text;
    if (panel.series.size() < 2) return text;
    double x = left + width_;
    for (std::size_t i = panel.series.size(); i-- > 0;) {
      const Series& series = panel.series[i];
      x -= 7.0 * static_cast<double>(std::string_view(series.name).size()) + 18;
      text += mark_at(x, y - 4, series, series.name) + text_at(x + 7, y, series.name, "font-size=\"12\" fill=\"#111\"");
    }
    return text;
  }

  const std::vector<LayerGlance>& layers_;
  std::string note_;
  std::vector<Panel> panels_;
  double layer_width_ = 0, width_ = 0;
};

}  // namespace

std::string heads_csv(const std::vector<LayerGlance>& layers) {
  std::ostringstream out;
  out.precision(9);
  out << "layer,name,head,gate_local,gate_compressed,gate_selected,entropy,effective_keys,distance,memory,agreement,"
         "points_asked,points\n";
  for (const LayerGlance& layer : layers)
    for (const HeadGlance& head : layer.heads)
      out << layer.layer << ',' << csv_cell(layer.name) << ',' << head.head << ',' << head.gate_local << ','
          << head.gate_compressed << ',' << head.gate_selected << ',' << head.entropy << ',' << head.effective_keys
          << ',' << head.distance << ',' << head.memory << ',' << head.agreement << ',' << layer.queries << ','
          << layer.points << '\n';
  return out.str();
}

std::string heads_svg(const std::vector<LayerGlance>& layers, const std::string& unit, const std::string& note) {
  return HeadsChart(layers, unit, note).text();
}

}  // namespace erwin
