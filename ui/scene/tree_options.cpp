// Options of tree, query and attention.

#include <algorithm>
#include <limits>
#include <optional>

#include "core/base/error.h"
#include "ui/scene/head_grid.h"
#include "ui/scene/numbers.h"
#include "ui/scene/scene_options.h"

namespace erwin::ui {

namespace {

constexpr int any = std::numeric_limits<int>::max();

SceneOption point_option() {
  return {"point",
          "ID",
          "query point: its row in the file, from 0; -1: none",
          {},
          [](SceneState& state, const std::string& text, const PointCloud* cloud) {
            const auto id = whole_number_in(text);
            if (!id || *id < -1) reject_option("point", text, "Use a row of the file, from 0, or -1");
            std::int64_t point = *id;
            if (cloud && *id >= 0) {
              point = cloud->point_of_row(*id);
              if (point < 0)
                throw Error(ErrorKind::Config, "there is no point with this id", "point " + text,
                            "A point's id is its row in the file, from 0; this cloud has " +
                                std::to_string(cloud->size()) + " points");
            }
            state.query.point = point;
          },
          [](const SceneState& state, const PointCloud* cloud) {
            const std::int64_t point = state.query.point;
            return std::to_string(point >= 0 && cloud ? cloud->row_id(point) : point);
          }};
}

// Of the shown layer, or of another one, where it is kept until that is shown again.
SceneOption block_option() {
  return {"block",
          "ID|LAYER:ID",
          "block of the layer to mark with a box; -1: none",
          {},
          [](SceneState& state, const std::string& text, const PointCloud*) {
            const std::size_t colon = text.find(':');
            const auto layer = colon == std::string::npos ? std::optional<long long>(state.query.layer)
                                                          : whole_number_in(text.substr(0, colon));
            const auto block = whole_number_in(colon == std::string::npos ? text : text.substr(colon + 1));
            if (!layer || *layer < 0 || *layer > any || !block || *block < -1 || *block > any)
              reject_option("block", text, "Use a block, from 0, LAYER:BLOCK, or -1");
            state.marked_block =
                *block < 0 ? MarkedBlockId{} : MarkedBlockId{static_cast<int>(*layer), static_cast<int>(*block)};
          },
          [](const SceneState& state, const PointCloud*) {
            const auto& [layer, block] = state.marked_block;
            return block < 0 ? std::string("-1") : std::to_string(layer) + ":" + std::to_string(block);
          }};
}

SceneOption selection_option() {
  return {"selection",
          "none|IDS",
          "chosen points: ids and runs of ids, both ends included, like 3,10-20",
          {},
          [](SceneState& state, const std::string& text, const PointCloud* cloud) {
            if (text == "none" || text.empty()) {
              state.picked = nullptr;
              return;
            }
            PointSet points = ids_in(text);
            if (cloud)
              for (std::int64_t& point : points) {
                const std::int64_t id = point;
                point = cloud->point_of_row(id);
                if (point < 0)
                  throw Error(ErrorKind::Config, "there is no point with this id", "selection " + std::to_string(id),
                              "A point's id is its row in the file, from 0");
              }
            std::sort(points.begin(), points.end());
            points.erase(std::unique(points.begin(), points.end()), points.end());
            state.picked = std::make_shared<const PointSet>(std::move(points));
          },
          [](const SceneState& state, const PointCloud* cloud) {
            if (!state.picked || state.picked->empty()) return std::string("none");
            std::vector<std::int64_t> ids = *state.picked;
            if (cloud)
              for (std::int64_t& id : ids) id = id < cloud->size() ? cloud->row_id(id) : id;
            std::sort(ids.begin(), ids.end());
            return text_of_ids(ids);
          }};
}

SceneOption branch_option() {
  return {"branch",
          "all|local|compressed|selected",
          "branch of the attention",
          {"all", "local", "compressed", "selected"},
          [](SceneState& state, const std::string& text, const PointCloud*) {
            for (const Branch branch : {Branch::All, Branch::Local, Branch::Compressed, Branch::Selected})
              if (text == name_of(branch)) {
                state.query.branch = branch;
                return;
              }
            reject_option("branch", text, "Use all, local, compressed or selected");
          },
          [](const SceneState& state, const PointCloud*) { return std::string(name_of(state.query.branch)); }};
}

}  // namespace

std::vector<SceneOption> tree_options() {
  std::vector<SceneOption> options;
  options.push_back(whole_option(
      "level", "of the tree, 0 is the root", [](SceneState& s) -> int& { return s.level; }, 0, any));
  options.push_back(point_option());
  options.push_back(whole_option(
      "layer", "attention layer, in order of evaluation from 0", [](SceneState& s) -> int& { return s.query.layer; }, 0,
      any));
  options.push_back(whole_option(
      "head", "query head, from 0; -1: mean over the heads", [](SceneState& s) -> int& { return s.query.head; }, -1,
      any));
  options.push_back(branch_option());
  options.push_back(selection_option());
  options.push_back({"against",
                     "none|layer=N|head=N|FILE|sample=NAME",
                     "what is compared with: another layer or head, a checkpoint, or several with commas; or another "
                     "sample of the data set, or file",
                     {},
                     [](SceneState& state, const std::string& text, const PointCloud*) {
                       state.against = to_string(against_from(text));
                     },
                     [](const SceneState& state, const PointCloud*) { return state.against; }});
  options.push_back({"heads",
                     "off|four|N,N,N,N",
                     "the query's attention in several heads side by side: in the head's group of four, or in these",
                     {"off", "four"},
                     [](SceneState& state, const std::string& text, const PointCloud*) {
                       (void)heads_from(text);
                       state.heads = text;
                     },
                     [](const SceneState& state, const PointCloud*) { return state.heads; }});
  options.push_back(choice_option<SummaryOf>(
      "summary", "fields that sum up attention: of the shown layer, or their means over all layers",
      &SceneState::summary, {{"layer", SummaryOf::Layer}, {"all", SummaryOf::AllLayers}}));
  options.push_back(choice_option<std::optional<SelectionMarks>>(
      "marks", "how selected blocks show: outline: boxes, fill: the colour of their rank", &SceneState::marks,
      {{"auto", std::nullopt},
       {"off", SelectionMarks::Off},
       {"outline", SelectionMarks::Outline},
       {"fill", SelectionMarks::Fill}}));
  options.push_back(
      switch_option("misses", "crossed boxes around the heaviest blocks that were not selected", &SceneState::misses));
  options.push_back(block_option());
  options.push_back(number_option("dim", "how far everything that is not marked fades", &SceneState::dim, 0, 1));
  options.push_back(choice_option<OutlinedBalls>(
      "outlines", "which balls are outlined: the query's and its blocks', or every ball of the level as well",
      &SceneState::outlines,
      {{"off", OutlinedBalls::Off}, {"query", OutlinedBalls::Query}, {"level", OutlinedBalls::Level}}));
  options.push_back(choice_option<OutlineShape>(
      "outline", "shape of outlines; hull: the convex hull of the points", &SceneState::outline,
      {{"box", OutlineShape::Box}, {"sphere", OutlineShape::Sphere}, {"hull", OutlineShape::Hull}}));
  options.push_back(
      {"only",
       "all|query|BALL|LEVEL:BALL",
       "one ball alone, with all below it: the query's, or by its number in the level from 0",
       {},
       [](SceneState& state, const std::string& text, const PointCloud*) { state.only = only_ball_from(text); },
       [](const SceneState& state, const PointCloud*) { return to_string(state.only); }});
  options.push_back(choice_option<bool>("rest", "what becomes of all other balls then", &SceneState::hide_rest,
                                        {{"dim", false}, {"hide", true}}));
  options.push_back(
      {"clip",
       "off|AXIS<VALUE|AXIS>VALUE|X,Y,Z<VALUE",
       "keeps the points on one side of a plane, in the file's coordinates: x<0.5, z>2, 1,1,0<3",
       {},
       [](SceneState& state, const std::string& text, const PointCloud*) { state.clip = clip_from(text); },
       [](const SceneState& state, const PointCloud*) { return to_string(state.clip); }});
  options.push_back(switch_option("score-lines", "lines from the query to its blocks, the wider the higher the score",
                                  &SceneState::score_lines));
  options.push_back(switch_option("nodes", "pooled layers show their nodes as discs", &SceneState::nodes));
  return options;
}

}  // namespace erwin::ui
