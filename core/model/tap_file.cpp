#include "core/model/internal/tap_file.h"

#include <algorithm>
#include <cmath>
#include <string_view>
#include <type_traits>

#include "core/base/error.h"

namespace erwin::model {

namespace {

constexpr std::int64_t most_slots = std::int64_t{1} << 31, most_layers = 4096, most_heads = 16384;

[[noreturn]] void damaged(const std::string& what) {
  throw Error(ErrorKind::Format, "the attention record is damaged", what,
              "resources/help/record.md says what a record holds; of a run that goes on, wait for the next one");
}

const char* name_of(LayerKind kind) {
  switch (kind) {
    case LayerKind::Ball:
      return "ball";
    case LayerKind::Full:
      return "full";
    case LayerKind::Nsa:
      break;
  }
  return "nsa";
}

// "weights" is what other programs' layers are: one branch over the whole sample, rows as lists.
LayerKind kind_from(const std::string& name) {
  if (name == "weights") return LayerKind::Full;
  for (const LayerKind kind : {LayerKind::Ball, LayerKind::Nsa, LayerKind::Full})
    if (name == name_of(kind)) return kind;
  damaged("a layer's kind is " + name.substr(0, 50));
}

// What is stored of a layer, the same list for both directions.
template <typename Layer, typename Visit>
void for_each_number(Layer& layer, const Visit& visit) {
  visit("layer", layer.layer);
  visit("pool_level", layer.pool_level);
  visit("ball_size", layer.ball_size);
  visit("block_size", layer.block_size);
  visit("heads", layer.heads);
  visit("kv_heads", layer.kv_heads);
  visit("head_dim", layer.head_dim);
}

template <typename Layer, typename Visit>
void for_each_array(Layer& layer, const Visit& visit) {
  visit("positions", layer.positions);
  visit("sigma", layer.sigma);
  visit("gate", layer.gate);
  visit("lse_local", layer.lse_local);
  visit("lse_compressed", layer.lse_compressed);
  visit("lse_selected", layer.lse_selected);
  visit("selected", layer.selected);
  visit("selected_score", layer.selected_score);
  visit("q", layer.q);
  visit("k", layer.k);
  visit("v", layer.v);
  visit("local_q", layer.local_q);
  visit("local_k", layer.local_k);
  visit("local_v", layer.local_v);
  visit("block_k", layer.block_k);
  visit("block_v", layer.block_v);
  visit("memory_k", layer.memory_k);
  visit("memory_v", layer.memory_v);
  visit("weight", layer.weight);
}

void write_layer(h5::File& file, const std::string& path, const LayerTap& layer) {
  file.make_group(path);
  file.set_text(path, "name", layer.name);
  file.set_text(path, "kind", layer.has_weights() ? "weights" : name_of(layer.kind));
  file.set_int(path, "rotated", layer.rotated ? 1 : 0);
  for_each_number(layer, [&](const char* name, int value) { file.set_int(path, name, value); });
  const auto list = [&](const char* name, const auto& values) {
    file.write(path + "/" + name, {static_cast<std::int64_t>(values.size())}, std::span(values));
  };
  list("slot_point_begin", layer.slot_point_begin);
  list("slot_points", layer.slot_points);
  list("point_slot", layer.point_slot);
  if (layer.has_weights()) {
    list("weight_begin", layer.weight_begin);
    list("weight_key", layer.weight_key);
  }
  for_each_array(layer, [&](const char* name, const auto& array) {
    if (!array.empty()) file.write(path + "/" + name, array.shape(), array.values());
  });
}

std::vector<std::int32_t> narrowed(const std::vector<std::int64_t>& values, std::int64_t least, std::int64_t beyond,
                                   const std::string& where) {
  std::vector<std::int32_t> result;
  result.reserve(values.size());
  for (const std::int64_t value : values) {
    if (value < least || value >= beyond) damaged(where + " holds a number that is out of range");
    result.push_back(static_cast<std::int32_t>(value));
  }
  return result;
}

// The shape an array must have where it is there.
std::vector<std::int64_t> wanted_shape(const std::string& name, const LayerTap& layer) {
  const std::int64_t slots = layer.slots(), heads = layer.heads, groups = layer.kv_heads, width = layer.head_dim;
  if (name == "positions") return {slots, -1};
  if (name == "weight") return {std::ssize(layer.weight_key), heads};
  if (name == "sigma") return {heads};
  if (name == "gate") return {slots, 3, heads};
  if (name.starts_with("lse_")) return {slots, heads};
  if (name.starts_with("selected")) return {layer.blocks(), groups, -1};
  if (name == "q" || name == "local_q") return {slots, heads, width};
  if (name.starts_with("block_")) return {layer.blocks(), groups, width};
  if (name.starts_with("memory_")) return {groups, width};
  return {slots, groups, width};
}

bool fits(const std::vector<std::int64_t>& shape, const std::vector<std::int64_t>& wanted) {
  return std::equal(shape.begin(), shape.end(), wanted.begin(), wanted.end(), [](std::int64_t size, std::int64_t want) {
    return want < 0 ? size >= 0 && size < most_heads : size == want;
  });
}

// Where nothing is said, slot i holds point i.
void read_slots(const h5::File& file, const std::string& path, LayerTap& layer, std::int64_t points) {
  auto& begin = layer.slot_point_begin;
  if (!file.is_dataset(path + "/slot_point_begin")) {
    for (std::int64_t slot = 0; slot <= points; ++slot) begin.push_back(slot);
    for (std::int64_t slot = 0; slot < points; ++slot) layer.slot_points.push_back(static_cast<std::int32_t>(slot));
  } else {
    begin = file.read_ints(path + "/slot_point_begin");
    if (begin.empty() || std::ssize(begin) > most_slots || begin.front() != 0 ||
        !std::is_sorted(begin.begin(), begin.end()))
      damaged(path + "/slot_point_begin");
    layer.slot_points = narrowed(file.read_ints(path + "/slot_points"), 0, points, path + "/slot_points");
    if (std::ssize(layer.slot_points) != begin.back()) damaged(path + "/slot_points");
  }
  if (!file.is_dataset(path + "/point_slot")) return layer.index_points(points);
  layer.point_slot = narrowed(file.read_ints(path + "/point_slot"), -1, layer.slots(), path + "/point_slot");
  if (std::ssize(layer.point_slot) != points) damaged(path + "/point_slot");
}

// Rows as lists: row s of slot s is entries weight_begin[s] .. weight_begin[s + 1].
void read_weights(const h5::File& file, const std::string& path, LayerTap& layer) {
  layer.ball_size = static_cast<int>(layer.slots());
  layer.weight_begin = file.read_ints(path + "/weight_begin");
  const auto& begin = layer.weight_begin;
  if (std::ssize(begin) != layer.slots() + 1 || begin.front() != 0 || !std::is_sorted(begin.begin(), begin.end()))
    damaged(path + "/weight_begin");
  layer.weight_key = narrowed(file.read_ints(path + "/weight_key"), 0, layer.slots(), path + "/weight_key");
  if (std::ssize(layer.weight_key) != begin.back()) damaged(path + "/weight_key");
}

// Numbers that everything else relies on.
void check_layer(const LayerTap& layer, const std::string& path) {
  if (layer.ball_size < 1 ||
      (layer.kind == LayerKind::Nsa && (layer.block_size < 1 || layer.ball_size % layer.block_size != 0)))
    damaged(path + ": ball_size");
  if (layer.kind == LayerKind::Full && layer.ball_size < layer.slots()) damaged(path + ": ball_size");
  if (layer.kind != LayerKind::Nsa && layer.block_size != 0) damaged(path + ": block_size");
  if (layer.has_weights() && (layer.weight.empty() && !layer.weight_key.empty())) damaged(path + "/weight is missing");
  for (const float weight : layer.weight.values())
    if (!(weight >= 0 && std::isfinite(weight))) damaged(path + "/weight holds a number that is no weight");
}

LayerTap read_layer(const h5::File& file, const std::string& path, std::int64_t points) {
  LayerTap layer;
  layer.name = file.text_attribute(path, "name").value_or("");
  layer.kind = kind_from(file.text_attribute(path, "kind").value_or(""));
  const bool weights = file.text_attribute(path, "kind") == "weights";
  layer.rotated = file.int_attribute(path, "rotated").value_or(0) != 0;
  for_each_number(layer, [&](const char* name, int& value) {
    const bool needed = !weights || std::string_view(name) == "layer" || std::string_view(name) == "heads";
    const std::int64_t held = file.int_attribute(path, name).value_or(needed ? -1 : 0);
    if (held < 0 || held >= most_slots) damaged(path + ": " + name);
    value = static_cast<int>(held);
  });
  if (weights) {
    layer.kv_heads = layer.heads;
    layer.head_dim = std::max(1, layer.head_dim);
  }
  if (layer.heads < 1 || layer.heads > most_heads || layer.kv_heads < 1 || layer.heads % layer.kv_heads != 0 ||
      layer.head_dim < 1 || layer.head_dim > most_heads)
    damaged(path + ": heads");
  read_slots(file, path, layer, points);
  if (weights) read_weights(file, path, layer);
  if (layer.ball_size < 1 || (layer.kind == LayerKind::Nsa && layer.block_size < 1)) damaged(path + ": ball_size");
  for_each_array(layer, [&](const char* name, auto& array) {
    const std::string dataset = path + "/" + name;
    if (!file.is_dataset(dataset)) return;
    const h5::DatasetInfo info = file.info(dataset);
    if (!fits(info.shape, wanted_shape(name, layer))) damaged(dataset + " has another shape");
    using Element = std::remove_cvref_t<decltype(*array.data())>;
    if constexpr (std::is_same_v<Element, float>)
      array = Array<float>(info.shape, file.read_floats(dataset));
    else
      array = Array<std::int32_t>(info.shape, narrowed(file.read_ints(dataset), -1, layer.blocks(), dataset));
  });
  check_layer(layer, path);
  return layer;
}

}  // namespace

void write_tap(h5::File& file, const std::string& group, const Tap& tap) {
  file.make_group(group);
  file.set_int(group, "layers", std::ssize(tap.layers));
  file.set_int(group, "query_per_block", tap.query_per_block ? 1 : 0);
  for (std::size_t i = 0; i < tap.layers.size(); ++i) write_layer(file, group + "/" + std::to_string(i), tap.layers[i]);
}

TapPtr read_tap(const h5::File& file, const std::string& group, std::int64_t points) {
  if (!file.is_group(group)) damaged("the group " + group + " is missing");
  auto tap = std::make_shared<Tap>();
  tap->point_count = points;
  tap->query_per_block = file.int_attribute(group, "query_per_block").value_or(0) != 0;
  const std::int64_t layers = file.int_attribute(group, "layers").value_or(-1);
  if (layers < 0 || layers > most_layers) damaged(group + ": layers");
  for (std::int64_t i = 0; i < layers; ++i) {
    const std::string path = group + "/" + std::to_string(i);
    if (!file.is_group(path)) damaged("the group " + path + " is missing");
    tap->layers.push_back(read_layer(file, path, points));
    if (i > 0 && tap->layers.back().layer <= tap->layers[static_cast<std::size_t>(i - 1)].layer)
      damaged(path + ": layers are not in order");
  }
  return tap;
}

}  // namespace erwin::model
