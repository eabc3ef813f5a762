#include "core/engine/what_if_entries.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <numeric>
#include <optional>
#include <sstream>

#include "core/base/error.h"
#include "core/data/point_set.h"
#include "core/tree/slot_search.h"

namespace erwin {

namespace {

constexpr const char* allowed =
    "Keys: force-in, force-out, hide-block, head-off, branch-off, gate.local, gate.compressed, gate.selected, S, "
    "exclude, hide, move, scale, edit";
constexpr const char* point_forms = "Points are ids and runs of ids, 3,10-20, or query, ball, blockN, all";
constexpr std::size_t longest_list = 24;  // letters of ids that are said one by one
constexpr Branch branches[] = {Branch::Local, Branch::Compressed, Branch::Selected};

[[noreturn]] void refuse(const std::string& message, const std::string& detail, const std::string& hint = {}) {
  throw Error(ErrorKind::Config, message, detail, hint);
}

template <typename Number>
Number number_of(const std::string& text, const std::string& key, const char* hint = "") {
  Number value = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || failure != std::errc() || end != text.data() + text.size())
    refuse("a number is not understood", key + ": '" + text + "'", hint);
  return value;
}

std::vector<std::string> parts_of(const std::string& text, char separator) {
  std::vector<std::string> parts{""};
  for (const char c : text)
    if (c == separator)
      parts.emplace_back();
    else
      parts.back() += c;
  return parts;
}

struct KeyValue {
  std::string key, value;
};

KeyValue key_value_of(const std::string& text) {
  const std::size_t equals = text.find('=');
  if (equals == std::string::npos) refuse("a what-if is key=value", text, allowed);
  return {text.substr(0, equals), text.substr(equals + 1)};
}

Exclude exclude_of(const std::string& value) {
  for (const Exclude exclude : {Exclude::Ball, Exclude::Block, Exclude::None})
    if (value == name_of(exclude)) return exclude;
  refuse("exclude is not understood", value, "Allowed: ball, block, none");
}

std::int64_t point_with_id(const PointCloud& cloud, std::int64_t id) {
  const std::int64_t point = cloud.point_of_row(id);
  if (point < 0)
    refuse("there is no point " + std::to_string(id),
           "ids go from 0 to " + std::to_string(cloud.row_id(cloud.size() - 1)),
           "A point's id is its row in the file; rows whose position is not finite are left out");
  return point;
}

// One entry at a time, added to what came before.
class Reader {
public:
  Reader(const PointCloud& cloud, const std::vector<LayerInfo>& layers) : cloud_(cloud), layers_(layers) {}

  void add(const WhatIfEntry& entry) {
    const auto [key, value] = key_value_of(entry.text);
    AttentionChanges& attention = result.attention;
    if (key == "force-in" || key == "force-out" || key == "hide-block")
      add_block(entry, key, value);
    else if (key == "head-off")
      attention.gates.push_back({.layer = entry.layer, .head = number_of<int>(value, key, "A head from 0")});
    else if (key == "branch-off" || key.starts_with("gate."))
      add_gate(entry, key, value);
    else if (key == "S")
      attention.selections.push_back({entry.layer, number_of<int>(value, key, "1 and more"), std::nullopt});
    else if (key == "exclude")
      attention.selections.push_back({entry.layer, std::nullopt, exclude_of(value)});
    else
      add_cloud_change(entry, key, value);
  }

  WhatIf result;

private:
  void add_block(const WhatIfEntry& entry, const std::string& key, const std::string& value) {
    ForcedBlock forced;
    forced.layer = entry.layer;
    forced.block = number_of<std::int32_t>(value, key, "A block from 0");
    forced.in = key == "force-in";
    forced.everywhere = key == "hide-block";
    if (!forced.everywhere) {
      const LayerInfo& layer = one_layer(entry, key);
      if (layer.kind != LayerKind::Nsa) refuse("this layer selects no blocks, so none can be forced", layer.name);
      forced.query_block = slot_of_query(entry, layer, key) / layer.block_size;
      require_block(layer, forced.block);
    }
    result.attention.forced.push_back(forced);
  }

