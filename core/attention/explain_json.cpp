#include <nlohmann/json.hpp>

#include "core/attention/explain.h"

namespace erwin {

namespace {

using Json = nlohmann::ordered_json;

Json to_object(const Place& place) {
  return {{"slots", {place.slot_begin, place.slot_end}},
          {"points", place.points},
          {"centre", place.centre},
          {"radius", place.radius}};
}

Json to_object(const Gates& gates) {
  return {{"local", gates.local}, {"compressed", gates.compressed}, {"selected", gates.selected}};
}

Json path_of(const Explanation& layer) {
  Json path = Json::array();
  for (const PathNode& node : layer.path) {
    Json entry{{"level", node.level}, {"node", node.node}};
    entry.update(to_object(node.place));
    entry["split_axis"] = node.split_axis >= 0 ? Json(node.split_axis) : Json(nullptr);
    entry["is_ball"] = node.is_ball;
    entry["is_block"] = node.is_block;
    path.push_back(std::move(entry));
  }
  return path;
}

Json selected_of(const Explanation& layer) {
  Json list = Json::array();
  for (const ExplainedBlock& block : layer.selected) {
    Json entry{{"block", block.selected.block},   {"kv_head", block.selected.kv_head},
               {"rank", block.selected.rank},     {"score", block.selected.score},
               {"weight", block.selected.weight}, {"compressed_weight", block.compressed_weight}};
    entry.update(to_object(block.place));
    list.push_back(std::move(entry));
  }
  return list;
}

Json misses_of(const Explanation& layer) {
  Json list = Json::array();
  for (const ExplainedMiss& miss : layer.misses) {
    Json entry{{"block", miss.missed.block}, {"mass", miss.missed.mass}, {"mass_rank", miss.missed.mass_rank}};
    entry.update(to_object(miss.place));
    list.push_back(std::move(entry));
  }
  return list;
}

Json top_of(const Explanation& layer) {
  Json list = Json::array();
  for (const AttendedPoint& point : layer.top)
    list.push_back({{"id", point.id},
                    {"weight", point.weight},
                    {"position", point.position},
                    {"distance", point.distance},
                    {"in_ball", point.in_ball},
                    {"in_selected", point.in_selected}});
  return list;
}

Json to_object(const Explanation& layer) {
  Json heads = Json::array();
  for (const Gates& gates : layer.head_gates) heads.push_back(to_object(gates));
  Json gates = to_object(layer.gates);
  gates["heads"] = std::move(heads);
  Json result{{"layer", layer.layer},
              {"name", layer.name},
              {"kind", name_of(layer.kind)},
              {"rotated", layer.rotated},
              {"pool_level", layer.pool_level},
              {"head", layer.head >= 0 ? Json(layer.head) : Json("mean")},
              {"heads", layer.heads},
              {"kv_heads", layer.kv_heads},
              {"head_dim", layer.head_dim},
              {"ball_size", layer.ball_size},
              {"block_size", layer.block_size > 0 ? Json(layer.block_size) : Json(nullptr)},
              {"query_per_block", layer.query_per_block},
              {"slots", layer.slots},
              {"slot", layer.slot},
              {"block", layer.block >= 0 ? Json(layer.block) : Json(nullptr)},
              {"path", path_of(layer)},
              {"gates", std::move(gates)},
              {"shares",
               {{"local", layer.local},
                {"compressed", layer.compressed},
                {"selected", layer.selected_sum},
                {"memory", layer.memory},
                {"sum", layer.sum},
                {"expected_sum", layer.expected_sum}}},
              {"effective_keys", layer.effective_keys},
              {"lse_gap", layer.lse_gap}};
  result["selected"] = selected_of(layer);
  result["top"] = top_of(layer);
  result["recall"] = layer.recall ? Json(*layer.recall) : Json(nullptr);
  result["missed"] = layer.recall ? Json(layer.missed_sum) : Json(nullptr);
  result["misses"] = misses_of(layer);
  return result;
}

}  // namespace

std::string to_json(const std::vector<Explanation>& layers, const ExplanationSource& source) {
  Json document{{"schema", 1},
                {"kind", "explanation"},
                {"checkpoint", source.checkpoint},
                {"data", source.data},
                {"sample", source.sample},
                {"model", source.model},
                {"device", source.device}};
  if (!layers.empty()) {
    const Explanation& first = layers.front();
    document["frame"] = first.frame;
    document["point"] = {{"id", first.id}, {"position", first.position}, {"unit", source.unit}};
  }
  Json values = Json::object();
  for (const auto& value : source.values)
    values[value.name] = {{"value", value.components.size() == 1 ? Json(value.components[0]) : Json(value.components)},
                          {"unit", value.unit}};
  document["values"] = std::move(values);
  document["layers"] = Json::array();
  for (const Explanation& layer : layers) document["layers"].push_back(to_object(layer));
  // File names need not be UTF-8; JSON must be.
  return document.dump(2, ' ', false, Json::error_handler_t::replace);
}

}  // namespace erwin