  void add_gate(const WhatIfEntry& entry, const std::string& key, const std::string& value) {
    const bool off = key == "branch-off";
    const std::string name = off ? value : key.substr(5);
    for (const Branch branch : branches)
      if (name == name_of(branch)) {
        const double gate = off ? 0 : number_of<double>(value, key, "A gate lies between 0 and 1");
        result.attention.gates.push_back({entry.layer, entry.head, branch, gate});
        return;
      }
    refuse("there is no branch of this name", name, "Allowed: local, compressed, selected");
  }

  void add_cloud_change(const WhatIfEntry& entry, const std::string& key, const std::string& value) {
    const std::vector<std::string> parts = parts_of(value, ':');
    const auto need = [&](std::size_t count, const char* form) {
      if (parts.size() != count) refuse("a what-if is not understood", key + "=" + value, form);
    };
    CloudChanges& changes = result.cloud;
    if (key == "hide") {
      const auto points = points_of(entry, value, key);
      changes.hidden.insert(changes.hidden.end(), points.begin(), points.end());
    } else if (key == "move") {
      need(2, "move=POINTS:dx,dy,dz");
      const std::vector<std::string> axes = parts_of(parts[1], ',');
      if (axes.size() != 3) refuse("a what-if is not understood", key + "=" + value, "move=POINTS:dx,dy,dz");
      changes.movements.push_back(
          {points_of(entry, parts[0], key), {decimal(axes[0], key), decimal(axes[1], key), decimal(axes[2], key)}, 1});
    } else if (key == "scale") {
      need(2, "scale=POINTS:factor");
      changes.movements.push_back({points_of(entry, parts[0], key), {}, decimal(parts[1], key)});
    } else if (key == "edit") {
      need(4, "edit=FIELD:POINTS:factor:offset");
      (void)cloud_.require_field(parts[0]);
      changes.edits.push_back(
          {parts[0], points_of(entry, parts[1], key), -1, decimal(parts[2], key), decimal(parts[3], key)});
    } else {
      refuse("there is no what-if of this name", key, allowed);
    }
  }

  static double decimal(const std::string& text, const std::string& key) {
    const auto value = number_of<double>(text, key);
    if (!std::isfinite(value)) refuse("a number is not finite", key + ": " + text);
    return value;
  }

  const LayerInfo& one_layer(const WhatIfEntry& entry, const std::string& key) const {
    if (entry.layer < 0) refuse(key + " is about one layer", "layer all", "Give a layer");
    for (const LayerInfo& layer : layers_)
      if (layer.layer == entry.layer) return layer;
    refuse("there is no attention layer " + std::to_string(entry.layer),
           "layers go from 0 to " + std::to_string(std::ssize(layers_) - 1));
  }

  std::int64_t query_of(const WhatIfEntry& entry, const std::string& key) const {
    if (entry.point < 0 || entry.point >= cloud_.size())
      refuse(key + " needs a queried point", entry.text, "Query a point first; on the command line: --point ID");
    return entry.point;
  }

  std::int64_t slot_of_query(const WhatIfEntry& entry, const LayerInfo& layer, const std::string& key) const {
    const std::int64_t slot = slot_of_point(*layer.slots, query_of(entry, key));
    if (slot < 0) refuse("this point is in no slot of the layer", "layer " + layer.name);
    return slot;
  }

  static void require_block(const LayerInfo& layer, std::int64_t block) {
    const std::int64_t blocks = layer.block_size > 0 ? layer.slots->slots() / layer.block_size : 0;
    if (block < 0 || block >= blocks)
      refuse("there is no block " + std::to_string(block),
             blocks > 0
                 ? "blocks of layer " + std::to_string(layer.layer) + " go from 0 to " + std::to_string(blocks - 1)
                 : "layer " + layer.name + " has none");
  }

  // What slots [first, last) hold, each point once.
  static std::vector<std::int64_t> points_in(const LayerInfo& layer, std::int64_t first, std::int64_t last) {
    const auto span = layer.slots->of(first, std::min(last, layer.slots->slots()));
    std::vector<std::int64_t> points(span.begin(), span.end());
    std::sort(points.begin(), points.end());
    points.erase(std::unique(points.begin(), points.end()), points.end());
    return points;
  }

  std::vector<std::int64_t> points_of_word(const WhatIfEntry& entry, const std::string& word,
                                           const std::string& key) const {
    if (word == "query") return {query_of(entry, key)};
    if (word == "all") {
      std::vector<std::int64_t> all(static_cast<std::size_t>(cloud_.size()));
      std::iota(all.begin(), all.end(), std::int64_t{0});
      return all;
    }
    if (word == "ball") {
      const LayerInfo& layer = one_layer(entry, key);
      if (layer.ball_size <= 0) refuse("this layer has no balls", layer.name);
      const std::int64_t first = slot_of_query(entry, layer, key) / layer.ball_size * layer.ball_size;
      return points_in(layer, first, first + layer.ball_size);
    }
    if (word.starts_with("block")) {
      const LayerInfo& layer = one_layer(entry, key);
      const auto block = number_of<std::int64_t>(word.substr(5), key, point_forms);
      require_block(layer, block);
      return points_in(layer, block * layer.block_size, (block + 1) * layer.block_size);
    }
    return points_of_ids(word, key);
  }

  std::vector<std::int64_t> points_of_ids(const std::string& text, const std::string& key) const {
    std::vector<std::int64_t> ids, points;
    try {
      ids = ids_in(text);
    } catch (const Error& error) {
      refuse(error.message(), key + ": " + text, point_forms);
    }
    for (const std::int64_t id : ids) points.push_back(point_with_id(cloud_, id));
    return points;
  }

  std::vector<std::int64_t> points_of(const WhatIfEntry& entry, const std::string& text, const std::string& key) const {
    std::vector<std::int64_t> points;
    for (const std::string& part : parts_of(text, ',')) {
      const auto more = points_of_word(entry, part, key);
      points.insert(points.end(), more.begin(), more.end());
    }
    return points;
  }

  const PointCloud& cloud_;
  const std::vector<LayerInfo>& layers_;
};

// "the ball of point 12" would need the cloud; the list says which query it is elsewhere.
std::string points_in_words(const std::string& text) {
  if (text == "ball") return "the query's ball";
  if (text == "query") return "the queried point";
  if (text == "all") return "all points";
  if (text.starts_with("block")) return "block " + text.substr(5);
  if (text.size() > longest_list) try {
      return std::to_string(ids_in(text).size()) + " points";
    } catch (const Error&) {  // words are among them
    }
  return (text.find_first_of(",-") == std::string::npos ? "point " : "points ") + text;
}

std::string change_in_words(const std::string& key, const std::string& value, int head) {
  const std::vector<std::string> parts = parts_of(value, ':');
  const std::string whose = head >= 0 ? " of head " + std::to_string(head) : "";
  if (key == "force-in") return "block " + value + " forced in";
  if (key == "force-out") return "block " + value + " forced out";
  if (key == "hide-block") return "block " + value + " hidden from all branches";
  if (key == "head-off") return "head " + value + " off";
  if (key == "branch-off") return value + " branch" + whose + " off";
  if (key.starts_with("gate.")) return "gate of " + key.substr(5) + whose + " = " + value;
  if (key == "S") return "S = " + value + " selected blocks";
  if (key == "exclude") return value == "none" ? "selection excludes nothing" : "selection excludes own " + value;
  if (key == "hide") return "hide " + points_in_words(value);
  if (key == "move" && parts.size() == 2) return "move " + points_in_words(parts[0]) + " by " + parts[1];
  if (key == "scale" && parts.size() == 2) return "scale " + points_in_words(parts[0]) + " by " + parts[1];
  if (key == "edit" && parts.size() == 4) {
    const std::string plus = parts[3] == "0" ? "" : " + " + parts[3];
    return parts[0] + " of " + points_in_words(parts[1]) + " x " + parts[2] + plus;
  }
  return key + "=" + value;
}

bool is_about_layers(const std::string& key, const std::string& value) {
  const bool cloud = key == "hide" || key == "move" || key == "scale" || key == "edit";
  return !cloud || value.find("ball") != std::string::npos || value.find("block") != std::string::npos;
}

}  // namespace

WhatIf what_if_of(std::span<const WhatIfEntry> entries, const PointCloud& cloud, const std::vector<LayerInfo>& layers,
                  const ModelConfig& config) {
  Reader reader(cloud, layers);
  for (const WhatIfEntry& entry : entries)
    if (entry.on) reader.add(entry);
  check(reader.result.attention, config);
  return std::move(reader.result);
}

WhatIfEntry entry_from(const std::string& text, WhatIfEntry beside, const PointCloud& cloud) {
  const char* form = "Write it as KEY=VALUE [--layer N|all] [--head N|mean] [--point ID|none]";
  const std::size_t end = std::min(text.find(" --"), text.find_last_not_of(' ') + 1);
  beside.text = text.substr(0, end);
  std::istringstream options(text.substr(end));
  for (std::string name, value; options >> name;) {
    if (!(options >> value)) refuse("an option of a change lacks its value", name, form);
    if (name == "--layer")
      beside.layer = value == "all" ? -1 : number_of<int>(value, name, form);
    else if (name == "--head")
      beside.head = value == "mean" ? -1 : number_of<int>(value, name, form);
    else if (name == "--point")
      beside.point = value == "none" ? -1 : point_with_id(cloud, number_of<std::int64_t>(value, name, form));
    else
      refuse("this option of a change is not understood", name, form);
  }
  return beside;
}

std::string text_of(const WhatIfEntry& entry, std::int64_t id) {
  return entry.text + " --layer " + (entry.layer >= 0 ? std::to_string(entry.layer) : "all") + " --head " +
         (entry.head >= 0 ? std::to_string(entry.head) : "mean") + " --point " +
         (id >= 0 ? std::to_string(id) : "none");
}

std::string with_selection(const std::string& text, const std::string& ids) {
  const std::string word = "selection";
  const std::size_t field_end = text.starts_with("edit=") ? text.find(':') : 0;
  std::string result = text;
  for (std::size_t at = result.size(); (at = result.rfind(word, at)) != std::string::npos && at > field_end;) {
    const std::size_t end = at + word.size();
    const bool whole = std::string_view("=,:").find(result[at - 1]) != std::string_view::npos &&
                       (end == result.size() || std::string_view(",:").find(result[end]) != std::string_view::npos);
    if (whole && ids.empty())
      refuse("there are no selected points", text, "Select points: with the mouse, or --points on the command line");
    if (whole) result.replace(at, word.size(), ids);
    --at;
  }
  return result;
}

std::string in_words(const WhatIfEntry& entry) {
  const std::size_t equals = entry.text.find('=');
  if (equals == std::string::npos) return entry.text;
  const std::string key = entry.text.substr(0, equals), value = entry.text.substr(equals + 1);
  std::string words = change_in_words(key, value, entry.head);
  if (is_about_layers(key, value))
    words += entry.layer >= 0 ? ", layer " + std::to_string(entry.layer) : ", every layer";
  return words;
}

std::string in_words(std::span<const WhatIfEntry> entries) {
  std::string words;
  for (const WhatIfEntry& entry : entries)
    if (entry.on) words += (words.empty() ? "" : "; ") + in_words(entry);
  return words;
}

std::string as_options(const WhatIfEntry& entry, std::int64_t id) {
  std::string text = "--layer " + (entry.layer >= 0 ? std::to_string(entry.layer) : std::string("all"));
  if (entry.head >= 0) text += " --head " + std::to_string(entry.head);
  if (id >= 0) text += " --point " + std::to_string(id);
  return text + " --what-if " + entry.text;
}

}  // namespace erwin
